//! `traceparent` (W3C Trace Context), read and written.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The span that a `traceparent` names, if that is sampled. Anything else is nobody's parent.
pub(super) fn sampled(text: &str) -> Option<SpanContext> {
    let bytes = text.as_bytes();
    // The last character of the flags is looked at first: mostly that settles it.
    let flag = *bytes.get(54)?;
    if !matches!(flag, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f') {
        return None;
    }
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = [version.len(), trace.len(), span.len(), flags.len()];
    if lengths != [2, 32, 16, 2] || version == "ff" {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

/// The `traceparent` that continues a span.
pub(super) fn traceparent(context: &SpanContext) -> String {
    let flags = context.trace_flags().to_u8() & 1;
    format!(
        "00-{}-{}-{flags:02x}",
        context.trace_id(),
        context.span_id()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn what_is_sampled_is_read_and_written_the_same() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(&sampled(text).unwrap()), text);
    }

    #[test]
    fn what_is_not_sampled_or_not_well_formed_is_nobodys_parent() {
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
        ] {
            assert!(sampled(text).is_none(), "{text}");
        }
    }
}
