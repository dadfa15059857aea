//! The secret that documents are signed with, and the signature.

use std::fmt;
use std::fs;
use std::path::Path;

use ring::hmac;

/// A secret shorter than this can be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// What sender and receiver share. Never shown.
pub struct Secret(hmac::Key);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why there is no secret. One line.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("can't read {file}: {source}")]
    Read {
        /// As configured.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Too short to be one.
    #[error("{file} holds {found} bytes, a secret needs at least {SECRET_BYTES_MIN}")]
    Short {
        /// As configured.
        file: String,
        /// How many.
        found: usize,
    },
}

impl Secret {
    /// Reads a file; line breaks and blanks at its end aren't part of the secret.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let name = file.display().to_string();
        let text = fs::read(file).map_err(|source| SecretError::Read {
            file: name.clone(),
            source,
        })?;
        let secret = text.trim_ascii_end();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(SecretError::Short {
                file: name,
                found: secret.len(),
            });
        }
        Ok(Self::of(secret))
    }

    /// From bytes.
    pub fn of(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

/// `v1=` and the hexadecimal HMAC-SHA256 of the timestamp, a dot, and the body.
pub fn signature(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut context = hmac::Context::with_key(&secret.0);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = "v1=".to_owned();
    for byte in context.sign().as_ref() {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_signature_is_that_of_others() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let secret = Secret::of(b"0123456789abcdef");
        let signed = signature(&secret, "1700000000", b"{\"a\":1}");
        assert_eq!(
            signed,
            "v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23"
        );
    }

    #[test]
    fn a_secret_is_never_shown_and_never_short() {
        assert_eq!(format!("{:?}", Secret::of(b"0123456789abcdef")), "***");
        let file = std::env::temp_dir().join(format!("tercet-secret-{}", std::process::id()));
        fs::write(&file, "short\n").unwrap();
        let error = Secret::read(&file).unwrap_err().to_string();
        assert!(error.contains("holds 5 bytes"), "{error}");
        fs::write(&file, "0123456789abcdef\n").unwrap();
        let read = Secret::read(&file).unwrap();
        let given = Secret::of(b"0123456789abcdef");
        assert_eq!(signature(&read, "1", b"a"), signature(&given, "1", b"a"));
        fs::remove_file(&file).unwrap();
        let error = Secret::read(&file).unwrap_err().to_string();
        assert!(error.starts_with("can't read "), "{error}");
    }
}
