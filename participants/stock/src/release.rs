//! The action `stock.release`: held to reserved, then available, or back. It ends the hold of an order that won't be paid.

use tercet_participant::{Action, ActionError, BranchContext, Phase};
use tercet_proto::shop::stock::v1::{ReleaseStockRequest, ReleaseStockTryResponse};

use super::pieces::{self, Pieces};
use super::{Connection, Db};
use crate::moves::Move;

/// See the module.
#[derive(Debug)]
pub(super) struct Release;

impl Action for Release {
    type Db = Db;
    type Request = ReleaseStockRequest;
    type Reply = ReleaseStockTryResponse;
    const SERVICE: &'static str = crate::RELEASE;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReleaseStockRequest,
    ) -> Result<ReleaseStockTryResponse, ActionError> {
        let pieces = of(&request);
        pieces.check("INVALID_RELEASE")?;
        let remaining = pieces::take(connection, Move::RELEASE, pieces).await?;
        Ok(ReleaseStockTryResponse { remaining })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReleaseStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Confirm, Move::RELEASE, of(&request)).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReleaseStockRequest,
    ) -> Result<(), ActionError> {
        pieces::settle(connection, Phase::Cancel, Move::RELEASE, of(&request)).await
    }
}

fn of(request: &ReleaseStockRequest) -> Pieces<'_> {
    Pieces {
        sku: &request.sku,
        order_no: &request.order_no,
        quantity: request.quantity,
    }
}
