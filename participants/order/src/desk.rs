//! What every flow stands on: one change of one order, and what follows from it in the same SQL transaction.
//!
//! Must never: change an order otherwise than by [`Desk::change`], or call anybody while it has a connection.

use tercet_database::{ErrorClass, classify};
use tercet_participant::outbox::{Message, Outbox};
use tercet_participant::{ActionError, Refusal, error_status, now_micros};
use tercet_proto::shop::points::v1::GrantPointsRequest;
use tercet_proto::shop::stock::v1::NotifyRequest;
use tonic::{Code, Status};

use super::campaign::queries::{self as campaigns, Campaign};
use super::deadline::{Kind, Timer, queries as deadlines};
use super::watch::Changes;
use super::{Connection, Database, Db, queries};
use crate::order::{Order, Standing};
use crate::state::{Event, No, State};

/// The domain of every reason.
pub(super) const DOMAIN: &str = "shop.order.v1.OrderService";
/// Automatic receipt, and completion after it, where no campaign says otherwise.
const RECEIPT_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// The order service's own database and what is sent from it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) database: Database,
    pub(super) outbox: Outbox<Db>,
    pub(super) timer: Timer,
    pub(super) changes: Changes,
    /// How long an order outside of campaigns may stay unpaid.
    pub(super) payment_micros: i64,
}

/// An order before and after a change.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) order: Order,
    pub(super) after: Standing,
}

impl Changed {
    /// The order as it is now.
    pub(super) fn into_order(self) -> Order {
        let mut order = self.order;
        order.standing = self.after;
        order.version += 1;
        order
    }
}

impl Desk {
    /// Applies an event to an order, on the caller's connection; `edit` changes what the event brings along.
    pub(super) async fn change(
        &self,
        connection: &mut Connection,
        order: Order,
        event: Event,
        edit: impl FnOnce(&Order, &mut Standing) -> Result<(), ActionError> + Send,
    ) -> Result<Changed, ActionError> {
        let mut after = order
            .standing
            .after(event)
            .map_err(|no| refusal(no, &order))?;
        edit(&order, &mut after)?;
        let now = now_micros();
        if !queries::shift(connection, &order, &after, now).await? {
            return Err(ActionError::Contended);
        }
        self.changes.tell(&order.number);
        let changed = Changed { order, after };
        if changed.after.state != changed.order.state() {
            self.entered(connection, &changed, now).await?;
        }
        Ok(changed)
    }

    /// What follows from coming into a state.
    async fn entered(
        &self,
        connection: &mut Connection,
        changed: &Changed,
        now: i64,
    ) -> Result<(), ActionError> {
        let Changed { order, after } = changed;
        let number = &order.number;
        let campaign = campaign_of(&mut *connection, order).await?;
        if after.state.is_final() {
            deadlines::clear_all(&mut *connection, number).await?;
            if after.state != State::Cancelled {
                self.notify(&mut *connection, order, after.state).await?;
            }
        }
        if after.state.is_unpaid_end()
            && let Some(campaign_id) = &order.submission.campaign_id
        {
            let user = &order.submission.user_id;
            campaigns::leave_place(&mut *connection, campaign_id, user, number).await?;
        }
        let receipt = receipt_of(campaign.as_ref());
        match after.state {
            State::Created if order.state() == State::Pending => {
                let payment = campaign
                    .as_ref()
                    .map_or(self.payment_micros, |campaign| campaign.payment_micros);
                let due = now.saturating_add(payment);
                self.set(&mut *connection, number, Kind::Payment, due)
                    .await?;
                if let Some(campaign) = &campaign
                    && campaign.is_taken_at_order != 0
                    && campaign.hold_micros < payment
                {
                    let due = now.saturating_add(campaign.hold_micros);
                    self.set(&mut *connection, number, Kind::Hold, due).await?;
                }
            }
            State::Paid if order.state() == State::Settling => {
                deadlines::clear_all(&mut *connection, number).await?;
                let points = campaign
                    .as_ref()
                    .map_or(0, |campaign| campaign.grant_points);
                self.grant(connection, order, points).await?;
            }
            State::Shipped if order.state() == State::Paid => {
                let due = now.saturating_add(receipt);
                self.set(connection, number, Kind::Receipt, due).await?;
            }
            State::Received if order.state() == State::Shipped => {
                deadlines::clear(&mut *connection, number, Kind::Receipt.code()).await?;
                let due = now.saturating_add(receipt);
                self.set(connection, number, Kind::Completion, due).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Sets a deadline on the caller's connection, and tells the wheel of it.
    pub(super) async fn set(
        &self,
        connection: &mut Connection,
        order_no: &str,
        kind: Kind,
        due_at: i64,
    ) -> sqlx::Result<()> {
        deadlines::set(connection, order_no, kind.code(), due_at).await?;
        self.timer.hint(order_no, kind, due_at);
        Ok(())
    }

    async fn grant(
        &self,
        connection: &mut Connection,
        order: &Order,
        points: i64,
    ) -> Result<(), ActionError> {
        if points == 0 {
            return Ok(());
        }
        let request = GrantPointsRequest {
            account_id: order.submission.user_id.clone(),
            order_no: order.number.clone(),
            points,
        };
        let message = Message::new(format!("grant-{}", order.number), "points", "grant")?;
        self.outbox
            .write(connection, &message.saying(&request)?)
            .await?;
        Ok(())
    }

    async fn notify(
        &self,
        connection: &mut Connection,
        order: &Order,
        state: State,
    ) -> Result<(), ActionError> {
        let word = state.word();
        let request = NotifyRequest {
            subject: order.number.clone(),
            text: format!("order {} is {word}", order.number),
        };
        let message = Message::new(format!("notify-{}-{word}", order.number), "stock", "notify")?;
        self.outbox
            .write(connection, &message.saying(&request)?)
            .await?;
        Ok(())
    }

    /// The same as [`Desk::change`] in an SQL transaction of its own, for changes that nobody else takes part in.
    pub(super) async fn change_alone<F>(
        &self,
        order_no: &str,
        owner: Option<&str>,
        event: Event,
        edit: F,
    ) -> Result<Order, Status>
    where
        F: Fn(&Order, &mut Standing) -> Result<(), ActionError> + Send + Sync,
    {
        let changed = again(|| async {
            let mut transaction = self.database.begin().await?;
            let order = owned(&mut transaction, order_no, owner).await?;
            let changed = self.change(&mut transaction, order, event, &edit).await?;
            transaction.commit().await?;
            Ok(changed.into_order())
        });
        changed.await.map_err(|error| error.into_status(DOMAIN))
    }

    /// Reads an order that must be the owner's, where one is given.
    pub(super) async fn read(&self, order_no: &str, owner: Option<&str>) -> Result<Order, Status> {
        let read = async {
            let mut connection = self.database.reader().acquire().await?;
            owned(&mut connection, order_no, owner).await
        };
        read.await
            .map_err(|error: ActionError| error.into_status(DOMAIN))
    }
}

/// How often a local SQL transaction is run that the database or another change got in the way of.
const RUNS_MAX: u32 = 8;

/// Runs a local SQL transaction, whole, until nothing got in its way.
pub(super) async fn again<T, F>(run: impl Fn() -> F) -> Result<T, ActionError>
where
    F: Future<Output = Result<T, ActionError>>,
{
    for _ in 0..RUNS_MAX {
        match run().await {
            Err(error) if is_again(&error) => {}
            done => return done,
        }
    }
    Err(ActionError::Contended)
}

/// Whether the same SQL transaction may succeed when it is run again at once.
fn is_again(error: &ActionError) -> bool {
    match error {
        ActionError::Contended => true,
        ActionError::Database(error) => classify(error) == ErrorClass::Busy,
        _ => false,
    }
}

pub(super) fn busy() -> Status {
    let message = "another change of the order is under way: repeat the call";
    error_status(Code::FailedPrecondition, "ORDER_BUSY", DOMAIN, message)
}

/// The order, if it is the owner's. Somebody else's is not told from one that isn't there.
pub(super) async fn owned(
    connection: &mut Connection,
    order_no: &str,
    owner: Option<&str>,
) -> Result<Order, ActionError> {
    let order = queries::by_number(connection, order_no).await?;
    order
        .filter(|order| owner.is_none_or(|owner| owner == order.submission.user_id))
        .ok_or_else(|| {
            Refusal::not_found("UNKNOWN_ORDER", format!("there is no order {order_no}")).into()
        })
}

pub(super) async fn campaign_of(
    connection: &mut Connection,
    order: &Order,
) -> sqlx::Result<Option<Campaign>> {
    match &order.submission.campaign_id {
        Some(campaign_id) => campaigns::get(connection, campaign_id).await,
        None => Ok(None),
    }
}

/// How long after shipping receipt is assumed, and completion after that.
pub(super) async fn receipt_micros(
    connection: &mut Connection,
    order: &Order,
) -> sqlx::Result<i64> {
    let campaign = campaign_of(connection, order).await?;
    Ok(receipt_of(campaign.as_ref()))
}

fn receipt_of(campaign: Option<&Campaign>) -> i64 {
    campaign.map_or(RECEIPT_MICROS, |campaign| campaign.receipt_micros)
}

/// What an event that can't happen is answered with.
pub(super) fn refusal(no: No, order: &Order) -> ActionError {
    let (number, word) = (&order.number, order.state().word());
    match no {
        No::Busy => Refusal::precondition(
            "ORDER_BUSY",
            format!("another change of order {number} is under way"),
        ),
        No::WrongState => Refusal::precondition("WRONG_STATE", format!("order {number} is {word}")),
    }
    .into()
}
