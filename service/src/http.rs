//! The HTTP side of every server: `/healthz`, `/readyz`, and what the server adds.
//!
//! `/healthz` depends on nothing: it says that the process can still answer. `/readyz` lists its reasons.

use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};

use crate::Readiness;

/// `extra` (metrics, console) with the two health routes.
pub(crate) fn router(readiness: Readiness, extra: Router) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { ready(&readiness) }))
        .merge(extra)
}

fn ready(readiness: &Readiness) -> impl IntoResponse + use<> {
    let reasons = readiness.reasons();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: Vec<String> = reasons
        .into_iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n") + "\n")
}
