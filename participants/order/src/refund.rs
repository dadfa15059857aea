//! Giving back: a buyer asks, the merchant says yes to all or a part, has the goods back, or says no.
//!
//! Each asking is a row. The merchant's yes writes what is given into it, by one conditional update, so of a refund and
//! a return that race one wins; then the global transaction gives it, driven on from the row until it is done. What is
//! given is computed once, from what the order has given back so far: nothing else can change that meanwhile, because the
//! order stands in `REFUND_ASKED` until this asking has ended.
//!
//! Must never: give back more than was paid, in money, points or pieces.
//!
//! Where next: `split.rs` for the arithmetic, `refund/action.rs` for what the transaction does here.

pub(super) mod action;
mod drive;
mod list;
pub(super) mod queries;

use std::time::Duration;

use tercet_client::{CallContext, Client};
use tercet_participant::{ActionError, Refusal, is_id, micros, now_micros};
use tonic::Status;

use super::desk::{DOMAIN, Desk, again, owned};
use crate::money::RefundState;
use crate::number;
use crate::order::{Order, Standing};
use crate::split::{Paid, Part};
use crate::state::Event;
use queries::Refund;

/// Whoever drives a refund has this long.
const LEASE: Duration = Duration::from_secs(12);
/// Refunds that can be asked for an order, those included that were rejected.
const ASKED_MAX: i64 = 100;
/// Longest text for the merchant, in bytes.
const REASON_MAX: usize = 500;

/// Gives back. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Refunds {
    pub(super) desk: Desk,
    pub(super) client: Client,
}

/// What the merchant says yes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Give {
    /// Money, or points of an order that cost no money; both 0 is all that is left.
    Amount { cents: i64, points: i64 },
    /// What so many returned pieces cost; 0 is all that haven't come back.
    Pieces(i64),
}

impl Give {
    fn part(self, paid: &Paid) -> Option<Part> {
        match self {
            Self::Amount { cents, points } => paid.by_amount(cents, points),
            Self::Pieces(pieces) => paid.by_pieces(pieces),
        }
    }

    /// Whether a refund that was approved before is what this asks for.
    fn is(self, refund: &Refund) -> bool {
        match self {
            Self::Amount { cents, points } => {
                refund.is_return == 0
                    && (cents == refund.amount_cents || (cents == 0 && points == 0))
                    && (points == 0 || points == refund.points)
            }
            Self::Pieces(pieces) => {
                refund.is_return != 0 && (pieces == 0 || pieces == refund.pieces)
            }
        }
    }
}

impl Refund {
    fn standing(&self) -> Result<RefundState, ActionError> {
        RefundState::from_code(self.state).ok_or_else(|| {
            let message = format!("refund {} has the state {}", self.refund_no, self.state);
            ActionError::Internal(message)
        })
    }
}

impl Refunds {
    /// The buyer asks. Answers the order and the refund's number; the same request is the same refund.
    pub(super) async fn ask(
        &self,
        order_no: &str,
        owner: &str,
        request_id: &str,
        reason: &str,
    ) -> Result<(Order, String), Status> {
        let checked = check(request_id, reason);
        checked.map_err(|refusal| ActionError::from(refusal).into_status(DOMAIN))?;
        let asked = again(|| self.ask_once(order_no, owner, request_id, reason)).await;
        asked.map_err(|error| error.into_status(DOMAIN))
    }

    async fn ask_once(
        &self,
        order_no: &str,
        owner: &str,
        request_id: &str,
        reason: &str,
    ) -> Result<(Order, String), ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let order = owned(&mut transaction, order_no, Some(owner)).await?;
        if let Some(refund) = queries::by_request(&mut transaction, order_no, request_id).await? {
            if refund.reason == reason {
                return Ok((order, refund.refund_no));
            }
            let message = format!("request {request_id} was made before with another reason");
            return Err(Refusal::already_exists("REQUEST_CONFLICT", message).into());
        }
        if queries::count(&mut transaction, order_no).await? >= ASKED_MAX {
            let message = format!("{ASKED_MAX} refunds of order {order_no} were asked for");
            return Err(Refusal::precondition("TOO_MANY_REFUNDS", message).into());
        }
        let now = now_micros();
        let refund = Refund {
            refund_no: format!("r{}", number::new(now)),
            order_no: order_no.to_owned(),
            request_id: request_id.to_owned(),
            reason: reason.to_owned(),
            state: RefundState::Asked.code(),
            is_return: 0,
            amount_cents: 0,
            points: 0,
            pieces: 0,
            round: 0,
            due_at: None,
            attempts: 0,
            created_at: now,
        };
        let refund_no = refund.refund_no.clone();
        let set = |_: &Order, after: &mut Standing| {
            after.refund_no = Some(refund_no);
            Ok(())
        };
        let changed = self
            .desk
            .change(&mut transaction, order, Event::RefundAsked, set)
            .await?;
        if !queries::insert(&mut transaction, &refund).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok((changed.into_order(), refund.refund_no))
    }

    /// The merchant says no.
    pub(super) async fn reject(&self, refund_no: &str) -> Result<Order, Status> {
        let rejected = again(|| self.reject_once(refund_no)).await;
        rejected.map_err(|error| error.into_status(DOMAIN))
    }

    async fn reject_once(&self, refund_no: &str) -> Result<Order, ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let refund = known(queries::get(&mut transaction, refund_no).await?, refund_no)?;
        let order = owned(&mut transaction, &refund.order_no, None).await?;
        match refund.standing()? {
            RefundState::Rejected => return Ok(order),
            RefundState::Asked => {}
            RefundState::Approved | RefundState::Done => return Err(was_approved(&refund)),
        }
        let unchanged = |_: &Order, _: &mut Standing| Ok(());
        let changed = self
            .desk
            .change(&mut transaction, order, Event::RefundRejected, unchanged)
            .await?;
        let (from, to) = (RefundState::Asked.code(), RefundState::Rejected.code());
        if !queries::end(&mut transaction, refund_no, from, to).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(changed.into_order())
    }

    /// The merchant says yes, and it is given. The same again changes nothing.
    pub(super) async fn give(
        &self,
        refund_no: &str,
        give: Give,
        context: CallContext,
    ) -> Result<Order, Status> {
        let approved = again(|| self.approve_once(refund_no, give)).await;
        let refund = approved.map_err(|error| error.into_status(DOMAIN))?;
        if refund.state != RefundState::Done.code() {
            self.drive(refund.clone(), context).await?;
        }
        self.desk.read(&refund.order_no, None).await
    }

    async fn approve_once(&self, refund_no: &str, give: Give) -> Result<Refund, ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let mut refund = known(queries::get(&mut transaction, refund_no).await?, refund_no)?;
        match refund.standing()? {
            RefundState::Asked => {}
            RefundState::Approved | RefundState::Done if give.is(&refund) => return Ok(refund),
            RefundState::Approved | RefundState::Done => return Err(was_approved(&refund)),
            RefundState::Rejected => {
                let message = format!("refund {refund_no} was rejected");
                return Err(Refusal::precondition("WRONG_STATE", message).into());
            }
        }
        let order = owned(&mut transaction, &refund.order_no, None).await?;
        let Some(part) = give.part(&Paid::from(&order)) else {
            let message = format!("less is left of order {}", order.number);
            return Err(Refusal::precondition("REFUND_TOO_LARGE", message).into());
        };
        refund.state = RefundState::Approved.code();
        refund.is_return = i64::from(matches!(give, Give::Pieces(_)));
        refund.amount_cents = part.cents;
        refund.points = part.points;
        refund.pieces = part.pieces;
        refund.due_at = Some(now_micros().saturating_add(micros(LEASE)));
        refund.attempts = 0;
        if !queries::approve(&mut transaction, &refund).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(refund)
    }
}

fn known(refund: Option<Refund>, refund_no: &str) -> Result<Refund, ActionError> {
    refund.ok_or_else(|| {
        Refusal::not_found("UNKNOWN_REFUND", format!("there is no refund {refund_no}")).into()
    })
}

fn was_approved(refund: &Refund) -> ActionError {
    let message = format!("refund {} was approved before", refund.refund_no);
    Refusal::precondition("WRONG_STATE", message).into()
}

fn check(request_id: &str, reason: &str) -> Result<(), Refusal> {
    if !is_id(request_id, 64) {
        let message = "request_id must be 1 to 64 visible ASCII characters";
        return Err(Refusal::invalid("INVALID_REQUEST", message));
    }
    if reason.len() > REASON_MAX {
        let message = format!("reason must be at most {REASON_MAX} bytes");
        return Err(Refusal::invalid("INVALID_REQUEST", message));
    }
    Ok(())
}
