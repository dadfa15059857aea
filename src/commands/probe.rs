//! `tercet probe`: is it serving? Asks `grpc.health.v1`, once, and says nothing more than it must.

use std::time::Duration;

use serde_json::json;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::Context;
use crate::{cli::Probe, failure::Failure, output};

/// A container's health check that hangs is a failed one.
const LIMIT: Duration = Duration::from_secs(3);

pub(super) async fn run(context: &Context, command: Probe) -> Result<(), Failure> {
    let mut last = Failure::failed("no endpoint");
    for endpoint in &context.endpoints {
        match tokio::time::timeout(LIMIT, ask(endpoint, &command.service)).await {
            Ok(Ok(())) => {
                output::print(&if context.is_json {
                    json!({ "serving": true, "endpoint": endpoint }).to_string()
                } else {
                    "serving".to_owned()
                });
                return Ok(());
            }
            Ok(Err(failure)) => last = failure,
            Err(_) => last = Failure::failed(format!("{endpoint}: no answer in {LIMIT:?}")),
        }
    }
    if context.is_json {
        output::print(&json!({ "serving": false, "problem": last.line() }).to_string());
    }
    Err(last)
}

async fn ask(endpoint: &str, service: &str) -> Result<(), Failure> {
    let failed = |problem: &str| Failure::failed(format!("{endpoint}: {problem}"));
    let url = if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    };
    let channel = Endpoint::from_shared(url)
        .map_err(|_| Failure::usage(format!("{endpoint}: expected a URL or HOST:PORT")))?
        .connect()
        .await
        .map_err(|_| failed("can't be reached"))?;
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = HealthClient::new(channel)
        .check(request)
        .await
        .map_err(|status| failed(status.message()))?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(failed(other.as_str_name())),
    }
}
