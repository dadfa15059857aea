//! The provider's public key, and whether it signed something.

use std::path::{Path, PathBuf};

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// Longest signature: that of an 8192-bit key.
const SIGNATURE_BYTES_MAX: usize = 1024;

/// Why the provider's key can't be read.
#[derive(Debug, thiserror::Error)]
#[error("provider.public_key_file: {path}: {source}")]
pub struct PublicKeyError {
    path: PathBuf,
    source: std::io::Error,
}

/// Checks signatures: RSA PKCS #1 v1.5 with SHA-256.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    pub(crate) fn load(path: &Path) -> Result<Self, PublicKeyError> {
        let der = std::fs::read(path).map_err(|source| PublicKeyError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(UnparsedPublicKey::new(
            &RSA_PKCS1_2048_8192_SHA256,
            der,
        )))
    }

    /// Whether `signature`, in hexadecimal, is the provider's of `body`.
    pub(crate) fn is_signed(&self, body: &[u8], signature: &str) -> bool {
        unhex(signature).is_some_and(|signature| self.0.verify(body, &signature).is_ok())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .take(2 * SIGNATURE_BYTES_MAX + 1)
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect(),
    )
}
