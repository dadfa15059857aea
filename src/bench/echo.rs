//! The participants of a measurement: servers that answer every try, confirm and cancel at once, with nothing; the slow service
//! answers after [`SLOW`].
//!
//! They count the calls of each kind, so that a measurement can wait until the last confirm has come. A receiver of traces is the
//! same, and counts what is sent to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tonic::{Request, Response, Status, body::Body, server::Grpc};
use tonic_prost::ProstCodec;

use super::raw::{self, handler};
use crate::failure::Failure;

/// How many a transaction has branches at.
pub(super) const PARTICIPANTS: usize = 3;
/// How many there are: one more, which may be dead or slow.
const SERVERS: usize = PARTICIPANTS + 1;
/// How long the slow service takes.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// The phase-two calls that came, or the calls with spans.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

/// Runs all of them in this process.
pub(super) async fn run() -> Result<(), Failure> {
    let counted = Arc::new(Counted::default());
    let mut addresses = Vec::with_capacity(SERVERS);
    for _ in 0..SERVERS {
        let address = raw::serve(handler(Arc::clone(&counted), answer)).await?;
        addresses.push(address.to_string());
    }
    raw::stay(&addresses.join(" ")).await
}

/// Runs a receiver of traces.
pub(super) async fn run_receiver() -> Result<(), Failure> {
    let counted = Arc::new(Counted::default());
    let address = raw::serve(handler(counted, answer)).await?;
    raw::stay(&address.to_string()).await
}

async fn answer(counted: Arc<Counted>, request: http::Request<Body>) -> http::Response<Body> {
    if request.uri().path().starts_with("/bench.v1.SlowService/") {
        tokio::time::sleep(SLOW).await;
    }
    let method = request.uri().path().rsplit('/').next().unwrap_or_default();
    let count = match method {
        "Get" => counted.0.load(Ordering::Relaxed),
        "Try" => 0,
        _ => {
            counted.0.fetch_add(1, Ordering::Relaxed);
            0
        }
    };
    let say =
        tower::service_fn(
            move |_: Request<()>| async move { Ok::<_, Status>(Response::new(count)) },
        );
    // `u64` is `google.protobuf.UInt64Value` on the wire; nought is an empty message.
    Grpc::new(ProstCodec::<u64, ()>::default())
        .unary(say, request)
        .await
}
