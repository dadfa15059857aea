//! Checks that every service makes of what comes in, so that they are the same everywhere.

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 500;

/// Whether a text can be an id: 1 to `length_max` visible ASCII characters.
pub fn is_id(text: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The rows of a page: 0 means 100, above 500 is capped.
///
/// # Errors
///
/// A sentence for the caller when `asked` is negative.
pub fn page_size(asked: i32) -> Result<u32, String> {
    match u32::try_from(asked) {
        Ok(0) => Ok(PAGE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_MAX)),
        Err(_) => Err("page_size is negative".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_id, page_size};

    #[test]
    fn an_id_is_short_and_visible() {
        assert!(is_id("a", 1));
        assert!(is_id("~!/", 3));
        for bad in ["", "ab", " ", "\u{7f}", "é", "\n"] {
            assert!(!is_id(bad, 1), "{bad:?}");
        }
    }

    #[test]
    fn page_sizes_are_the_contracts() {
        assert_eq!(page_size(0), Ok(100));
        assert_eq!(page_size(1), Ok(1));
        assert_eq!(page_size(500), Ok(500));
        assert_eq!(page_size(i32::MAX), Ok(500));
        assert!(page_size(-1).is_err());
    }
}
