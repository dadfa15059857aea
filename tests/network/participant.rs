//! A participant host: a tonic server with one action, whose ledger outlives it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use tercet_participant::Phase;
use tercet_service::{Drain, Services};
use tonic::{Request, Response, Status, body::Body, server::Grpc, server::NamedService};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    bugs::Bug,
    ledger::{Answer, Ledger},
    net,
    world::Shared,
};

/// How much of the work is slow.
const SLOW: f64 = 0.05;
/// How slow it can be; callers wait for 300 ms.
const SLOW_MS_MAX: u64 = 900;
/// The action's service.
pub(crate) const SERVICE: &str = "network.v1.PayService";

/// Runs until its host crashes.
pub(crate) async fn run(
    name: &'static str,
    ledger: Arc<Mutex<Ledger>>,
    shared: Shared,
) -> turmoil::Result {
    if shared.bug == Some(Bug::FenceForgotten) {
        ledger.lock().unwrap().rows.clear();
    }
    let pay = Pay {
        name,
        ledger,
        shared,
    };
    let running = net::bind()
        .await?
        .start(Services::new().grpc(pay), Drain::new())?;
    Ok(running.wait().await?)
}

/// The action.
#[derive(Clone)]
struct Pay {
    name: &'static str,
    ledger: Arc<Mutex<Ledger>>,
    shared: Shared,
}

impl NamedService for Pay {
    const NAME: &'static str = SERVICE;
}

impl tower::Service<http::Request<Body>> for Pay {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let pay = self.clone();
        let serve = tower::service_fn(move |request: Request<i64>| {
            let pay = pay.clone();
            async move { pay.serve(request).await }
        });
        // `i64` is `google.protobuf.Int64Value` on the wire.
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<i64, i64>::default())
                .unary(serve, request)
                .await)
        })
    }
}

impl Pay {
    async fn serve(&self, request: Request<i64>) -> Result<Response<i64>, Status> {
        let word = |key: &str| {
            let value = request
                .metadata()
                .get(key)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let key = (word("tercet-gid"), word("tercet-branch"));
        let phase = Phase::from_word(&word("tercet-phase"))
            .ok_or_else(|| Status::invalid_argument("tercet-phase"))?;
        let amount = *request.get_ref();
        self.shared.promised(self.name, &key, phase).await;
        if self.shared.bug == Some(Bug::AnswersBeforeItWrites) {
            tokio::time::sleep(self.shared.pause(30)).await;
            let pay = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(60)).await;
                pay.apply(&key, phase, amount);
            });
            return Ok(Response::new(amount));
        }
        let pay = self.clone();
        let pause = self.pause();
        // Work that has begun goes on when its caller has given up, as an SQL transaction does.
        let working = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            pay.apply(&key, phase, amount)
        });
        let answer = working
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        // What crashes here has written and not answered.
        tokio::time::sleep(self.shared.pause(30)).await;
        match answer {
            Answer::Done => Ok(Response::new(amount)),
            Answer::Refused(reason) => Err(refusal(reason)),
        }
    }

    /// How long the work takes: seldom longer than the caller waits.
    fn pause(&self) -> Duration {
        if self.shared.fraction() < SLOW {
            self.shared.pause(SLOW_MS_MAX)
        } else {
            self.shared.pause(30)
        }
    }

    fn apply(&self, key: &(String, String), phase: Phase, amount: i64) -> Answer {
        let answer = self
            .ledger
            .lock()
            .unwrap()
            .call(key, phase, amount, self.shared.bug);
        let (gid, branch) = key;
        self.shared.trace.note(format!(
            "{}: {phase} {gid}/{branch} {amount}: {answer:?}",
            self.name
        ));
        answer
    }
}

fn refusal(reason: &str) -> Status {
    let details =
        ErrorDetails::with_error_info(reason, "network", std::collections::HashMap::new());
    Status::with_error_details(tonic::Code::FailedPrecondition, reason, details)
}
