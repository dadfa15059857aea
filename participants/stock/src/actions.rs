//! The four actions that move pieces. They differ in their messages and in the [`Move`] they make; all are decided in
//! memory on the SKU's row, and gathered with the other calls on it.

use tercet_participant::{ActionError, BranchContext, HotAction, Phase, Refusal, is_id};
use tercet_proto::shop::stock::v1::{
    ReleaseStockRequest, ReleaseStockTryResponse, ReserveStockRequest, ReserveStockTryResponse,
    ReturnStockRequest, ReturnStockTryResponse, SellStockRequest, SellStockTryResponse,
    StockSource,
};

use super::table::SkuTable;
use crate::moves::{Move, Pool, Row, Shortage};

/// Pieces in one call.
const QUANTITY_MAX: i64 = 1000;
/// Longest name of a SKU or an order.
const NAME_LENGTH_MAX: usize = 64;

/// What an action is asked to move.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    sku: &'a str,
    /// Empty: no order in particular.
    order_no: &'a str,
    quantity: i64,
    /// `None`: the request doesn't say where from.
    way: Option<Move>,
    /// The word of the refusal of a request that can't be right.
    invalid: &'static str,
}

impl Asked<'_> {
    fn check(&self) -> Result<(), Refusal> {
        let invalid = |message| Err(Refusal::invalid(self.invalid, message));
        if !is_id(self.sku, NAME_LENGTH_MAX) {
            return invalid("sku must be 1 to 64 visible ASCII characters");
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return invalid("quantity must be 1 to 1000");
        }
        if !self.order_no.is_empty() && !is_id(self.order_no, NAME_LENGTH_MAX) {
            return invalid("order_no must be at most 64 visible ASCII characters");
        }
        if self.way.is_none() {
            return invalid("source must be HELD or AVAILABLE");
        }
        Ok(())
    }

    fn missing(&self) -> Refusal {
        Refusal::not_found("UNKNOWN_SKU", format!("there is no SKU {}", self.sku))
    }

    /// Whether the phase is about the order's share.
    fn needs_share(&self, phase: Phase) -> bool {
        self.check().is_ok() && self.way.is_some_and(|way| way.touches_share(phase))
    }

    /// Moves the pieces, or says why not. Answers what is left where a try took them.
    fn plan(&self, row: &mut Row, phase: Phase) -> Result<i64, ActionError> {
        let Some(way) = self.way else {
            return Err(self.lost());
        };
        match row.shift(way, phase, self.order_no, self.quantity) {
            Ok(left) => Ok(left),
            Err(shortage) if phase == Phase::Try => Err(self.shortage(way.from, shortage).into()),
            Err(_) => Err(self.lost()),
        }
    }

    /// What is sold out for this request will be for a while: only what is available is looked at, since an order's share is
    /// its own business.
    fn hopeless(&self, row: &Row) -> Option<Refusal> {
        let there = row.pieces.available;
        let is_hopeless = self.way.is_some_and(|way| way.from == Pool::Available)
            && self.check().is_ok()
            && there < self.quantity;
        is_hopeless.then(|| self.shortage(Pool::Available, Shortage { there }))
    }

    fn shortage(&self, pool: Pool, shortage: Shortage) -> Refusal {
        let Self {
            sku,
            order_no,
            quantity,
            ..
        } = self;
        let whose = if order_no.is_empty() {
            "no order in particular".to_owned()
        } else {
            format!("order {order_no}")
        };
        let (reason, are) = match pool {
            Pool::Available => ("OUT_OF_STOCK", "are available".to_owned()),
            Pool::Held => ("NOT_HELD", format!("are held for {whose}")),
            Pool::Sold => ("NOT_SOLD", format!("were sold to {whose}")),
        };
        let there = shortage.there;
        let message = format!("{quantity} of {sku} were asked for, {there} {are}");
        Refusal::precondition(reason, message)
    }

    /// The fence says that the pieces are reserved; if they aren't, the tables were changed by hand. A person must look,
    /// and the branch stays open until then.
    fn lost(&self) -> ActionError {
        let Self {
            sku,
            order_no,
            quantity,
            ..
        } = self;
        ActionError::Internal(format!(
            "{quantity} of {sku} should be reserved for order {order_no:?} and aren't"
        ))
    }
}

/// One action: its messages, and what they ask for.
macro_rules! action {
    (
        $(#[$doc:meta])* $name:ident, $service:expr, $request:ident, $reply:ident, $invalid:literal, $way:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl $name {
            fn asked(request: &$request) -> Asked<'_> {
                let way: fn(&$request) -> Option<Move> = $way;
                Asked {
                    sku: &request.sku,
                    order_no: &request.order_no,
                    quantity: request.quantity,
                    way: way(request),
                    invalid: $invalid,
                }
            }
        }

        impl HotAction for $name {
            type Table = SkuTable;
            type Request = $request;
            type Reply = $reply;
            const SERVICE: &'static str = $service;

            fn key<'a>(&self, request: &'a $request) -> &'a str {
                // What can't be a name isn't looked for: its try is refused by `check`.
                if is_id(&request.sku, NAME_LENGTH_MAX) {
                    &request.sku
                } else {
                    ""
                }
            }

            fn check(&self, request: &$request) -> Result<(), Refusal> {
                Self::asked(request).check()
            }

            fn part<'a>(&self, phase: Phase, request: &'a $request) -> Option<&'a str> {
                Self::asked(request)
                    .needs_share(phase)
                    .then_some(request.order_no.as_str())
            }

            fn missing(&self, request: &$request) -> Refusal {
                Self::asked(request).missing()
            }

            fn plan(
                &self,
                row: &mut Row,
                context: &BranchContext,
                request: &$request,
            ) -> Result<$reply, ActionError> {
                let remaining = Self::asked(request).plan(row, context.phase)?;
                Ok($reply { remaining })
            }

            fn hopeless(&self, row: &Row, request: &$request) -> Option<Refusal> {
                Self::asked(request).hopeless(row)
            }
        }
    };
}

action!(
    /// `stock.reserve`: available to held, for an unpaid order.
    Reserve,
    crate::RESERVE,
    ReserveStockRequest,
    ReserveStockTryResponse,
    "INVALID_RESERVATION",
    |_| Some(Move::RESERVE)
);
action!(
    /// `stock.sell`: held or available to sold. Where a campaign takes its stock at order time, the order's hold is sold;
    /// where it takes it at payment time, what is available.
    Sell,
    crate::SELL,
    SellStockRequest,
    SellStockTryResponse,
    "INVALID_SALE",
    |request| match request.source() {
        StockSource::Held => Some(Move::SELL_HELD),
        StockSource::Available => Some(Move::SELL_AVAILABLE),
        StockSource::Unspecified => None,
    }
);
action!(
    /// `stock.release`: held to available. It ends the hold of an order that won't be paid.
    Release,
    crate::RELEASE,
    ReleaseStockRequest,
    ReleaseStockTryResponse,
    "INVALID_RELEASE",
    |_| Some(Move::RELEASE)
);
action!(
    /// `stock.return`: sold to available.
    Return,
    crate::RETURN,
    ReturnStockRequest,
    ReturnStockTryResponse,
    "INVALID_RETURN",
    |_| Some(Move::RETURN)
);
