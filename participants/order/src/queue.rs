//! Placing orders through a queue: a ticket at once, the result when it is known, and for whoever comes late.
//!
//! The queue and the results are bounded, and in memory: what a death of this process leaves of a ticket is what the
//! submission's row says. The ticket is the request id, so a ticket that is known to the table alone is answered by placing
//! the same submission again, which changes nothing where it was placed.
//!
//! How an order is placed for somebody who waits elsewhere is `patience.rs`.
//!
//! Must never: place two orders for a request, or forget a result in less than [`KEPT`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tercet_client::CallContext;
use tercet_participant::{ActionError, error_status, is_id};
use tercet_proto::shop::order::v1::{PlaceOrderResponse, QueueOrderResponse};
use tercet_service::Drain;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::desk::DOMAIN;
use super::look::invalid;
use super::patience;
use super::place::{Place, conflict};
use crate::order::Submission;

/// Orders that wait.
const WAITING_MAX: usize = 20_000;
/// Tickets that are known, those included that have their result.
const TICKETS_MAX: usize = 50_000;
/// How long a result waits for a late watcher.
const KEPT: Duration = Duration::from_mins(10);
/// Orders placed at once.
const PLACING_MAX: usize = 64;

type Placed = Result<PlaceOrderResponse, Status>;

/// What became of a submission, and since when it waits for a watcher.
#[derive(Debug, Clone)]
struct Ended {
    placed: Placed,
    at: Instant,
}

/// A queued submission.
#[derive(Debug)]
struct Job {
    submission: Submission,
    result: watch::Sender<Option<Ended>>,
}

#[derive(Debug)]
struct Ticket {
    submission: Submission,
    result: watch::Receiver<Option<Ended>>,
}

impl Ticket {
    /// Whether it has a result that nobody can still count on.
    fn is_old(&self, now: Instant) -> bool {
        let result = self.result.borrow();
        result.as_ref().is_some_and(|ended| ended.at + KEPT < now)
    }

    /// Whether it ended without an order or a refusal: then it may be queued again.
    fn has_failed(&self) -> bool {
        let result = self.result.borrow();
        result.as_ref().is_some_and(|ended| ended.placed.is_err())
    }
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    place: Arc<Place>,
    drain: Drain,
    jobs: mpsc::Sender<Job>,
    tickets: Arc<Mutex<HashMap<String, Ticket>>>,
}

/// The other end of it.
#[derive(Debug)]
pub(super) struct Line {
    place: Arc<Place>,
    jobs: mpsc::Receiver<Job>,
}

impl Queue {
    /// A queue and its other end, which must be [`Line::run`].
    pub(super) fn new(place: Arc<Place>, drain: Drain) -> (Self, Line) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let line = Line {
            place: Arc::clone(&place),
            jobs: receiver,
        };
        let queue = Self {
            place,
            drain,
            jobs: sender,
            tickets: Arc::default(),
        };
        (queue, line)
    }

    /// Takes a ticket. The same request has the same one; what ended without a result is queued again.
    pub(super) fn queue(&self, submission: Submission) -> Result<QueueOrderResponse, Status> {
        let checked = submission.check_sent();
        checked.map_err(|refusal| ActionError::from(refusal).into_status(DOMAIN))?;
        if self.drain.is_draining() {
            return Err(draining());
        }
        let ticket = submission.request_id.clone();
        let now = Instant::now();
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tickets.get(&ticket) {
            if known.submission != submission {
                return Err(conflict(&submission));
            }
            if !known.has_failed() {
                return Ok(QueueOrderResponse { ticket });
            }
        } else if tickets.len() >= TICKETS_MAX {
            tickets.retain(|_, ticket| !ticket.is_old(now));
            if tickets.len() >= TICKETS_MAX {
                return Err(full());
            }
        }
        let (sender, receiver) = watch::channel(None);
        let job = Job {
            submission: submission.clone(),
            result: sender,
        };
        self.jobs.try_send(job).map_err(|_| full())?;
        let queued = Ticket {
            submission,
            result: receiver,
        };
        tickets.insert(ticket.clone(), queued);
        Ok(QueueOrderResponse { ticket })
    }

    /// The result, as soon as it is known.
    pub(super) async fn wait(&self, ticket: &str, context: CallContext) -> Placed {
        if !is_id(ticket, 64) {
            return Err(invalid("ticket must be 1 to 64 visible ASCII characters"));
        }
        let result = {
            let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.get(ticket).map(|ticket| ticket.result.clone())
        };
        let Some(mut result) = result else {
            return self.placed_before(ticket, context).await;
        };
        let placed = tokio::select! {
            ended = result.wait_for(Option::is_some) => ended.ok().and_then(|ended| ended.clone()),
            () = self.drain.begun() => None,
        };
        placed.map_or_else(|| Err(draining()), |ended| ended.placed)
    }

    /// The result of a ticket of another process, or of this one before it died.
    async fn placed_before(&self, ticket: &str, context: CallContext) -> Placed {
        if let Some(submission) = self.place.submissions.sent(ticket).await? {
            return patience::place(&self.place, &submission, context).await;
        }
        let message = "no such ticket: queue the order again under the same request_id";
        let code = Code::NotFound;
        Err(error_status(code, "UNKNOWN_TICKET", DOMAIN, message))
    }
}

impl Line {
    /// Places what is queued, for ever; drop the future to stop.
    pub(super) async fn run(mut self) {
        let hands = Arc::new(Semaphore::new(PLACING_MAX));
        let mut placing = JoinSet::new();
        while let Some(job) = self.jobs.recv().await {
            let Ok(hand) = Arc::clone(&hands).acquire_owned().await else {
                return;
            };
            let place = Arc::clone(&self.place);
            placing.spawn(async move {
                let _hand = hand;
                let placed = patience::place(&place, &job.submission, CallContext::new()).await;
                let at = Instant::now();
                job.result.send_replace(Some(Ended { placed, at }));
            });
            while placing.try_join_next().is_some() {}
        }
    }
}

fn full() -> Status {
    let message = "the queue is full: come again";
    error_status(Code::ResourceExhausted, "QUEUE_FULL", DOMAIN, message)
}

fn draining() -> Status {
    let message = "the service is going away: ask again";
    error_status(Code::Unavailable, "DRAINING", DOMAIN, message)
}

#[cfg(test)]
mod tests {
    use tercet_proto::shop::order::v1::PlaceOrderRequest;

    use super::*;

    #[test]
    fn a_result_waits_from_when_it_is_there() {
        let (sender, result) = watch::channel(None);
        let submission = Submission::from(PlaceOrderRequest::default());
        let ticket = Ticket { submission, result };
        let queued = Instant::now();
        assert!(!ticket.is_old(queued + KEPT * 10), "it has none yet");
        let at = queued + KEPT * 10;
        let placed = Ok(PlaceOrderResponse::default());
        sender.send_replace(Some(Ended { placed, at }));
        assert!(!ticket.is_old(at + KEPT));
        assert!(ticket.is_old(at + KEPT + Duration::from_secs(1)));
    }
}
