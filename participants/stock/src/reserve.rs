//! The action `stock.reserve`: available to reserved, then held for the order, or back.

use tercet_participant::{Action, ActionError, BranchContext, Phase};
use tercet_proto::shop::stock::v1::{ReserveStockRequest, ReserveStockTryResponse};

use super::pieces::{self, Pieces};
use super::{Connection, Db};
use crate::moves::Move;

/// See the module.
#[derive(Debug)]
pub(super) struct Reserve;

impl Action for Reserve {
    type Db = Db;
    type Request = ReserveStockRequest;
    type Reply = ReserveStockTryResponse;
    const SERVICE: &'static str = crate::RESERVE;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReserveStockRequest,
    ) -> Result<ReserveStockTryResponse, ActionError> {
        let pieces = of(&request);
        pieces.check("INVALID_RESERVATION")?;
        let remaining = pieces::take(connection, Move::RESERVE, pieces).await?;
        Ok(ReserveStockTryResponse { remaining })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReserveStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Confirm, Move::RESERVE, of(&request)).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReserveStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Cancel, Move::RESERVE, of(&request)).await
    }
}

fn of(request: &ReserveStockRequest) -> Pieces<'_> {
    Pieces {
        sku: &request.sku,
        order_no: &request.order_no,
        quantity: request.quantity,
    }
}
