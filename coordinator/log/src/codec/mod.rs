//! Rows from transactions, and transactions from rows.
//!
//! Encoding can't fail. Decoding trusts nothing: a person with a SQL prompt, a damaged file or a newer version may have
//! written what stands there, and an impossible row must never become a transaction that is acted upon.

mod codes;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(crate) use codes::{mode_code, state_code, state_of_code};
pub use decode::DecodeError;
pub(crate) use decode::StoredRow;
