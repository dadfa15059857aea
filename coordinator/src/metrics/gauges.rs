//! What is so now, read from the live state.

use tercet_core::TransactionState;
use tercet_service::Metrics;
use tercet_service::metrics::{Gauge, GaugeVec, IntCounter};

use super::definitions::{
    ADOPTED, ATTENTION, BEAT_AGE, BREAKER, HELD, IN_FLIGHT, IN_FLIGHT_MAX, LOG_FAILING, LOG_QUEUE,
    OLDEST, OPEN, PARKED, PAUSED, QUEUED, RETRIES_IN_FLIGHT, RETRIES_IN_FLIGHT_MAX, RETRIES_QUEUED,
    SESSIONS, WAITING,
};
use crate::participants::{BreakerState, Participant};
use crate::transactions::{Handle, Shared};

const OPEN_STATES: [(TransactionState, &str); 3] = [
    (TransactionState::Trying, "trying"),
    (TransactionState::Confirming, "confirming"),
    (TransactionState::Cancelling, "cancelling"),
];
const BREAKER_STATES: [(BreakerState, &str); 3] = [
    (BreakerState::Closed, "closed"),
    (BreakerState::HalfOpen, "half_open"),
    (BreakerState::Open, "open"),
];

/// The gauges of a coordinator.
#[derive(Debug)]
pub(crate) struct LiveGauges {
    open: GaugeVec,
    oldest: Gauge,
    attention: Gauge,
    parked: Gauge,
    in_flight: GaugeVec,
    in_flight_max: GaugeVec,
    queued: GaugeVec,
    retries_in_flight: GaugeVec,
    retries_in_flight_max: GaugeVec,
    retries_queued: GaugeVec,
    paused: GaugeVec,
    held: GaugeVec,
    waiting: GaugeVec,
    breaker: GaugeVec,
    log_queue: Gauge,
    log_failing: Gauge,
    beat_age: Gauge,
    sessions: GaugeVec,
    adopted: IntCounter,
}

impl LiveGauges {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            open: metrics.gauges(&OPEN),
            oldest: metrics.gauge(&OLDEST),
            attention: metrics.gauge(&ATTENTION),
            parked: metrics.gauge(&PARKED),
            in_flight: metrics.gauges(&IN_FLIGHT),
            in_flight_max: metrics.gauges(&IN_FLIGHT_MAX),
            queued: metrics.gauges(&QUEUED),
            retries_in_flight: metrics.gauges(&RETRIES_IN_FLIGHT),
            retries_in_flight_max: metrics.gauges(&RETRIES_IN_FLIGHT_MAX),
            retries_queued: metrics.gauges(&RETRIES_QUEUED),
            paused: metrics.gauges(&PAUSED),
            held: metrics.gauges(&HELD),
            waiting: metrics.gauges(&WAITING),
            breaker: metrics.gauges(&BREAKER),
            log_queue: metrics.gauge(&LOG_QUEUE),
            log_failing: metrics.gauge(&LOG_FAILING),
            beat_age: metrics.gauge(&BEAT_AGE),
            sessions: metrics.gauges(&SESSIONS),
            adopted: metrics.counter(&ADOPTED),
        }
    }

    /// Sets them to what is so now.
    pub(crate) fn refresh(&self, shared: &Shared) {
        let now = shared.clock.now();
        for (state, name) in OPEN_STATES {
            let count = number(shared.gauges.count(state));
            self.open.with_label_values(&[name]).set(count);
        }
        let oldest = shared.registry.all().iter().map(Handle::begun_at).min();
        let age = oldest.map_or(0.0, |begun_at| now.saturating_since(begun_at).as_secs_f64());
        self.oldest.set(age);
        self.attention.set(number(shared.gauges.attention()));
        self.parked.set(number(shared.gauges.parked()));
        for participant in shared.participants.iter() {
            self.participant(participant);
        }
        self.log_queue.set(number(shared.log.metrics().queue_depth));
        let failing = shared.health.failing_for(now).unwrap_or_default();
        self.log_failing.set(failing.as_secs_f64());
        let (alive, fenced) = match &shared.cluster {
            Some(cluster) => {
                self.beat_age.set(cluster.beat_age().as_secs_f64());
                let more = cluster.adopted().saturating_sub(self.adopted.get());
                self.adopted.inc_by(more);
                cluster.sessions_seen()
            }
            None => (1, 0),
        };
        for (state, count) in [("alive", alive), ("fenced", fenced)] {
            self.sessions.with_label_values(&[state]).set(number(count));
        }
    }

    fn participant(&self, participant: &Participant) {
        let name = participant.name.as_str();
        let set = |gauges: &GaugeVec, value: u64| {
            gauges.with_label_values(&[name]).set(number(value));
        };
        let turns = &participant.turns;
        set(&self.in_flight, turns.in_flight());
        set(&self.in_flight_max, turns.in_flight_max());
        set(&self.queued, turns.queued());
        set(&self.retries_in_flight, turns.retries_in_flight());
        set(&self.retries_in_flight_max, turns.retries_max());
        set(&self.retries_queued, turns.retries_queued());
        set(&self.paused, u64::from(participant.pause().is_some()));
        set(&self.held, turns.held());
        set(&self.waiting, participant.waiting());
        let breaker = participant.breaker_state();
        for (state, label) in BREAKER_STATES {
            let is_it = u64::from(state == breaker);
            self.breaker
                .with_label_values(&[name, label])
                .set(number(is_it));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of what a process holds stay far below 2^52"
)]
fn number(count: u64) -> f64 {
    count as f64
}
