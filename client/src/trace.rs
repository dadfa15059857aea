//! The client's own span around a call, where the application traces.
//!
//! It is made by OpenTelemetry's global tracer, as libraries do: without a provider in the application there is none, and
//! the caller's `traceparent` goes out as it came. Never begins a trace: that is for whoever decides about sampling.

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

/// The span of one call, its repetitions included; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct CallSpan(BoxedSpan);

impl CallSpan {
    /// A span below `traceparent`, else below the span that the application is in. None unless that one is sampled.
    pub(crate) fn begin<Q>(traceparent: Option<&str>) -> Option<Self> {
        let parent = match traceparent {
            Some(text) => Context::new().with_remote_span_context(sampled(text)?),
            None => Context::current(),
        };
        if !parent.span().span_context().is_sampled() {
            return None;
        }
        let request = std::any::type_name::<Q>().rsplit("::").next();
        let method = request.unwrap_or_default().trim_end_matches("Request");
        let builder = SpanBuilder::from_name(method).with_kind(SpanKind::Client);
        let mut span = global::tracer("tercet-client").build_with_context(builder, &parent);
        span.set_attribute(KeyValue::new("rpc.system", "grpc"));
        span.set_attribute(KeyValue::new("rpc.method", method));
        span.span_context().is_valid().then_some(Self(span))
    }

    /// The call continues this span.
    pub(crate) fn trace_into(&self, metadata: &mut MetadataMap) {
        let context = self.0.span_context();
        let flags = context.trace_flags().to_u8() & 1;
        let (trace, span) = (context.trace_id(), context.span_id());
        let text = format!("00-{trace}-{span}-{flags:02x}");
        if let Ok(value) = AsciiMetadataValue::try_from(text) {
            metadata.insert("traceparent", value);
        }
    }

    /// The call failed for good.
    pub(crate) fn fail(&mut self, why: String) {
        self.0.set_status(Status::error(why));
    }
}

/// The span that a well-formed `traceparent` names, if it is sampled.
fn sampled(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = u8::from_str_radix(flags, 16).ok()?;
    (flags & 1 == 1).then_some(())?;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}
