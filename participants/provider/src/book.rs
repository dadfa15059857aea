//! What the provider keeps: charges, refunds, and the bookings of its statement. In memory, behind one lock that is
//! never held over an `await`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tercet_participant::{now_micros, timestamp};
use tercet_proto::shop::provider::v1 as proto;
use tercet_proto::shop::provider::v1::ChargeState;
use tonic::Status;

/// Charges kept. A test provider that has more was forgotten somewhere.
const CHARGES_MAX: usize = 1_000_000;

/// One payment.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) payment_no: String,
    pub(crate) order_no: String,
    pub(crate) amount_cents: i64,
    pub(crate) notify_url: String,
    pub(crate) state: ChargeState,
    refunds: BTreeMap<String, i64>,
}

impl Charge {
    fn refunded(&self) -> i64 {
        self.refunds.values().sum()
    }

    pub(crate) fn to_proto(&self) -> proto::Charge {
        proto::Charge {
            payment_no: self.payment_no.clone(),
            order_no: self.order_no.clone(),
            amount_cents: self.amount_cents,
            state: self.state.into(),
            provider_no: format!("p-{}", self.payment_no),
            redirect_url: format!("https://provider.invalid/pay/{}", self.payment_no),
            refunded_cents: self.refunded(),
        }
    }
}

/// One line of the statement, with its time in microseconds since the Unix epoch.
#[derive(Debug, Clone)]
struct Booking {
    payment_no: String,
    refund_no: String,
    amount_cents: i64,
    booked_at: i64,
}

#[derive(Debug, Default)]
struct State {
    charges: HashMap<String, Charge>,
    /// In the order of time.
    bookings: Vec<Booking>,
}

/// Everything that the provider knows.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<State>);

impl Book {
    /// A panic elsewhere leaves whole values behind: each change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a payment known.
    pub(crate) fn create(&self, request: proto::CreateChargeRequest) -> Result<Charge, Status> {
        let mut state = self.state();
        if let Some(charge) = state.charges.get(&request.payment_no) {
            let is_same = charge.order_no == request.order_no
                && charge.amount_cents == request.amount_cents
                && charge.notify_url == request.notify_url;
            return if is_same {
                Ok(charge.clone())
            } else {
                Err(Status::already_exists("another payment has this number"))
            };
        }
        if state.charges.len() >= CHARGES_MAX {
            return Err(Status::resource_exhausted(
                "too many payments for a test provider",
            ));
        }
        let charge = Charge {
            payment_no: request.payment_no.clone(),
            order_no: request.order_no,
            amount_cents: request.amount_cents,
            notify_url: request.notify_url,
            state: ChargeState::Pending,
            refunds: BTreeMap::new(),
        };
        state.charges.insert(request.payment_no, charge.clone());
        Ok(charge)
    }

    pub(crate) fn get(&self, payment_no: &str) -> Result<Charge, Status> {
        let state = self.state();
        state.charges.get(payment_no).cloned().ok_or_else(unknown)
    }

    /// Ends a payment; one that has ended stays as it is.
    pub(crate) fn end(&self, payment_no: &str, outcome: ChargeState) -> Result<Charge, Status> {
        let mut state = self.state();
        let charge = state.charges.get_mut(payment_no).ok_or_else(unknown)?;
        if charge.state == ChargeState::Pending && outcome != ChargeState::Unspecified {
            charge.state = outcome;
        } else {
            return Ok(charge.clone());
        }
        let charge = charge.clone();
        if charge.state == ChargeState::Succeeded {
            state.bookings.push(Booking {
                payment_no: payment_no.to_owned(),
                refund_no: String::new(),
                amount_cents: charge.amount_cents,
                booked_at: now_micros(),
            });
        }
        Ok(charge)
    }

    /// Gives money back, once a number.
    pub(crate) fn refund(&self, request: &proto::CreateRefundRequest) -> Result<(), Status> {
        let mut state = self.state();
        let charge = state
            .charges
            .get_mut(&request.payment_no)
            .ok_or_else(unknown)?;
        if let Some(amount) = charge.refunds.get(&request.refund_no) {
            return if *amount == request.amount_cents {
                Ok(())
            } else {
                Err(Status::already_exists(
                    "the refund's number has another amount",
                ))
            };
        }
        if charge.state != ChargeState::Succeeded {
            return Err(Status::failed_precondition("the payment isn't paid"));
        }
        if request.amount_cents > charge.amount_cents - charge.refunded() {
            return Err(Status::failed_precondition("more than was paid"));
        }
        charge
            .refunds
            .insert(request.refund_no.clone(), request.amount_cents);
        state.bookings.push(Booking {
            payment_no: request.payment_no.clone(),
            refund_no: request.refund_no.clone(),
            amount_cents: request.amount_cents,
            booked_at: now_micros(),
        });
        Ok(())
    }

    /// At most `limit` bookings within `[from, to)`, those before `skip` left out, and the place of the next one.
    pub(crate) fn bookings(
        &self,
        (from, to): (i64, i64),
        skip: usize,
        limit: usize,
    ) -> (Vec<proto::StatementLine>, Option<usize>) {
        let state = self.state();
        let mut of_day = state
            .bookings
            .iter()
            .enumerate()
            .skip(skip)
            .filter(|(_, booking)| (from..to).contains(&booking.booked_at));
        let lines = of_day
            .by_ref()
            .take(limit)
            .map(|(_, booking)| proto::StatementLine {
                payment_no: booking.payment_no.clone(),
                refund_no: booking.refund_no.clone(),
                amount_cents: booking.amount_cents,
                booked_at: Some(timestamp(booking.booked_at)),
            })
            .collect();
        let next = of_day.next().map(|(place, _)| place);
        (lines, next)
    }
}

fn unknown() -> Status {
    Status::not_found("nobody knows this payment")
}
