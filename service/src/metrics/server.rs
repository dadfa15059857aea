//! What every server tells of itself, and the route.

use axum::{
    Router, http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER, response::IntoResponse, routing::get,
};

use super::{CONTENT_TYPE, Definition, Gauge, Label, Metrics, Refresh};
use crate::Readiness;

const BUILD_INFO: Definition = Definition::gauge(
    "tercet_build_info",
    "1; the labels say what is running.",
    &[
        Label {
            name: "server",
            values: "`coordinator`, or the service's name",
        },
        Label {
            name: "version",
            values: "the version of the build",
        },
    ],
);

const READY: Definition = Definition::gauge(
    "tercet_ready",
    "1 while /readyz is green, 0 while it is red.",
    &[],
);

const STARTED: Definition = Definition::gauge(
    "tercet_start_time_seconds",
    "When the server was started, in seconds since 1970 UTC.",
    &[],
);

/// The figures of every server.
pub const DEFINITIONS: &[&Definition] = &[&BUILD_INFO, &READY, &STARTED];

fn describe(metrics: &Metrics, server: &str) {
    let labels = [server, env!("CARGO_PKG_VERSION")];
    metrics
        .gauges(&BUILD_INFO)
        .with_label_values(&labels)
        .set(1.0);
    let now = crate::clock::since_epoch();
    metrics.gauge(&STARTED).set(now.as_secs_f64());
}

/// `/metrics` of a server of that name, with what every server tells.
pub(crate) fn route(
    server: &str,
    metrics: &Metrics,
    refresh: Option<Refresh>,
    readiness: Readiness,
) -> Router {
    describe(metrics, server);
    let ready: Gauge = metrics.gauge(&READY);
    let metrics = metrics.clone();
    let answer = move || {
        ready.set(f64::from(u8::from(readiness.reasons().is_empty())));
        if let Some(refresh) = &refresh {
            refresh();
        }
        let page = ([(CONTENT_TYPE_HEADER, CONTENT_TYPE)], metrics.render());
        std::future::ready(page.into_response())
    };
    Router::new().route("/metrics", get(answer))
}
