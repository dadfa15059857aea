//! The action `stock.sell`: held for the order or available to reserved, then sold, or back.

use tercet_participant::{Action, ActionError, BranchContext, Phase, Refusal};
use tercet_proto::shop::stock::v1::{SellStockRequest, SellStockTryResponse, StockSource};

use super::pieces::{self, Pieces};
use super::{Connection, Db};
use crate::moves::Move;

/// See the module.
#[derive(Debug)]
pub(super) struct Sell;

impl Action for Sell {
    type Db = Db;
    type Request = SellStockRequest;
    type Reply = SellStockTryResponse;
    const SERVICE: &'static str = crate::SELL;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SellStockRequest,
    ) -> Result<SellStockTryResponse, ActionError> {
        let pieces = of(&request);
        pieces.check("INVALID_SALE")?;
        let remaining = pieces::take(connection, way(&request)?, pieces).await?;
        Ok(SellStockTryResponse { remaining })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SellStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Confirm, way(&request)?, of(&request)).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SellStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Cancel, way(&request)?, of(&request)).await
    }
}

fn of(request: &SellStockRequest) -> Pieces<'_> {
    Pieces {
        sku: &request.sku,
        order_no: &request.order_no,
        quantity: request.quantity,
    }
}

/// Where a campaign takes its stock at order time, the order's hold is sold; where it takes it at payment time, what is
/// available.
fn way(request: &SellStockRequest) -> Result<Move, Refusal> {
    match request.source() {
        StockSource::Held => Ok(Move::SELL_HELD),
        StockSource::Available => Ok(Move::SELL_AVAILABLE),
        StockSource::Unspecified => Err(Refusal::invalid(
            "INVALID_SALE",
            "source must be HELD or AVAILABLE",
        )),
    }
}
