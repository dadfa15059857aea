//! The figures of a participant (`/metrics`).
//!
//! Verdicts of the fence are counted where they stand, after the commit that they depend on; calls where they are
//! answered. The outbox is looked at every few seconds, so that asking for figures never asks the database.
//!
//! Must never: take a label's value from a request. Actions are those of the code; rows, gids and users are no labels.

mod definitions;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tercet_service::Metrics;
use tercet_service::metrics::{Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, Refresh};
use tercet_service::traces::{Span, SpanKind, Tracing};

pub use definitions::DEFINITIONS;
use definitions::{
    ACTIONS, HOT_BATCHES, HOT_FROM_MEMORY, IN_FLIGHT, OUTBOX_AGE, OUTBOX_ATTENTION, OUTBOX_FAILED,
    OUTBOX_SENT, OUTBOX_WAITING, VERDICTS,
};

use crate::clock::now_micros;
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{Fence, FenceDb, FenceVerdict, Phase};
use crate::outbox::{Outbox, OutboxDb};

/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Counts what one participant does. Made with its fence.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) metrics: Metrics,
    verdicts: IntCounterVec,
    actions: HistogramVec,
    hot_batches: HistogramVec,
    from_memory: IntCounter,
    in_flight: Gauge,
    tracing: OnceLock<Tracing>,
}

impl Default for Meters {
    fn default() -> Self {
        let metrics = Metrics::new();
        Self {
            verdicts: metrics.counters(&VERDICTS),
            actions: metrics.histograms(&ACTIONS),
            hot_batches: metrics.histograms(&HOT_BATCHES),
            from_memory: metrics.counter(&HOT_FROM_MEMORY),
            in_flight: metrics.gauge(&IN_FLIGHT),
            tracing: OnceLock::new(),
            metrics,
        }
    }
}

impl Meters {
    /// From now on spans are made by this.
    pub(crate) fn trace_by(&self, tracing: Tracing) {
        // The server is started once.
        let _second = self.tracing.set(tracing);
    }

    /// A span for the SQL transaction of a call, if the call is traced.
    pub(crate) fn sql_span(&self, context: &BranchContext, database: &'static str) -> Option<Span> {
        let tracing = self.tracing.get()?;
        let parent = context.traceparent.as_deref()?;
        let mut span = tracing.span("SQL transaction", SpanKind::Client, parent);
        if !span.is_recording() {
            return None;
        }
        // As the conventions of OpenTelemetry spell them.
        let system = match database {
            "SQLite" => "sqlite",
            "MySQL" => "mysql",
            other => other,
        };
        span.set("db.system.name", system);
        span.set("tercet.gid", context.gid().to_owned());
        span.set("tercet.branch", context.branch().to_owned());
        span.set("tercet.phase", context.phase.as_str());
        Some(span)
    }

    /// A verdict stands: what it wrote is committed, or it wrote nothing.
    pub(crate) fn verdict(&self, service: &'static str, phase: Phase, verdict: FenceVerdict) {
        let labels = [service, phase.as_str(), verdict_name(verdict)];
        self.verdicts.with_label_values(&labels).inc();
    }

    /// Calls on one row were answered from one SQL transaction.
    pub(crate) fn hot_batch(&self, table: &'static str, calls: usize) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.hot_batches
            .with_label_values(&[table])
            .observe(f64::from(calls));
    }

    /// Tries were refused without an SQL transaction that writes.
    pub(crate) fn refused_from_memory(&self, calls: usize) {
        self.from_memory
            .inc_by(u64::try_from(calls).unwrap_or(u64::MAX));
    }

    /// The meters of one action's calls. All its series are there from the start.
    pub(crate) fn action(&self, service: &'static str, phases: &[Phase]) -> ActionMeters {
        let of_phase = |phase: Phase| {
            let of = |outcome| {
                let labels = [service, phase.as_str(), outcome];
                self.actions.with_label_values(&labels)
            };
            phases.contains(&phase).then(|| PhaseMeters {
                done: of("done"),
                refused: of("refused"),
                failed: of("failed"),
            })
        };
        ActionMeters {
            try_: of_phase(Phase::Try),
            confirm: of_phase(Phase::Confirm),
            cancel: of_phase(Phase::Cancel),
        }
    }

    /// Sets the gauges of the fence to what is so now.
    pub(crate) fn refresh<D: FenceDb>(fence: &Fence<D>) -> Refresh {
        let fence = fence.clone();
        Arc::new(move || {
            let in_flight = u32::try_from(fence.in_flight()).unwrap_or(u32::MAX);
            fence.meters().in_flight.set(f64::from(in_flight));
        })
    }
}

/// Counts the calls of one action, as callers see them.
#[derive(Clone, Debug)]
pub(crate) struct ActionMeters {
    try_: Option<PhaseMeters>,
    confirm: Option<PhaseMeters>,
    cancel: Option<PhaseMeters>,
}

#[derive(Clone, Debug)]
struct PhaseMeters {
    done: Histogram,
    refused: Histogram,
    failed: Histogram,
}

impl ActionMeters {
    /// A call was answered.
    pub(crate) fn answered<T>(
        &self,
        phase: Phase,
        answer: &Result<T, ActionError>,
        took: Duration,
    ) {
        let meters = match phase {
            Phase::Try => &self.try_,
            Phase::Confirm => &self.confirm,
            Phase::Cancel => &self.cancel,
        };
        let Some(meters) = meters else {
            return;
        };
        let histogram = match answer {
            Ok(_) => &meters.done,
            Err(error) if error.is_retryable() => &meters.failed,
            Err(_) => &meters.refused,
        };
        histogram.observe(took.as_secs_f64());
    }
}

fn verdict_name(verdict: FenceVerdict) -> &'static str {
    use crate::fence::FenceRefusal::{
        AlreadyCancelled, AlreadyConfirmed, CancelledBeforeTry, NeverTried, TooLate,
    };
    match verdict {
        FenceVerdict::Run(_) => "run",
        FenceVerdict::Record(_) => "record",
        FenceVerdict::Repeat => "repeat",
        FenceVerdict::NotOffered => "not_offered",
        FenceVerdict::Refuse(CancelledBeforeTry) => "cancelled_before_try",
        FenceVerdict::Refuse(NeverTried) => "never_tried",
        FenceVerdict::Refuse(AlreadyCancelled) => "already_cancelled",
        FenceVerdict::Refuse(AlreadyConfirmed) => "already_confirmed",
        FenceVerdict::Refuse(TooLate) => "too_late",
    }
}

/// The figures of an outbox.
#[derive(Debug)]
pub(crate) struct OutboxMeters {
    waiting: Gauge,
    age: Gauge,
    sent: IntCounter,
    failed: IntCounter,
    attention: IntCounter,
}

impl OutboxMeters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            waiting: metrics.gauge(&OUTBOX_WAITING),
            age: metrics.gauge(&OUTBOX_AGE),
            sent: metrics.counter(&OUTBOX_SENT),
            failed: metrics.counter(&OUTBOX_FAILED),
            attention: metrics.counter(&OUTBOX_ATTENTION),
        }
    }

    /// Looks once.
    pub(crate) async fn look<D: OutboxDb>(&self, outbox: &Outbox<D>) -> sqlx::Result<()> {
        let counts = outbox.counts();
        for (counter, now) in [
            (&self.sent, counts.sent),
            (&self.failed, counts.failed),
            (&self.attention, counts.attention),
        ] {
            counter.inc_by(now.saturating_sub(counter.get()));
        }
        let backlog = outbox.backlog().await?;
        let messages = u32::try_from(backlog.waiting).unwrap_or(u32::MAX);
        self.waiting.set(f64::from(messages));
        let now = now_micros();
        let micros = now.saturating_sub(backlog.oldest.unwrap_or(now)).max(0);
        let since = Duration::from_micros(micros.unsigned_abs());
        self.age.set(since.as_secs_f64());
        Ok(())
    }

    /// Looks every few seconds; never ends.
    pub(crate) async fn watch<D: OutboxDb>(self, outbox: Outbox<D>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Err(error) = self.look(&outbox).await {
                tracing::debug!(%error, "the outbox can't be looked at now");
            }
        }
    }
}
