//! What a call inherits from the one that it serves: the deadline and the trace.
//!
//! Deadlines don't travel downstream by themselves. A server that calls the coordinator while it answers
//! somebody reads the context from its request and hands it to the client.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

/// Deadline and trace of the caller's caller.
///
/// ```
/// use tercet_client::CallContext;
///
/// async fn place_order(request: tonic::Request<()>) {
///     let context = CallContext::of(&request);
///     // let outcome = client.within(context).execute("order-1")…
/// #   let _ = context;
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    traceparent: Option<AsciiMetadataValue>,
    tracestate: Option<AsciiMetadataValue>,
}

impl CallContext {
    /// No deadline, no trace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `grpc-timeout`, `traceparent` and `tracestate` of a request that is being served. The time
    /// counts from this call on.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        let metadata = request.metadata();
        Self {
            deadline: timeout(metadata).and_then(|left| Instant::now().checked_add(left)),
            traceparent: metadata
                .get("traceparent")
                .filter(|value| is_traceparent(value))
                .cloned(),
            tracestate: metadata.get("tracestate").cloned(),
        }
    }

    /// An earlier deadline; a later one than what is set changes nothing.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |set| set.min(deadline)));
        self
    }

    /// The same as a time from now.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// A W3C `traceparent`. One that isn't well-formed is left out, as the standard asks.
    #[must_use]
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.traceparent = AsciiMetadataValue::try_from(traceparent)
            .ok()
            .filter(is_traceparent);
        self
    }

    pub(crate) fn deadline_at(&self) -> Option<Instant> {
        self.deadline
    }

    /// The trace that the call continues.
    pub(crate) fn traceparent_text(&self) -> Option<&str> {
        self.traceparent.as_ref()?.to_str().ok()
    }

    /// Puts the trace, not the deadline, into outgoing metadata.
    pub(crate) fn trace_into(&self, metadata: &mut MetadataMap) {
        if let Some(value) = &self.traceparent {
            metadata.insert("traceparent", value.clone());
            if let Some(value) = &self.tracestate {
                metadata.insert("tracestate", value.clone());
            }
        }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, neither id all zero. Later versions may be longer.
fn is_traceparent(value: &AsciiMetadataValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |part: &str| part.bytes().any(|b| b != b'0');
    match parts.as_slice() {
        [version, trace, span, flags, rest @ ..] => {
            is_hex(version, 2)
                && *version != "ff"
                && (*version != "00" || rest.is_empty())
                && is_hex(trace, 32)
                && is_set(trace)
                && is_hex(span, 16)
                && is_set(span)
                && is_hex(flags, 2)
        }
        _ => false,
    }
}

fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let headers: &HeaderMap = metadata.as_ref();
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn sent(context: &CallContext) -> Option<String> {
        let mut metadata = MetadataMap::new();
        context.trace_into(&mut metadata);
        let value = metadata.get("traceparent")?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn deadline_and_trace_are_read_from_the_request_being_served() {
        let mut request = tonic::Request::new(());
        request.set_timeout(Duration::from_secs(5));
        request
            .metadata_mut()
            .insert("traceparent", TRACE.parse().unwrap());
        let before = Instant::now();
        let context = CallContext::of(&request);
        let deadline = context.deadline_at().unwrap();
        assert!(deadline >= before + Duration::from_secs(5));
        assert!(deadline <= Instant::now() + Duration::from_secs(5));
        assert_eq!(sent(&context).as_deref(), Some(TRACE));
    }

    #[test]
    fn a_malformed_traceparent_is_left_out() {
        for bad in [
            "",
            "00-0-0-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(sent(&CallContext::new().traceparent(bad)), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_deadline_is_never_moved_later() {
        let now = Instant::now();
        let context = CallContext::new()
            .deadline(now + Duration::from_secs(1))
            .deadline(now + Duration::from_secs(9));
        assert_eq!(context.deadline_at(), Some(now + Duration::from_secs(1)));
    }
}
