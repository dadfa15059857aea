//! The participants of a measurement: three servers that answer every try, confirm and cancel at once, with nothing.
//!
//! They count the calls of each kind, so that a measurement can wait until the last confirm has come.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tonic::{Request, Response, Status, body::Body, server::Grpc};
use tonic_prost::ProstCodec;

use super::raw::{self, handler};
use crate::failure::Failure;

/// How many there are.
pub(super) const PARTICIPANTS: usize = 3;

/// The phase-two calls that came.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

/// Runs all of them in this process.
pub(super) async fn run() -> Result<(), Failure> {
    let counted = Arc::new(Counted::default());
    let mut addresses = Vec::with_capacity(PARTICIPANTS);
    for _ in 0..PARTICIPANTS {
        let address = raw::serve(handler(Arc::clone(&counted), answer)).await?;
        addresses.push(address.to_string());
    }
    raw::stay(&addresses.join(" ")).await
}

async fn answer(counted: Arc<Counted>, request: http::Request<Body>) -> http::Response<Body> {
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
