//! Order numbers: they sort by time, and the rest is random, so that two of them don't tell how many orders lie between.

use rand::Rng;

/// Crockford's base 32 (<https://www.crockford.com/base32.html>): no I, L, O, U to misread, and its digits sort as
/// text.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: u32 = 16;
const GROUP_LENGTH: u32 = 4;
/// Random bits behind the milliseconds: two orders of one millisecond collide once in 2^35, and fail on the key.
const RANDOM_BITS: u32 = 35;

/// A new number, for example `1MZ3-7K3M-99QW-X2AB`: 45 bits of milliseconds since 1970 and 35 random ones.
pub(crate) fn new(now_micros: i64) -> String {
    let millis = u128::try_from(now_micros / 1000).unwrap_or(0);
    let random: u64 = rand::rng().random();
    text(millis << RANDOM_BITS | u128::from(random >> (64 - RANDOM_BITS)))
}

/// The lower 80 bits as text, the highest first.
fn text(bits: u128) -> String {
    (0..LENGTH)
        .flat_map(|position| {
            let shift = 5 * (LENGTH - 1 - position);
            let digit = usize::try_from((bits >> shift) & 31).unwrap_or(0);
            let dash = (position > 0 && position % GROUP_LENGTH == 0).then_some('-');
            dash.into_iter()
                .chain(ALPHABET.get(digit).map(|byte| char::from(*byte)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{new, text};

    #[test]
    fn every_bit_counts() {
        assert_eq!(text(0), "0000-0000-0000-0000");
        assert_eq!(text(u128::MAX), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        for bit in 0..80 {
            assert_ne!(text(1 << bit), text(0), "bit {bit}");
        }
    }

    #[test]
    fn numbers_sort_by_time_and_tell_no_count() {
        assert!(new(1_700_000_000_000_000) < new(1_700_000_000_001_000));
        let (one, other) = (new(1_700_000_000_000_000), new(1_700_000_000_000_000));
        assert_eq!(one.get(..11), other.get(..11), "the time");
        assert_ne!(one.get(11..), other.get(11..), "the rest");
    }
}
