//! What a buyer does: submits, repeats what wasn't answered, waits until the order is placed, and pays for it.
//!
//! A buyer repeats a call only as any client may: with the same key, after an answer that says nothing about the order.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use indicatif::ProgressBar;
use tercet_proto::shop::{
    order::v1::{
        GetOrderRequest, Order, OrderState, PayOrderRequest, PaymentMethod, PlaceOrderRequest,
        PlaceOrderResponse, QueueOrderRequest, WaitForTicketRequest, get_order_request::Key,
        order_service_client::OrderServiceClient,
    },
    points::v1::SeedAccountRequest,
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::{Instant, sleep},
};
use tonic::{Code, Response, Status, transport::Channel};

use super::plan::{PURSE, Sale, Submission, Which};
use crate::{failure::Failure, shop::services::Services};

/// Before a call is repeated; doubles.
const BACK_OFF: Duration = Duration::from_millis(20);
const BACK_OFF_MAX: Duration = Duration::from_millis(640);
/// How often a call is repeated: minutes, which is longer than any process is down.
const REPEATS_MAX: u32 = 300;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is an order.
    Placed(String),
    /// There is none, for this reason of this participant.
    Refused { participant: String, reason: String },
    /// Nobody has said.
    Unanswered(String),
}

/// What became of paying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Paid {
    /// After so many microseconds.
    Yes(u64),
    /// For this reason.
    No(String),
}

/// One submission and all that followed.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) submission: Submission,
    pub(super) outcome: Outcome,
    /// From the first call to the answer, with all repeats, in microseconds.
    pub(super) micros: u64,
    /// Calls that had to be repeated.
    pub(super) repeats: u32,
    /// Only where there is an order, and of a repeated submission only once.
    pub(super) paid: Option<Paid>,
}

/// All of them.
pub(super) struct Buyers {
    services: Services,
    sale: Sale,
    answered: watch::Sender<u64>,
    bar: ProgressBar,
    is_queued: bool,
}

impl Buyers {
    pub(super) fn new(
        services: Services,
        sale: Sale,
        answered: watch::Sender<u64>,
        bar: ProgressBar,
        is_queued: bool,
    ) -> Self {
        Self {
            services,
            sale,
            answered,
            bar,
            is_queued,
        }
    }

    /// Makes all submissions, so many at a time.
    pub(super) async fn run(
        self: Arc<Self>,
        submissions: &[Submission],
        in_flight: u32,
    ) -> Result<Vec<Answer>, Failure> {
        let queue: VecDeque<Submission> = submissions.iter().copied().collect();
        let queue = Arc::new(Mutex::new(queue));
        let mut hands = JoinSet::new();
        for _ in 0..in_flight {
            let (buyers, queue) = (Arc::clone(&self), Arc::clone(&queue));
            hands.spawn(async move {
                let mut answers = Vec::new();
                loop {
                    let Some(submission) = queue.lock().await.pop_front() else {
                        return answers;
                    };
                    answers.push(buyers.buy(submission).await);
                    buyers.answered.send_modify(|count| *count += 1);
                    buyers.bar.inc(1);
                }
            });
        }
        let mut answers = Vec::with_capacity(submissions.len());
        while let Some(done) = hands.join_next().await {
            answers.extend(done.map_err(Failure::failed)?);
        }
        Ok(answers)
    }

    async fn buy(&self, submission: Submission) -> Answer {
        let begun = Instant::now();
        let mut repeats = 0;
        let outcome = self.place(submission, &mut repeats).await;
        let micros = micros(begun);
        // Of two that are the same order, one is enough to pay it.
        let paid = match &outcome {
            Outcome::Placed(order_no) if submission.which != Which::Repeated => {
                let begun = Instant::now();
                let user = self.sale.user(submission.user);
                let paid = self.pay(order_no, &user, &mut repeats).await;
                Some(paid.map_or_else(Paid::No, |()| Paid::Yes(self::micros(begun))))
            }
            _ => None,
        };
        Answer {
            submission,
            outcome,
            micros,
            repeats,
            paid,
        }
    }

    async fn place(&self, submission: Submission, repeats: &mut u32) -> Outcome {
        let request = PlaceOrderRequest {
            request_id: submission.request_id(&self.sale),
            user_id: self.sale.user(submission.user),
            quantity: 1,
            campaign_id: self.sale.name.clone(),
            ..PlaceOrderRequest::default()
        };
        let placed = repeated(repeats, || {
            let (orders, request) = (self.services.orders(), request.clone());
            submit(orders, request, self.is_queued)
        });
        let placed = match placed.await {
            Ok(placed) => placed,
            Err(why) => return Outcome::Unanswered(why),
        };
        if let Some(refusal) = placed.refusal {
            return Outcome::Refused {
                participant: refusal.participant,
                reason: refusal.reason,
            };
        }
        let order = placed.order.unwrap_or_default();
        let settled = self.settled(order, repeats, |state| state != OrderState::Pending);
        match settled.await {
            Ok(order) if order.state() == OrderState::Cancelled => {
                Outcome::Unanswered("the order was cancelled after it had been decided".to_owned())
            }
            Ok(order) => Outcome::Placed(order.order_no),
            Err(why) => Outcome::Unanswered(why),
        }
    }

    async fn pay(&self, order_no: &str, user: &str, repeats: &mut u32) -> Result<(), String> {
        let account = SeedAccountRequest {
            user_id: user.to_owned(),
            points: PURSE,
        };
        let opened = repeated(repeats, || {
            let (mut points, account) = (self.services.points(), account.clone());
            async move { points.seed_account(account).await }
        });
        opened.await?;
        let request = PayOrderRequest {
            order_no: order_no.to_owned(),
            user_id: user.to_owned(),
            method: PaymentMethod::Points.into(),
        };
        let paid = repeated(repeats, || {
            let (mut orders, request) = (self.services.orders(), request.clone());
            async move { orders.pay_order(request).await }
        });
        // One whose answer was lost has paid, and is told so when it asks.
        let order = match paid.await {
            Ok(answer) => answer.order.unwrap_or_default(),
            Err(why) if why.starts_with("WRONG_STATE") => Order {
                order_no: order_no.to_owned(),
                state: OrderState::Changing.into(),
                ..Order::default()
            },
            Err(why) => return Err(why),
        };
        let settled = self.settled(order, repeats, |state| {
            !matches!(state, OrderState::Changing | OrderState::Paying)
        });
        match settled.await?.state() {
            OrderState::Paid => Ok(()),
            state => Err(state.as_str_name().to_owned()),
        }
    }

    /// Asks for an order until it stands so.
    async fn settled(
        &self,
        mut order: Order,
        repeats: &mut u32,
        is_settled: impl Fn(OrderState) -> bool,
    ) -> Result<Order, String> {
        let mut wait = BACK_OFF;
        for _ in 0..REPEATS_MAX {
            if is_settled(order.state()) {
                return Ok(order);
            }
            sleep(wait).await;
            wait = (wait * 2).min(BACK_OFF_MAX);
            let request = GetOrderRequest {
                key: Some(Key::OrderNo(order.order_no.clone())),
                user_id: String::new(),
            };
            let asked = repeated(repeats, || {
                let (mut orders, request) = (self.services.orders(), request.clone());
                async move { orders.get_order(request).await }
            });
            order = asked.await?.order.unwrap_or(order);
        }
        Err(format!(
            "order {} stays {}",
            order.order_no,
            order.state().as_str_name()
        ))
    }
}

/// Places an order; or has it queued, and waits for what becomes of it.
async fn submit(
    mut orders: OrderServiceClient<Channel>,
    request: PlaceOrderRequest,
    is_queued: bool,
) -> Result<Response<PlaceOrderResponse>, Status> {
    if !is_queued {
        return orders.place_order(request).await;
    }
    let order = Some(request);
    let queued = orders.queue_order(QueueOrderRequest { order }).await?;
    let ticket = queued.into_inner().ticket;
    let waited = orders
        .wait_for_ticket(WaitForTicketRequest { ticket })
        .await?;
    Ok(waited.map(|waited| waited.placed.unwrap_or_default()))
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Calls until there is an answer that says something. An error is its reason and what it says.
async fn repeated<T, F>(repeats: &mut u32, call: impl Fn() -> F) -> Result<T, String>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut wait = BACK_OFF;
    let mut last = String::new();
    for _ in 0..REPEATS_MAX {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => {
                last = said(&status);
                if !is_worth_repeating(&status) {
                    return Err(last);
                }
            }
        }
        *repeats += 1;
        sleep(wait).await;
        wait = (wait * 2).min(BACK_OFF_MAX);
    }
    Err(last)
}

/// `REASON: message`, or the code where there is no reason.
fn said(status: &Status) -> String {
    let info = tonic_types::StatusExt::get_details_error_info(status);
    let reason = info
        .map(|info| info.reason)
        .filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| format!("{:?}", status.code()));
    format!("{reason}: {}", status.message())
}

/// Whether it says nothing about the order. A connection that breaks shows as almost anything.
fn is_worth_repeating(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Unknown
        | Code::Aborted
        | Code::Internal
        | Code::ResourceExhausted => true,
        Code::FailedPrecondition => said(status).starts_with("ORDER_BUSY"),
        // The ticket died with its process: the same submission is queued again.
        Code::NotFound => said(status).starts_with("UNKNOWN_TICKET"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    fn status(code: Code, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, "shop", []);
        Status::with_error_details(code, "words", details)
    }

    #[test]
    fn only_what_says_nothing_about_the_order_is_repeated() {
        assert!(is_worth_repeating(&Status::unavailable("")));
        assert!(is_worth_repeating(&Status::unknown("h2 protocol error")));
        assert!(is_worth_repeating(&status(
            Code::FailedPrecondition,
            "ORDER_BUSY"
        )));
        assert!(is_worth_repeating(&status(
            Code::NotFound,
            "UNKNOWN_TICKET"
        )));
        assert!(!is_worth_repeating(&status(
            Code::NotFound,
            "UNKNOWN_ORDER"
        )));
        assert!(!is_worth_repeating(&status(
            Code::FailedPrecondition,
            "WRONG_STATE"
        )));
        assert!(!is_worth_repeating(&status(
            Code::AlreadyExists,
            "REQUEST_CONFLICT"
        )));
        assert!(!is_worth_repeating(&Status::unimplemented("")));
    }

    #[test]
    fn an_error_is_its_reason_and_its_words() {
        assert_eq!(
            said(&status(Code::NotFound, "UNKNOWN_ORDER")),
            "UNKNOWN_ORDER: words"
        );
        assert_eq!(said(&Status::unavailable("gone")), "Unavailable: gone");
    }

    #[tokio::test]
    async fn a_call_is_repeated_until_it_is_answered() {
        let mut repeats = 0;
        let calls = std::cell::Cell::new(0);
        let answered = repeated(&mut repeats, || {
            calls.set(calls.get() + 1);
            let answer = if calls.get() < 4 {
                Err(Status::unavailable("down"))
            } else {
                Ok(Response::new(calls.get()))
            };
            async move { answer }
        });
        assert_eq!(answered.await, Ok(4));
        assert_eq!(repeats, 3);
    }
}
