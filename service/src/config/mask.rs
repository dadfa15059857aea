//! What may be shown of a secret: nothing but that it is there.

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// Whether a key's value is a secret by its name. A file that holds one is named openly.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.ends_with("_file")
        && ["password", "secret", "token", "webhook"]
            .iter()
            .any(|word| key.contains(word))
}

/// Replaces the password of every URL in `text`: `mysql://user:***@host/db`.
pub fn mask_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (scheme, after) = rest.split_at(start + 3);
        masked.push_str(scheme);
        let end = after
            .find(|c: char| c == '/' || c == '"' || c == '\'' || c == '`' || c.is_whitespace())
            .unwrap_or(after.len());
        // A password may hold a slash that wasn't escaped, so the user part reaches to the last `@` of the word.
        let word = after
            .find(|c: char| c == '"' || c == '`' || c.is_whitespace())
            .unwrap_or(after.len());
        match (after[..word].rfind('@'), after[..word].find(':')) {
            (Some(at), Some(colon)) if colon < at => {
                masked.push_str(&after[..=colon]);
                masked.push_str(MASK);
                rest = &after[at..];
            }
            _ => {
                masked.push_str(&after[..end]);
                rest = &after[end..];
            }
        }
    }
    masked.push_str(rest);
    masked
}

/// Masks secrets by the name of their key, and passwords inside URLs everywhere.
pub fn mask_table(table: &mut toml::Table) {
    for (key, value) in table.iter_mut() {
        if is_secret(key) && !value.is_table() {
            *value = toml::Value::String(MASK.to_owned());
        } else {
            mask_value(value);
        }
    }
}

fn mask_value(value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = mask_urls(text),
        toml::Value::Array(values) => values.iter_mut().for_each(mask_value),
        toml::Value::Table(table) => mask_table(table),
        _ => {}
    }
}
