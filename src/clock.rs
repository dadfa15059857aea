//! The one place of this crate that reads the wall clock. Rendering takes the time as a parameter.

use jiff::Timestamp;

/// Now, in UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the crate's clock module"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
