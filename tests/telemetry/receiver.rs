//! An OTLP receiver: takes spans over gRPC, as a collector does, and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::harness::until;

/// A span with the name of the service that it is of.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) service: String,
    pub(crate) span: Span,
    pub(crate) resource: BTreeMap<String, String>,
}

impl Received {
    /// An attribute as text.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        texts(&self.span.attributes).remove(key)
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .filter_map(|pair| {
            let value = pair.value.as_ref()?.value.as_ref()?;
            Some((pair.key.clone(), text(value)))
        })
        .collect()
}

/// The receiver.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    spans: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Serves on a port of its own; the URL.
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(receiver.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        (receiver, format!("http://{address}"))
    }

    /// What has come so far.
    pub(crate) fn spans(&self) -> Vec<Received> {
        self.spans.lock().unwrap().clone()
    }

    /// Waits until what has come is enough.
    pub(crate) async fn until(
        &self,
        what: &str,
        is_enough: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        until(what, || async {
            Some(self.spans()).filter(|spans| is_enough(spans))
        })
        .await
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().unwrap();
        for group in request.into_inner().resource_spans {
            let resource = texts(&group.resource.unwrap().attributes);
            let service = resource["service.name"].clone();
            let all = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| Received {
                service: service.clone(),
                span,
                resource: resource.clone(),
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
