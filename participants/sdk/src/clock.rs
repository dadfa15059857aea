//! The wall clock, in the unit the tables keep: whole microseconds since the Unix epoch, UTC.
//!
//! Deadlines and retention are all it serves: a wrong clock makes an answer early or late, never wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in microseconds since the Unix epoch; 0 for a clock set before it.
#[allow(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn now_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, micros)
}

/// A length of time in microseconds, at most the largest that fits.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds since the Unix epoch as a protobuf timestamp.
pub fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos,
    }
}
