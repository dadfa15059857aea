//! The refunds that were asked for, as the merchant sees them.

use tercet_participant::{ActionError, is_id, page_size, timestamp};
use tercet_proto::shop::order::v1 as proto;
use tonic::Status;

use super::super::flow;
use super::super::look::invalid;
use super::Refunds;
use super::queries::{self, Refund};
use crate::money::RefundState;

impl Refunds {
    /// A page of refunds, oldest first: their numbers begin with the time, so the last one shown is the token.
    pub(in super::super) async fn list(
        &self,
        request: proto::ListRefundsRequest,
    ) -> Result<proto::ListRefundsResponse, Status> {
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = &request.page_token;
        if !after.is_empty() && !is_id(after, 64) {
            return Err(invalid("page_token wasn't made by this service"));
        }
        let state = proto::RefundState::try_from(request.state)
            .map_err(|_| invalid("state isn't one that this version knows"))?;
        let state = stored(state).map(RefundState::code);
        let read = async {
            let mut reader = self.desk.database.reader().acquire().await?;
            queries::list(&mut reader, state, after, i64::from(limit) + 1).await
        };
        let mut refunds = read.await.map_err(flow::database)?;
        let has_more = refunds.len() > limit as usize;
        refunds.truncate(limit as usize);
        let last = refunds.last().filter(|_| has_more);
        let next_page_token = last.map(|last| last.refund_no.clone()).unwrap_or_default();
        let refunds = refunds.into_iter().map(shown).collect::<Result<_, _>>();
        Ok(proto::ListRefundsResponse {
            refunds: refunds.map_err(|error| error.into_status(super::DOMAIN))?,
            next_page_token,
        })
    }
}

/// None for all of them.
fn stored(state: proto::RefundState) -> Option<RefundState> {
    match state {
        proto::RefundState::Unspecified => None,
        proto::RefundState::Asked => Some(RefundState::Asked),
        proto::RefundState::Rejected => Some(RefundState::Rejected),
        proto::RefundState::Done => Some(RefundState::Done),
        proto::RefundState::Approved => Some(RefundState::Approved),
    }
}

fn shown(refund: Refund) -> Result<proto::Refund, ActionError> {
    let state = match refund.standing()? {
        RefundState::Asked => proto::RefundState::Asked,
        RefundState::Rejected => proto::RefundState::Rejected,
        RefundState::Done => proto::RefundState::Done,
        RefundState::Approved => proto::RefundState::Approved,
    };
    Ok(proto::Refund {
        refund_no: refund.refund_no,
        order_no: refund.order_no,
        state: state.into(),
        reason: refund.reason,
        is_return: refund.is_return != 0,
        amount_cents: refund.amount_cents,
        points: refund.points,
        pieces: refund.pieces,
        attempts: refund.attempts,
        created_at: Some(timestamp(refund.created_at)),
    })
}
