//! What a caller brings beside its request: a deadline, a trace, and who it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use tercet_core::Gid;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use super::operator::Operator;

/// "Shortly before the caller's deadline" is this part of the time left, held between the two bounds.
const NEAR_PART: u32 = 10;
const NEAR_MIN: Duration = Duration::from_millis(20);
const NEAR_MAX: Duration = Duration::from_millis(500);

/// Marks a call that another coordinator has passed on, and says where it came from.
pub(crate) const FORWARDED: &str = "tercet-forwarded";

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    deadline: Option<Instant>,
    is_forwarded: bool,
    near_deadline: Option<Instant>,
    operator: Operator,
    trace_parent: Option<Arc<str>>,
}

impl Caller {
    /// Read from the request as it arrives from `peer`.
    pub(crate) fn of(metadata: &MetadataMap, peer: Option<SocketAddr>) -> Self {
        let headers: &HeaderMap = metadata.as_ref();
        let near = |timeout: Duration| {
            let before = (timeout / NEAR_PART).clamp(NEAR_MIN, NEAR_MAX);
            Instant::now() + timeout.saturating_sub(before)
        };
        let trace_parent = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_trace_parent(text));
        let timeout = tercet_service::caller_timeout(headers);
        Self {
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            is_forwarded: headers.contains_key(FORWARDED),
            near_deadline: timeout.map(near),
            operator: Operator::of(headers, peer),
            trace_parent: trace_parent.map(Into::into),
        }
    }

    /// Whether another coordinator has passed the call on.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }

    /// Who acts, for the audit.
    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// How long it still waits, if not for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Shortly before its deadline, if it has one.
    pub(crate) fn near_deadline(&self) -> Option<Instant> {
        self.near_deadline
    }

    /// The `traceparent` of a new transaction: the caller's, or one that follows from the gid.
    pub(crate) fn trace_parent(&self, gid: &Gid, sample_ratio: f64) -> Arc<str> {
        match &self.trace_parent {
            Some(trace_parent) => Arc::clone(trace_parent),
            None => made_trace_parent(gid, sample_ratio).into(),
        }
    }
}

/// Whether a text is a `traceparent` (W3C Trace Context, version 00 or any later one that begins alike).
fn is_trace_parent(text: &str) -> bool {
    let is_hex = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let mut parts = text.split('-');
    let (Some(version), Some(trace), Some(parent), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let has_more = parts.next().is_some();
    let lengths = [(version, 2), (trace, 32), (parent, 16), (flags, 2)];
    lengths
        .iter()
        .all(|(part, length)| part.len() == *length && is_hex(part))
        && version != "ff"
        && (version != "00" || !has_more)
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !is_zero(trace)
        && !is_zero(parent)
}

/// Always the same for a gid, so that it needs no randomness; sampled for that share of the gids.
fn made_trace_parent(gid: &Gid, sample_ratio: f64) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(gid.as_str().as_bytes());
    let mut trace_parent = String::with_capacity(55);
    for (lead, bytes) in [("00-", &digest[..16]), ("-", &digest[16..24])] {
        trace_parent.push_str(lead);
        for byte in bytes {
            // Writing to a string can't fail.
            let _ = write!(trace_parent, "{byte:02x}");
        }
    }
    let chance = f64::from(u32::from_be_bytes([
        digest[24], digest[25], digest[26], digest[27],
    ])) / f64::from(u32::MAX);
    trace_parent.push_str(if chance < sample_ratio { "-01" } else { "-00" });
    trace_parent
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_made_trace_parent_is_one_and_always_the_same() {
        let gid = Gid::parse("order-1").unwrap();
        let made = made_trace_parent(&gid, 0.0);
        assert!(is_trace_parent(&made), "{made}");
        assert_eq!(made, made_trace_parent(&gid, 0.0));
        assert!(made.ends_with("-00"));
        assert!(made_trace_parent(&gid, 1.0).ends_with("-01"));
    }

    #[test]
    fn only_a_well_formed_trace_parent_is_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_trace_parent(good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(!is_trace_parent(bad), "{bad}");
        }
    }

    #[test]
    fn near_is_a_tenth_of_the_time_left_within_bounds() {
        let before = |timeout: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", timeout.parse().unwrap());
            let now = Instant::now();
            Caller::of(&metadata, None).near_deadline().unwrap() - now
        };
        let is_about = |found: Duration, millis: u64| {
            let expected = Duration::from_millis(millis);
            found >= expected && found < expected + Duration::from_millis(15)
        };
        assert!(is_about(before("1S"), 900));
        assert!(is_about(before("100m"), 80));
        assert!(is_about(before("60S"), 59_500));
    }
}
