//! The wall clock, for what is shown and signed. Nothing waits by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970 UTC.
#[allow(
    clippy::disallowed_methods,
    reason = "the only place where this crate reads it"
)]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
