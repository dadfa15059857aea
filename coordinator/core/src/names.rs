//! The names of the contract, parsed once at the border and compared byte by byte.

use core::fmt;
use std::sync::Arc;

/// Why a text is not a name of the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than the contract allows.
    #[error("has {length} bytes, more than {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is allowed, in bytes.
        max: usize,
    },
    /// A byte that is not visible ASCII (0x21 to 0x7e).
    #[error("has a byte that is not visible ASCII at position {position}")]
    NotVisibleAscii {
        /// Where, from 0.
        position: usize,
    },
}

fn check(text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > max {
        return Err(NameError::TooLong {
            length: text.len(),
            max,
        });
    }
    match text.bytes().position(|byte| !byte.is_ascii_graphic()) {
        Some(position) => Err(NameError::NotVisibleAscii { position }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most bytes that such a name may have.
            pub const MAX_BYTES: usize = $max;

            /// Parses a name; the error says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check(text, Self::MAX_BYTES)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// The name of a global transaction, and its idempotency key: 1 to 128 visible ASCII characters.
    Gid,
    128
);
name!(
    /// The name of a branch, unique within its gid: 1 to 64 visible ASCII characters.
    BranchId,
    64
);
name!(
    /// The configured name of a participant: 1 to 64 visible ASCII characters.
    ParticipantName,
    64
);
name!(
    /// The configured name of a participant's action: 1 to 64 visible ASCII characters.
    ActionName,
    64
);
