//! What is asked of the system in each cell: a handful of everything.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tercet_proto::shop::order::v1::PlaceOrderRequest;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::{NotifyRequest, ReserveStockRequest};
use tercet_proto::tercet::v1::{
    BeginTransactionRequest, Branch, ExecuteTransactionRequest, Initiator, RegisterBranchRequest,
    TransactionOptions, WaitFor,
};
use tonic::Request;

use crate::answers::{Answers, Told};
use crate::harness::patiently;
use crate::harness::scripted::Scripted;
use crate::harness::shop::Shop;
use crate::load::{Deal, PLENTY, Planned, RICH, SCARCE, may_be_repeated, message, reason};

/// More points than anybody has.
const TOO_MANY_POINTS: i64 = 1_000_000_000_000;
/// More pieces of [`SCARCE`] than there ever were.
const TOO_MANY_PIECES: i64 = SCARCE.1 + 1;
/// After that the coordinator asks the initiator of a message.
const DEADLINE_MILLIS: i32 = 400;

/// Orders that go well and that are refused, in one call and step by step, with a message among the branches.
pub(crate) fn deals(prefix: &str) -> Vec<Planned> {
    let order = |id: &str, sku: &str, quantity, points| {
        Deal::Order(PlaceOrderRequest {
            request_id: format!("o-{prefix}-{id}"),
            user_id: RICH.0.into(),
            sku: sku.into(),
            quantity,
            points_to_spend: points,
            ..Default::default()
        })
    };
    let direct = |id: &str, points| {
        Deal::Direct(ExecuteTransactionRequest {
            gid: format!("d-{prefix}-{id}"),
            branches: branches(&format!("{prefix}-{id}"), points),
            wait_for: WaitFor::Completion.into(),
            ..ExecuteTransactionRequest::default()
        })
    };
    let steps = |id: &str, confirm| {
        let mut branches = branches(&format!("{prefix}-{id}"), 3);
        branches.truncate(2);
        let gid = format!("s-{prefix}-{id}");
        Deal::Steps {
            gid,
            branches,
            confirm,
        }
    };
    let planned = |deal, copies| Planned { deal, copies };
    vec![
        planned(order("1", PLENTY.0, 2, 5), 2),
        planned(order("2", SCARCE.0, TOO_MANY_PIECES, 5), 1),
        planned(direct("3", 3), 1),
        planned(direct("4", TOO_MANY_POINTS), 1),
        planned(order("7", PLENTY.0, 1, 0), 1),
        planned(steps("5", true), 1),
        planned(steps("6", false), 1),
    ]
}

fn branches(id: &str, points: i64) -> Vec<Branch> {
    let reserve = ReserveStockRequest {
        sku: PLENTY.0.into(),
        quantity: 1,
        ..Default::default()
    };
    let spend = SpendPointsRequest {
        user_id: RICH.0.into(),
        points,
        order_ref: format!("ref-{id}"),
        ..Default::default()
    };
    vec![
        message("1", "stock", "reserve", reserve.encode_to_vec()),
        message("2", "points", "spend", spend.encode_to_vec()),
        notify(id),
    ]
}

fn notify(id: &str) -> Branch {
    let notify = NotifyRequest {
        subject: format!("ref-{id}"),
        text: "placed".into(),
    };
    message("3", "stock", "notify", notify.encode_to_vec())
}

/// The coordinator's entry for the initiator of messages.
pub(crate) fn initiator_table(initiator: &Scripted) -> String {
    let address = initiator.address;
    format!("[participants.app]\nendpoints = [\"http://{address}\"]\ntimeout = \"1s\"\n")
}

/// Says COMMITTED whenever it is asked, for as long as that is wanted.
pub(crate) async fn answer_checks(initiator: Arc<Scripted>) {
    loop {
        // CheckTransactionResponse { outcome: COMMITTED }
        initiator.call().await.reply(&[0x08, 0x01]);
    }
}

/// A reliable message whose initiator vanishes after registering it: it is the coordinator's question at the deadline that
/// ends it.
pub(crate) async fn send_message(shop: &Shop, answers: &Answers, prefix: &str) {
    let gid = format!("m-{prefix}");
    let options = TransactionOptions {
        try_timeout: Some(prost_types::Duration {
            seconds: 0,
            nanos: DEADLINE_MILLIS * 1_000_000,
        }),
        initiator: Some(Initiator {
            participant: "app".into(),
            service: "test.v1.AppService".into(),
        }),
        ..TransactionOptions::default()
    };
    let begin = BeginTransactionRequest {
        gid: gid.clone(),
        options: Some(options),
    };
    let register = RegisterBranchRequest {
        gid: gid.clone(),
        branch: Some(notify(&gid)),
    };
    let client = shop.transactions();
    insist(answers, async || {
        let mut client = client.clone();
        client
            .begin_transaction(limited(begin.clone()))
            .await
            .map(drop)
    })
    .await;
    insist(answers, async || {
        let mut client = client.clone();
        match client.register_branch(limited(register.clone())).await {
            // The question was faster: it is a message without a receiver.
            Err(status) if reason(&status) == "ALREADY_DECIDED" => Ok(()),
            answer => answer.map(drop),
        }
    })
    .await;
    answers.told(&gid, Told::Confirm);
}

async fn insist(answers: &Answers, call: impl AsyncFn() -> Result<(), tonic::Status>) {
    patiently("an answer", async {
        while let Err(status) = call().await {
            assert!(may_be_repeated(&status), "{status:?}");
            answers.failed();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(5));
    request
}
