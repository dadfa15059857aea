//! Pieces moved by SQL: the SKU's row first, then the order's, each by a conditional update.
//!
//! The SKU's row is always the first to be changed, so its lock orders all calls on it, and two of them never wait for
//! each other in a circle.

use tercet_participant::{ActionError, Phase, Refusal, is_id};

use super::{Connection, queries};
use crate::moves::{Move, Pool};

/// Pieces in one call.
const QUANTITY_MAX: i64 = 1000;
/// Longest name of a SKU or an order.
const NAME_LENGTH_MAX: usize = 64;

/// What an action is asked to move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces<'a> {
    pub(super) sku: &'a str,
    /// Empty: no order in particular.
    pub(super) order_no: &'a str,
    pub(super) quantity: i64,
}

impl Pieces<'_> {
    /// Whether these can be pieces at all; `reason` is the refusal's word.
    pub(super) fn check(&self, reason: &'static str) -> Result<(), Refusal> {
        let invalid = |message| Err(Refusal::invalid(reason, message));
        if !is_id(self.sku, NAME_LENGTH_MAX) {
            return invalid("sku must be 1 to 64 visible ASCII characters");
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return invalid("quantity must be 1 to 1000");
        }
        if !self.order_no.is_empty() && !is_id(self.order_no, NAME_LENGTH_MAX) {
            return invalid("order_no must be at most 64 visible ASCII characters");
        }
        Ok(())
    }

    /// The refusal of a SKU that isn't there.
    pub(super) fn unknown_sku(&self) -> Refusal {
        Refusal::not_found("UNKNOWN_SKU", format!("there is no SKU {}", self.sku))
    }

    /// The refusal of more than there is.
    pub(super) fn shortage(&self, pool: Pool, there: i64) -> Refusal {
        let Self {
            sku,
            order_no,
            quantity,
        } = self;
        let whose = if order_no.is_empty() {
            "no order in particular".to_owned()
        } else {
            format!("order {order_no}")
        };
        let (reason, end) = match pool {
            Pool::Available => ("OUT_OF_STOCK", "are available".to_owned()),
            Pool::Held => ("NOT_HELD", format!("are held for {whose}")),
            Pool::Sold => ("NOT_SOLD", format!("were sold to {whose}")),
        };
        let message = format!("{quantity} of {sku} were asked for, {there} {end}");
        Refusal::precondition(reason, message)
    }

    /// The fence says that the pieces are reserved; if they aren't, the tables were changed by hand. A person must look,
    /// and the branch stays open until then.
    pub(super) fn lost(&self) -> ActionError {
        let Self {
            sku,
            order_no,
            quantity,
        } = self;
        ActionError::Internal(format!(
            "{quantity} of {sku} should be reserved for order {order_no:?} and aren't"
        ))
    }
}

/// A try: takes the pieces out of the pool that they come from. Answers what is left there.
pub(super) async fn take(
    connection: &mut Connection,
    way: Move,
    pieces: Pieces<'_>,
) -> Result<i64, ActionError> {
    let Pieces {
        sku,
        order_no,
        quantity,
    } = pieces;
    let delta = way.sku(Phase::Try, quantity);
    let is_taken = queries::shift_sku(&mut *connection, sku, delta).await?;
    if !is_taken || way.from == Pool::Available {
        let Some(stock) = queries::get(&mut *connection, sku).await? else {
            return Err(pieces.unknown_sku().into());
        };
        if way.from == Pool::Available {
            return if is_taken {
                Ok(stock.available)
            } else {
                Err(pieces.shortage(way.from, stock.available).into())
            };
        }
    }
    // Where the SKU has too little of it, the order has too.
    let delta = way.order(Phase::Try, quantity);
    let is_taken = is_taken && queries::shift_order(&mut *connection, order_no, sku, delta).await?;
    let there = queries::order_stock(connection, order_no, sku)
        .await?
        .map_or(0, |order| match way.from {
            Pool::Sold => order.sold,
            Pool::Held | Pool::Available => order.held,
        });
    if is_taken {
        Ok(there)
    } else {
        Err(pieces.shortage(way.from, there).into())
    }
}

/// Phase two: puts the pieces where they go (confirm), or back (cancel).
pub(super) async fn settle(
    connection: &mut Connection,
    phase: Phase,
    way: Move,
    pieces: Pieces<'_>,
) -> Result<(), ActionError> {
    let Pieces {
        sku,
        order_no,
        quantity,
    } = pieces;
    let delta = way.sku(phase, quantity);
    if !queries::shift_sku(&mut *connection, sku, delta).await? {
        return Err(pieces.lost());
    }
    let delta = way.order(phase, quantity);
    if delta.is_nothing() {
        return Ok(());
    }
    let is_settled = if delta.only_gains() {
        queries::give_order(connection, order_no, sku, delta).await?
    } else {
        queries::shift_order(connection, order_no, sku, delta).await?
    };
    if is_settled {
        Ok(())
    } else {
        Err(pieces.lost())
    }
}
