//! One participant: its endpoints, whose turn it is, its breaker, and what waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tercet_core::{
    ActionName, BranchIndex, CallError, CallOutcome, CallReport, Gid, ParticipantName, Phase,
    Timestamp,
};
use tercet_failpoints::failpoint;
use tercet_log::Pause;
use tercet_proto::tercet::v1 as pb;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::breaker::{Breaker, BreakerState};
use super::classify::{Classified, classify, heard};
use super::endpoints::{EndpointNow, Endpoints};
use super::metadata::{CallOrder, RequestError};
use super::turns::{Caller, Turn, Turns};
use super::unary::{Exchange, Reply, exchange};
use crate::clock::Clock;
use crate::config::{ActionConfig, ParticipantConfig, phases};
use crate::metrics::CallMeters;
use crate::view;

/// A configured participant.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) name: ParticipantName,
    config: ParticipantConfig,
    try_response_bytes_max: usize,
    endpoints: Arc<Endpoints>,
    pub(crate) turns: Turns,
    breaker: Breaker,
    /// Decided branches that wait for it, those under way included.
    waiting: AtomicU64,
    last_error: Mutex<Option<(CallError, Timestamp)>>,
    clock: Clock,
    meters: CallMeters,
}

impl Participant {
    pub(super) fn new(
        name: ParticipantName,
        config: ParticipantConfig,
        endpoints: Endpoints,
        try_response_bytes_max: usize,
        clock: &Clock,
        meters: CallMeters,
    ) -> Self {
        Self {
            name,
            endpoints: Arc::new(endpoints),
            turns: Turns::new(config.max_in_flight, config.retry_share),
            breaker: Breaker::new(config.breaker),
            waiting: AtomicU64::new(0),
            last_error: Mutex::new(None),
            try_response_bytes_max,
            config,
            clock: clock.clone(),
            meters,
        }
    }

    /// The action of that name.
    pub(crate) fn action(&self, name: &ActionName) -> Option<&ActionConfig> {
        self.config
            .actions
            .iter()
            .find(|(key, _)| key.0 == *name)
            .map(|(_, action)| action)
    }

    /// Whether new tries are let through; the error is how long to wait.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        self.breaker.admit(Instant::now())
    }

    /// Whether a person has paused it, and why.
    pub(crate) fn pause(&self) -> Option<Pause> {
        self.turns.gate().pause()
    }

    /// Pauses it or lets it go on; says whether that changed anything.
    pub(crate) fn set_pause(&self, pause: Option<&Pause>) -> bool {
        self.turns.gate().set(pause)
    }

    /// The call of that branch needn't wait until this is resumed, if it does.
    pub(super) fn let_go(&self, gid: &Gid, branch: BranchIndex) {
        self.turns.gate().let_go(gid, branch);
    }

    /// Waits while it is paused.
    pub(super) async fn resumed(&self) {
        self.turns.gate().opened().await;
    }

    /// Decided branches that wait for it.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that wait for their turn, those that a pause holds included.
    pub(crate) fn queued(&self) -> u64 {
        self.turns.queued() + self.turns.held()
    }

    /// Calls that are under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.turns.in_flight()
    }

    /// How its breaker is.
    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// How long a call to it may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.config.timeout.get()
    }

    /// Where calls to it go, and how these are.
    pub(crate) fn endpoints_now(&self) -> Vec<EndpointNow> {
        self.endpoints.now()
    }

    /// A channel to one of its endpoints, for reading its descriptors.
    pub(crate) fn channel(&self) -> Channel {
        self.endpoints.pick().channel()
    }

    /// Makes one call of a branch, however it ends.
    pub(super) async fn call(&self, order: &CallOrder) -> CallReport {
        let report = self.call_uncounted(order).await;
        self.meters.finished(&report);
        report
    }

    async fn call_uncounted(&self, order: &CallOrder) -> CallReport {
        let asked_at = self.clock.now();
        let caller = Caller {
            gid: &order.gid,
            branch: order.call.branch,
            is_retry: order.call.number > 1,
        };
        let left = || {
            let not_after = order.not_after()?;
            Some(not_after.saturating_since(self.clock.now()))
        };
        let _place = match self.turns.take(caller, left).await {
            Turn::Now(place) => place,
            Turn::TooLate => {
                let error = CallError {
                    code: tonic::Code::DeadlineExceeded as i32,
                    reason: String::new(),
                    message: "the deadline came before its turn".to_owned(),
                };
                // A deadline that comes meanwhile uses up no attempt: it is the deadline that decides then.
                return CallReport {
                    free: true,
                    ..report(order, never_sent(error), asked_at, Duration::ZERO)
                };
            }
            Turn::LetGo => {
                let error = CallError {
                    code: tonic::Code::Unavailable as i32,
                    reason: String::new(),
                    message: format!("not sent: participant {} is paused", self.name),
                };
                return CallReport {
                    free: true,
                    ..report(order, never_sent(error), asked_at, Duration::ZERO)
                };
            }
        };
        order.leaves.now();
        let started_at = self.clock.now();
        let began = Instant::now();
        let timeout = match order.not_after() {
            // A try needs no longer than until its deadline.
            Some(not_after) => self.timeout().min(not_after.saturating_since(started_at)),
            None => self.timeout(),
        };
        let reply = match order.call.phase {
            Phase::Try => Reply::Keep(self.try_response_bytes_max),
            Phase::Confirm | Phase::Cancel => Reply::Discard,
        };
        let (exchanged, endpoint) = self.exchange_for(order, reply, timeout).await;
        let classified = match exchanged {
            Ok(exchange) => classify(exchange),
            Err(error) => Classified {
                is_answer: true,
                ..never_sent(CallError {
                    code: tonic::Code::Internal as i32,
                    reason: String::new(),
                    message: error.to_string(),
                })
            },
        };
        self.note(&classified, order.call.phase);
        CallReport {
            endpoint,
            ..report(order, classified, started_at, began.elapsed())
        }
    }

    async fn exchange_for(
        &self,
        order: &CallOrder,
        reply: Reply,
        timeout: Duration,
    ) -> (Result<Exchange, RequestError>, Arc<str>) {
        if let Err(error) = failpoint!("call::before-", order.call.phase.as_str()) {
            return (Ok(Exchange::NeverSent(error.to_string())), nowhere());
        }
        let request = |timeout| order.request(timeout);
        let mut endpoint = nowhere();
        let exchanged = self.exchange_at(request, reply, timeout, &mut endpoint);
        let exchanged = exchanged.await;
        if let Err(error) = failpoint!("call::after-", order.call.phase.as_str()) {
            return (Ok(Exchange::Broken(error.to_string())), endpoint);
        }
        (exchanged, endpoint)
    }

    /// One exchange, with the next endpoint as long as the call certainly wasn't sent.
    pub(super) async fn exchange(
        &self,
        request: impl Fn(Duration) -> Result<Request<Full<Bytes>>, RequestError>,
        reply: Reply,
        timeout: Duration,
    ) -> Result<Exchange, RequestError> {
        self.exchange_at(request, reply, timeout, &mut nowhere())
            .await
    }

    /// The same, which says `whereto` it went last.
    async fn exchange_at(
        &self,
        request: impl Fn(Duration) -> Result<Request<Full<Bytes>>, RequestError>,
        reply: Reply,
        timeout: Duration,
        whereto: &mut Arc<str>,
    ) -> Result<Exchange, RequestError> {
        let end = Instant::now() + timeout;
        let mut tried = 0;
        loop {
            let endpoint = self.endpoints.pick();
            *whereto = Arc::clone(endpoint.label());
            let since = Instant::now();
            let left = end.saturating_duration_since(since);
            let exchanged = exchange(endpoint.channel(), request(left)?, reply, left).await;
            self.endpoints.report(&endpoint, heard(&exchanged, since));
            tried += 1;
            let is_over = Instant::now() >= end || tried >= self.endpoints.len();
            if is_over || !matches!(exchanged, Exchange::NeverSent(_)) {
                return Ok(exchanged);
            }
        }
    }

    fn note(&self, classified: &Classified, phase: Phase) {
        if phase == Phase::Try {
            if classified.is_answer {
                self.breaker.answered();
            } else {
                self.breaker.unanswered(Instant::now());
            }
        }
        if let Some(error) = &classified.error {
            let mut last = self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some((error.clone(), self.clock.now()));
        }
    }

    /// How it is, for operators.
    pub(crate) fn message(&self) -> pb::Participant {
        let pause = self.pause();
        let last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let breaker = match self.breaker.state() {
            BreakerState::Closed => pb::BreakerState::Closed,
            BreakerState::Open => pb::BreakerState::Open,
            BreakerState::HalfOpen => pb::BreakerState::HalfOpen,
        };
        pb::Participant {
            name: self.name.as_str().to_owned(),
            endpoints: self
                .config
                .endpoints
                .iter()
                .map(ToString::to_string)
                .collect(),
            actions: self
                .config
                .actions
                .iter()
                .map(|(name, action)| pb::Action {
                    name: name.0.as_str().to_owned(),
                    service: action.service.to_string(),
                    verbs: phases(action.verbs)
                        .map(|phase| view::phase(phase) as i32)
                        .collect(),
                })
                .collect(),
            in_flight: u32::try_from(self.in_flight()).unwrap_or(u32::MAX),
            waiting: self.waiting(),
            paused: pause.is_some(),
            paused_since: pause.as_ref().map(|pause| view::timestamp(pause.since)),
            pause_reason: pause
                .as_ref()
                .map_or_else(String::new, |pause| pause.reason.clone()),
            paused_by: pause.map_or_else(String::new, |pause| pause.who),
            breaker: breaker as i32,
            last_error: last.as_ref().map(|(error, _)| view::call_error(error)),
            last_error_at: last.map(|(_, at)| view::timestamp(at)),
        }
    }
}

/// Counts a decided branch as waiting for its participant, as long as it lives.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Participant>);

impl Waiting {
    pub(crate) fn new(participant: Arc<Participant>) -> Self {
        participant.waiting.fetch_add(1, Ordering::Relaxed);
        Self(participant)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn never_sent(error: CallError) -> Classified {
    Classified {
        outcome: CallOutcome::InDoubt,
        error: Some(error),
        response: Bytes::new(),
        retry_after: None,
        never_sent: true,
        is_answer: true,
    }
}

/// Where a call goes that isn't sent.
fn nowhere() -> Arc<str> {
    Arc::from("")
}

fn report(
    order: &CallOrder,
    classified: Classified,
    started_at: Timestamp,
    took: Duration,
) -> CallReport {
    CallReport {
        branch: order.call.branch,
        phase: order.call.phase,
        number: order.call.number,
        outcome: classified.outcome,
        error: classified.error,
        response: classified.response,
        retry_after: classified.retry_after,
        never_sent: classified.never_sent,
        free: false,
        alarm: None,
        endpoint: nowhere(),
        started_at,
        // As exact as the log keeps it, so that it shows the same before and after it was there.
        took: Duration::from_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
    }
}

/// The report of a call to a participant that isn't configured any more: the branch is kept and flagged.
pub(super) fn unconfigured(order: &CallOrder, now: Timestamp) -> CallReport {
    let name = &order.definition.participant;
    let message = format!("participant {name} isn't configured any more");
    let error = CallError {
        code: tonic::Code::Unavailable as i32,
        reason: String::new(),
        message: message.clone(),
    };
    CallReport {
        free: true,
        alarm: Some(message),
        ..report(order, never_sent(error), now, Duration::ZERO)
    }
}
