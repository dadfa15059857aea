//! Traces by OpenTelemetry: one tracer a server, sent by OTLP over gRPC.
//!
//! Not a global: several servers run in one process, and each names itself. What is sampled is decided once, where a
//! trace begins, and travels in the flags of `traceparent`; a call that isn't sampled costs a look at two characters.
//!
//! [`Tracing`] makes spans, [`Span`] is one and ends when it is dropped, `layer` opens one for each gRPC call that is
//! served and hands it on as the call's own `traceparent`, so that whatever the call does continues it.
//!
//! Must never: hold up what is traced. Spans go into a bounded queue, which a thread of its own empties; what doesn't
//! fit is dropped. What is sent has no payloads and no headers but Tercet's own.

mod context;
mod layer;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::{
    Span as _, SpanBuilder, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub use opentelemetry::trace::SpanKind;

use crate::config::Telemetry;
pub(crate) use layer::TraceLayer;

/// How long the last spans may take to be sent when a server stops.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Whether the process's own provider, which libraries use, has been set.
static IS_GLOBAL_SET: AtomicBool = AtomicBool::new(false);

/// Traces can't be sent there.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp_endpoint: {0}")]
pub struct TracesError(String);

/// Makes the spans of one server, or none. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tracing(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    sample_ratio: f64,
}

impl Tracing {
    /// No traces.
    pub fn off() -> Self {
        Self(None)
    }

    /// Traces of a server of that name, as configured; none without an endpoint. Needs a Tokio runtime.
    ///
    /// The first one in a process also becomes that of the libraries in it, the client for one.
    pub fn start(telemetry: &Telemetry, server: &str) -> Result<Self, TracesError> {
        let Some(endpoint) = &telemetry.otlp_endpoint else {
            return Ok(Self::off());
        };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.to_string())
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.namespace", "tercet"),
                KeyValue::new("service.name", format!("tercet-{server}")),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance()),
                KeyValue::new("process.pid", i64::from(std::process::id())),
            ])
            // `telemetry.sdk.…`
            .with_detector(Box::new(TelemetryResourceDetector))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        if !IS_GLOBAL_SET.swap(true, Ordering::AcqRel) {
            opentelemetry::global::set_tracer_provider(provider.clone());
        }
        Ok(Self(Some(Arc::new(Inner {
            tracer: provider.tracer("tercet"),
            provider,
            sample_ratio: telemetry.sample_ratio.get(),
        }))))
    }

    /// Whether anything is traced at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A span below `parent`, a `traceparent`; none where that isn't sampled.
    pub fn span(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: &str) -> Span {
        let Some(inner) = &self.0 else {
            return Span(None);
        };
        let Some(parent) = context::sampled(parent) else {
            return Span(None);
        };
        let parent = Context::new().with_remote_span_context(parent);
        Span(Some(inner.begin(name.into(), kind, &parent)))
    }

    /// The first span of a new trace, for the configured share of calls.
    pub fn root(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
        match &self.0 {
            Some(inner) if rand::random_bool(inner.sample_ratio) => {
                Span(Some(inner.begin(name.into(), kind, &Context::new())))
            }
            _ => Span(None),
        }
    }

    /// Sends what is still waiting, within two seconds.
    pub async fn shutdown(&self) {
        let Some(inner) = &self.0 else {
            return;
        };
        let provider = inner.provider.clone();
        let sent = tokio::task::spawn_blocking(move || {
            provider
                .force_flush()
                .and_then(|()| provider.shutdown_with_timeout(SHUTDOWN_LIMIT))
        });
        let sent = tokio::time::timeout(SHUTDOWN_LIMIT, sent).await;
        if !matches!(sent, Ok(Ok(Ok(())))) {
            tracing::debug!("the last spans were not sent");
        }
    }
}

impl Inner {
    fn begin(
        &self,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: &Context,
    ) -> opentelemetry_sdk::trace::Span {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        self.tracer.build_with_context(builder, parent)
    }
}

/// A name for this run of this process.
fn instance() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A piece of work in a trace, or nothing. Ends when it is dropped.
#[derive(Debug)]
pub struct Span(Option<opentelemetry_sdk::trace::Span>);

impl Span {
    /// Whether it is one.
    pub fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// The `traceparent` that continues it.
    pub fn traceparent(&self) -> Option<String> {
        let span = self.0.as_ref()?;
        Some(context::traceparent(span.span_context()))
    }

    /// Adds what is known of it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// It didn't go well.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why));
        }
    }

    /// Points to the span that a `traceparent` names.
    pub fn link(&mut self, traceparent: &str) {
        if let Some(span) = &mut self.0
            && let Some(context) = context::sampled(traceparent)
        {
            span.add_link(context, Vec::new());
        }
    }
}
