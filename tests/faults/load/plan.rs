//! What clients ask for, drawn from the seed.

use prost::Message as _;
use tercet_proto::shop::order::v1::PlaceOrderRequest;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::{NotifyRequest, ReserveStockRequest};
use tercet_proto::tercet::v1::{Branch, ExecuteTransactionRequest, WaitFor, branch};

use crate::seed::Seed;

/// Enough for every order.
pub(crate) const PLENTY: (&str, i64) = ("tea", 1_000_000);
/// Soon sold out, so that refusals are part of the load.
pub(crate) const SCARCE: (&str, i64) = ("saffron", 12);
/// Has points for everything.
pub(crate) const RICH: (&str, i64) = ("ann", 1_000_000_000);
/// Has points for a few orders.
pub(crate) const POOR: (&str, i64) = ("bob", 60);

/// One thing that a client wants done. Repeating it is always safe.
#[derive(Debug, Clone)]
pub(crate) enum Deal {
    /// Through the order service.
    Order(PlaceOrderRequest),
    /// Straight to the coordinator, in one call.
    Direct(ExecuteTransactionRequest),
    /// Straight to the coordinator, step by step, confirmed in the end or not.
    Steps {
        gid: String,
        branches: Vec<Branch>,
        confirm: bool,
    },
}

/// A deal, and how many clients ask for it at once.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) deal: Deal,
    pub(crate) copies: usize,
}

/// So many deals; `prefix` tells their gids from those of other rounds.
pub(crate) fn plan(seed: &mut Seed, prefix: &str, count: usize) -> Vec<Planned> {
    (0..count)
        .map(|number| Planned {
            deal: deal(seed, &format!("{prefix}-{number}")),
            copies: seed.one_of(&[1, 1, 2, 3]),
        })
        .collect()
}

fn deal(seed: &mut Seed, id: &str) -> Deal {
    let sku = seed.one_of(&[PLENTY.0, PLENTY.0, PLENTY.0, SCARCE.0]);
    let user = seed.one_of(&[RICH.0, RICH.0, RICH.0, POOR.0]);
    let quantity = 1 + i64::try_from(seed.below(3)).unwrap();
    let points = i64::try_from(seed.below(12)).unwrap();
    match seed.below(5) {
        0 | 1 => Deal::Order(PlaceOrderRequest {
            request_id: format!("o-{id}"),
            user_id: user.into(),
            sku: sku.into(),
            quantity,
            points_to_spend: points,
            ..PlaceOrderRequest::default()
        }),
        2 | 3 => Deal::Direct(ExecuteTransactionRequest {
            gid: format!("d-{id}"),
            branches: branches(seed, id, sku, quantity, user, points + 1),
            wait_for: seed
                .one_of(&[WaitFor::Decision, WaitFor::Completion])
                .into(),
            ..ExecuteTransactionRequest::default()
        }),
        _ => {
            // Step by step there is no message: it would have to be registered, not tried.
            let mut branches = branches(seed, id, sku, quantity, user, points + 1);
            branches.retain(|branch| branch.action != "notify");
            Deal::Steps {
                gid: format!("s-{id}"),
                branches,
                confirm: seed.below(4) > 0,
            }
        }
    }
}

fn branches(
    seed: &mut Seed,
    id: &str,
    sku: &str,
    quantity: i64,
    user: &str,
    points: i64,
) -> Vec<Branch> {
    let reserve = ReserveStockRequest {
        sku: sku.into(),
        quantity,
        ..Default::default()
    };
    let spend = SpendPointsRequest {
        user_id: user.into(),
        points,
        order_ref: format!("ref-{id}"),
        ..Default::default()
    };
    let notify = NotifyRequest {
        subject: format!("ref-{id}"),
        text: "placed".into(),
    };
    let mut branches = vec![
        message("1", "stock", "reserve", reserve.encode_to_vec()),
        message("2", "points", "spend", spend.encode_to_vec()),
        message("3", "stock", "notify", notify.encode_to_vec()),
    ];
    match seed.below(4) {
        0 => branches.truncate(2),
        1 => branches.truncate(1),
        2 => drop(branches.remove(0)),
        _ => {}
    }
    branches
}

/// A branch with its payload encoded.
pub(crate) fn message(id: &str, participant: &str, action: &str, payload: Vec<u8>) -> Branch {
    Branch {
        id: id.into(),
        participant: participant.into(),
        action: action.into(),
        payload: Some(branch::Payload::Message(payload.into())),
    }
}
