//! The action `points.grant`: a message that rewards an order with points, once.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, Verbs, now_micros};
use tercet_proto::shop::points::v1::GrantPointsRequest;

use super::queries::Movement;
use super::{Connection, Db, queries};
use crate::ledger::{Kind, is_amount, is_name};

/// Grants points.
#[derive(Debug)]
pub(super) struct Grant;

impl Action for Grant {
    type Db = Db;
    type Request = GrantPointsRequest;
    type Reply = ();
    const SERVICE: &'static str = crate::GRANT;
    const VERBS: Verbs = Verbs::Confirm;

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: GrantPointsRequest,
    ) -> Result<(), ActionError> {
        // Can't be refused any more: the coordinator flags the branch for a person.
        check(&request)?;
        let GrantPointsRequest {
            account_id,
            order_no,
            points,
        } = &request;
        let movement = Movement {
            user_id: account_id,
            order_ref: Some(order_no),
            entry_no: "",
            kind: Kind::Grant,
            points: *points,
            now: now_micros(),
        };
        // A reward must not wait for a person because the customer has no account yet.
        if !queries::apply(&mut *connection, movement).await? {
            queries::open_empty(&mut *connection, account_id).await?;
            if !queries::apply(&mut *connection, movement).await? {
                let message = format!("{account_id} can't be granted {points} points");
                return Err(ActionError::Internal(message));
            }
        }
        if queries::write(&mut *connection, movement).await? {
            return Ok(());
        }
        // The order has its points already: the same message under another gid, or a mistake.
        if queries::granted(&mut *connection, order_no).await?
            != Some((account_id.clone(), *points))
        {
            let message = format!("order {order_no} was granted other points");
            return Err(Refusal::already_exists("DUPLICATE_GRANT", message).into());
        }
        queries::unapply(connection, movement).await?;
        Ok(())
    }
}

fn check(request: &GrantPointsRequest) -> Result<(), Refusal> {
    let invalid = |message| Err(Refusal::invalid("INVALID_GRANT", message));
    if !is_name(&request.account_id) {
        return invalid("account_id must be 1 to 64 visible ASCII characters");
    }
    if !is_name(&request.order_no) {
        return invalid("order_no must be 1 to 64 visible ASCII characters");
    }
    if !is_amount(request.points) {
        return invalid("points must be 1 to 1000000000000");
    }
    Ok(())
}
