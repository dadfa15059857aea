//! The action `stock.return`: sold to reserved, then available, or back.

use tercet_participant::{Action, ActionError, BranchContext, Phase};
use tercet_proto::shop::stock::v1::{ReturnStockRequest, ReturnStockTryResponse};

use super::pieces::{self, Pieces};
use super::{Connection, Db};
use crate::moves::Move;

/// See the module.
#[derive(Debug)]
pub(super) struct Return;

impl Action for Return {
    type Db = Db;
    type Request = ReturnStockRequest;
    type Reply = ReturnStockTryResponse;
    const SERVICE: &'static str = crate::RETURN;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReturnStockRequest,
    ) -> Result<ReturnStockTryResponse, ActionError> {
        let pieces = of(&request);
        pieces.check("INVALID_RETURN")?;
        let remaining = pieces::take(connection, Move::RETURN, pieces).await?;
        Ok(ReturnStockTryResponse { remaining })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReturnStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Confirm, Move::RETURN, of(&request)).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReturnStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Cancel, Move::RETURN, of(&request)).await
    }
}

fn of(request: &ReturnStockRequest) -> Pieces<'_> {
    Pieces {
        sku: &request.sku,
        order_no: &request.order_no,
        quantity: request.quantity,
    }
}
