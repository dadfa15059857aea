//! The floor: try, confirm and cancel by plain tonic, as one would write it by hand and with no log at all.
//!
//! It takes the coordinator's own `ExecuteTransaction`, tries every branch at once, answers with the decision and then
//! confirms every branch at once. What it doesn't do is what makes a coordinator: nothing is durable, nothing is repeated.

use std::sync::Arc;

use futures::future::join_all;
use http::uri::PathAndQuery;
use tercet_client::proto::{
    ExecuteTransactionRequest, ExecuteTransactionResponse, Transaction, TransactionState, branch,
};
use tonic::{
    Request, Response, Status,
    body::Body,
    client,
    server::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::raw::{self, handler};
use crate::failure::Failure;

/// The participants, in the order of the branches.
struct Floor {
    participants: Vec<Channel>,
}

/// Runs the floor over these participants, `HOST:PORT` each.
pub(super) async fn run(participants: &[String]) -> Result<(), Failure> {
    let participants = participants
        .iter()
        .map(|address| {
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            Ok(endpoint.map_err(Failure::usage)?.connect_lazy())
        })
        .collect::<Result<_, Failure>>()?;
    let floor = Arc::new(Floor { participants });
    let address = raw::serve(handler(floor, answer)).await?;
    raw::stay(&address.to_string()).await
}

async fn answer(floor: Arc<Floor>, request: http::Request<Body>) -> http::Response<Body> {
    let execute = tower::service_fn(move |request: Request<ExecuteTransactionRequest>| {
        let floor = Arc::clone(&floor);
        async move { floor.execute(request.into_inner()).await }
    });
    Grpc::new(ProstCodec::<ExecuteTransactionResponse, _>::default())
        .unary(execute, request)
        .await
}

impl Floor {
    async fn execute(
        self: Arc<Self>,
        request: ExecuteTransactionRequest,
    ) -> Result<Response<ExecuteTransactionResponse>, Status> {
        let payloads: Vec<Vec<u8>> = request.branches.into_iter().map(payload).collect();
        let tried = self.all("/bench.v1.WorkService/Try", &payloads).await;
        let (path, state) = if tried {
            (
                "/bench.v1.WorkService/Confirm",
                TransactionState::Confirming,
            )
        } else {
            ("/bench.v1.WorkService/Cancel", TransactionState::Cancelling)
        };
        tokio::spawn(async move { self.all(path, &payloads).await });
        Ok(Response::new(ExecuteTransactionResponse {
            transaction: Some(Transaction {
                gid: request.gid,
                state: state.into(),
                ..Transaction::default()
            }),
        }))
    }

    /// Calls all participants at once; whether all said yes.
    async fn all(&self, path: &'static str, payloads: &[Vec<u8>]) -> bool {
        let calls = self
            .participants
            .iter()
            .zip(payloads)
            .map(|(channel, payload)| call(channel.clone(), path, payload.clone()));
        join_all(calls)
            .await
            .into_iter()
            .all(|answer| answer.is_ok())
    }
}

fn payload(branch: tercet_client::proto::Branch) -> Vec<u8> {
    match branch.payload {
        Some(branch::Payload::Message(message)) => message.into(),
        _ => Vec::new(),
    }
}

async fn call(channel: Channel, path: &'static str, payload: Vec<u8>) -> Result<(), Status> {
    let mut grpc = client::Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    // `Vec<u8>` is `google.protobuf.BytesValue` on the wire.
    let codec = ProstCodec::<Vec<u8>, ()>::default();
    grpc.unary(
        Request::new(payload),
        PathAndQuery::from_static(path),
        codec,
    )
    .await
    .map(Response::into_inner)
}
