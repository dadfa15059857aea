//! The action `stock.reserve`: available to reserved, then to held or back.

use tercet_participant::{Action, ActionError, BranchContext, Refusal};
use tercet_proto::shop::stock::v1::{ReserveStockRequest, ReserveStockTryResponse};

use super::{Connection, Db, queries};

/// Pieces in one reservation.
const QUANTITY_MAX: i64 = 1000;

/// Sets pieces of a SKU aside.
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
        let ReserveStockRequest { sku, quantity } = request;
        check(&sku, quantity)?;
        let is_reserved = queries::reserve(&mut *connection, &sku, quantity).await?;
        let stock = queries::get(connection, &sku).await?;
        let Some(stock) = stock else {
            return Err(Refusal::not_found("UNKNOWN_SKU", format!("there is no SKU {sku}")).into());
        };
        if !is_reserved {
            let message = format!(
                "{quantity} of {sku} were asked for, {} are available",
                stock.available
            );
            return Err(Refusal::precondition("OUT_OF_STOCK", message).into());
        }
        Ok(ReserveStockTryResponse {
            remaining: stock.available,
        })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReserveStockRequest,
    ) -> Result<(), ActionError> {
        let is_held = queries::hold(connection, &request.sku, request.quantity).await?;
        owned(is_held, &request)
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: ReserveStockRequest,
    ) -> Result<(), ActionError> {
        let is_released = queries::release(connection, &request.sku, request.quantity).await?;
        owned(is_released, &request)
    }
}

fn check(sku: &str, quantity: i64) -> Result<(), Refusal> {
    let invalid = |message| Err(Refusal::invalid("INVALID_RESERVATION", message));
    if !tercet_participant::is_id(sku, 64) {
        return invalid("sku must be 1 to 64 visible ASCII characters");
    }
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        return invalid("quantity must be 1 to 1000");
    }
    Ok(())
}

/// The fence says that the pieces are reserved; if they aren't, the table was changed by hand. A person must look,
/// and the branch stays open until then.
fn owned(is_changed: bool, request: &ReserveStockRequest) -> Result<(), ActionError> {
    if is_changed {
        return Ok(());
    }
    let ReserveStockRequest { sku, quantity } = request;
    Err(ActionError::Internal(format!(
        "{quantity} of {sku} should be reserved and aren't"
    )))
}
