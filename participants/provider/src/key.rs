//! The RSA key that notices are signed with, and a second one for forging.
//!
//! Must never: write a private key to the log, or where others may read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs1v15;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::{RsaPrivateKey, RsaPublicKey, rand_core};

/// The least that verifiers accept.
const BITS: usize = 2048;

/// Why there is no key. One line each.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no key, or none could be made.
    #[error("{path}: not a usable RSA key: {why}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the library says; never the key.
        why: String,
    },
}

/// Signs.
#[derive(Clone)]
pub struct SigningKey(pkcs1v15::SigningKey<Sha256>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// The key of `private`, made where there is none; its public half is written to `public`.
    pub fn load_or_make(private: &Path, public: &Path) -> Result<Self, KeyError> {
        let unusable = |why: String| KeyError::Unusable {
            path: private.to_owned(),
            why,
        };
        let key = match fs::read_to_string(private) {
            Ok(pem) => {
                RsaPrivateKey::from_pkcs8_pem(&pem).map_err(|error| unusable(error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = RsaPrivateKey::new(&mut rand_core::OsRng, BITS)
                    .map_err(|error| unusable(error.to_string()))?;
                let pem = key
                    .to_pkcs8_pem(LineEnding::LF)
                    .map_err(|error| unusable(error.to_string()))?;
                write_secret(private, pem.as_bytes()).map_err(|source| KeyError::File {
                    path: private.to_owned(),
                    source,
                })?;
                key
            }
            Err(source) => {
                return Err(KeyError::File {
                    path: private.to_owned(),
                    source,
                });
            }
        };
        let der = RsaPublicKey::from(&key)
            .to_pkcs1_der()
            .map_err(|error| unusable(error.to_string()))?;
        fs::write(public, der.as_bytes()).map_err(|source| KeyError::File {
            path: public.to_owned(),
            source,
        })?;
        Ok(Self(pkcs1v15::SigningKey::new(key)))
    }

    /// The signature of `body`, in hexadecimal.
    pub fn sign(&self, body: &[u8]) -> String {
        let signature = self.0.sign(body).to_vec();
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        let digits = signature
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.collect()
    }
}

/// Only its owner may read it. A file that is there already is somebody else's, and stays.
fn write_secret(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
