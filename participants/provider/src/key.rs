//! The RSA key that notices are signed with, and a second one for forging.
//!
//! Must never: write a private key to the log, or where others may read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
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
        publish(public, der.as_bytes()).map_err(|source| KeyError::File {
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

/// Whoever reads it meanwhile reads all of what was there, or all of this.
fn publish(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if fs::read(path).is_ok_and(|former| former == content) {
        return Ok(());
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A shop that starts while a provider does must not read half a key.
    #[test]
    fn whoever_reads_the_public_key_meanwhile_reads_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("key.pem"), folder.path().join("key.der"));
        SigningKey::load_or_make(&private, &public).unwrap();
        let whole = fs::read(&public).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(fs::read(&public).unwrap(), whole);
                }
            });
            for _ in 0..30 {
                SigningKey::load_or_make(&private, &public).unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_public_key_that_is_anothers_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("key.pem"), folder.path().join("key.der"));
        SigningKey::load_or_make(&private, &public).unwrap();
        let right = fs::read(&public).unwrap();
        fs::write(&public, "another").unwrap();
        SigningKey::load_or_make(&private, &public).unwrap();
        assert_eq!(fs::read(&public).unwrap(), right);
    }
}
