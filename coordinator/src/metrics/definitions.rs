//! What a coordinator's figures are. `docs/metrics.md` is written from these constants.

use tercet_service::metrics::{Definition, Label, SECONDS, SIZES};

const PARTICIPANT: Label = Label {
    name: "participant",
    values: "the configured participants",
};
const PHASE: Label = Label {
    name: "phase",
    values: "`try`, `confirm`, `cancel`",
};

pub(super) const BEGUN: Definition = Definition::counter(
    "tercet_transactions_begun_total",
    "Transactions that this coordinator has made durable, those included that were cancelled before they began.",
    &[],
);
pub(super) const DECIDED: Definition = Definition::histogram(
    "tercet_transaction_decision_seconds",
    "Time from begin to the durable decision.",
    SECONDS,
    &[Label {
        name: "decision",
        values: "`confirm`, `cancel`",
    }],
);
pub(super) const ENDED: Definition = Definition::counter(
    "tercet_transactions_ended_total",
    "Transactions whose end has become durable, by outcome and, for cancelled ones, why.",
    &[
        Label {
            name: "outcome",
            values: "`confirmed`, `cancelled`",
        },
        Label {
            name: "reason",
            values: "`none`, `refused`, `in_doubt`, `deadline`, `requested`, `initiator`",
        },
    ],
);
pub(super) const DURATION: Definition = Definition::histogram(
    "tercet_transaction_duration_seconds",
    "Time from begin to the end of the last branch.",
    SECONDS,
    &[Label {
        name: "outcome",
        values: "`confirmed`, `cancelled`",
    }],
);
pub(super) const OPEN: Definition = Definition::gauge(
    "tercet_transactions_open",
    "Transactions of this coordinator that have not ended.",
    &[Label {
        name: "state",
        values: "`trying`, `confirming`, `cancelling`",
    }],
);
pub(super) const OLDEST: Definition = Definition::gauge(
    "tercet_oldest_unresolved_age_seconds",
    "Time since the begin of the oldest transaction that has not ended; 0 if there is none.",
    &[],
);
pub(super) const ATTENTION: Definition = Definition::gauge(
    "tercet_transactions_attention",
    "Open transactions that a person should look at, parked ones included.",
    &[],
);
pub(super) const PARKED: Definition = Definition::gauge(
    "tercet_transactions_parked",
    "Open transactions with a branch whose retries have stopped.",
    &[],
);
pub(super) const CALLS: Definition = Definition::histogram(
    "tercet_participant_call_duration_seconds",
    "Duration of finished calls to a participant, from the call to the answer or the end of waiting.",
    SECONDS,
    &[
        PARTICIPANT,
        PHASE,
        Label {
            name: "outcome",
            values: "`done`, `refused`, `in_doubt`",
        },
    ],
);
pub(super) const RETRIES: Definition = Definition::counter(
    "tercet_participant_retries_total",
    "Finished calls that were not the first of their branch and phase.",
    &[PARTICIPANT, PHASE],
);
pub(super) const IN_FLIGHT: Definition = Definition::gauge(
    "tercet_participant_calls_in_flight",
    "Calls to a participant that are under way.",
    &[PARTICIPANT],
);
pub(super) const QUEUED: Definition = Definition::gauge(
    "tercet_participant_calls_queued",
    "Calls that wait for their turn: max_in_flight calls are under way, or all retries that may be. Those that a pause holds are not among them.",
    &[PARTICIPANT],
);
pub(super) const IN_FLIGHT_MAX: Definition = Definition::gauge(
    "tercet_participant_calls_in_flight_limit",
    "Calls to a participant that may be under way: its max_in_flight.",
    &[PARTICIPANT],
);
pub(super) const RETRIES_IN_FLIGHT: Definition = Definition::gauge(
    "tercet_participant_retries_in_flight",
    "Calls under way that are not the first of their branch and phase.",
    &[PARTICIPANT],
);
pub(super) const RETRIES_IN_FLIGHT_MAX: Definition = Definition::gauge(
    "tercet_participant_retries_in_flight_limit",
    "Calls under way that may be retries: retry_share of max_in_flight.",
    &[PARTICIPANT],
);
pub(super) const RETRIES_QUEUED: Definition = Definition::gauge(
    "tercet_participant_retries_queued",
    "Queued calls that wait because all retries that may be under way are.",
    &[PARTICIPANT],
);
pub(super) const PAUSED: Definition = Definition::gauge(
    "tercet_participant_paused",
    "1 while a person has paused the participant, else 0.",
    &[PARTICIPANT],
);
pub(super) const HELD: Definition = Definition::gauge(
    "tercet_participant_calls_held",
    "Calls that wait until their participant is resumed.",
    &[PARTICIPANT],
);
pub(super) const WAITING: Definition = Definition::gauge(
    "tercet_participant_branches_waiting",
    "Decided branches that have not ended, those whose call is under way included.",
    &[PARTICIPANT],
);
pub(super) const BREAKER: Definition = Definition::gauge(
    "tercet_participant_breaker_state",
    "1 for the state that the participant's circuit breaker is in, 0 for the others.",
    &[
        PARTICIPANT,
        Label {
            name: "state",
            values: "`closed`, `half_open`, `open`",
        },
    ],
);
pub(super) const BATCH_ENTRIES: Definition = Definition::histogram(
    "tercet_log_batch_entries",
    "Entries of a batch of the log.",
    SIZES,
    &[],
);
pub(super) const BATCH_SECONDS: Definition = Definition::histogram(
    "tercet_log_batch_duration_seconds",
    "Time that a batch of the log took to be written, from its first statement to its last verdict.",
    SECONDS,
    &[],
);
pub(super) const APPEND_SECONDS: Definition = Definition::histogram(
    "tercet_log_append_duration_seconds",
    "Time from an append to its verdict, for the forced entry of each batch that waited longest.",
    SECONDS,
    &[],
);
pub(super) const ENTRIES: Definition = Definition::counter(
    "tercet_log_entries_total",
    "Entries written to the log.",
    &[],
);
pub(super) const LOG_QUEUE: Definition = Definition::gauge(
    "tercet_log_queue_depth",
    "Entries that wait for their verdict, those of the batch under way included.",
    &[],
);
pub(super) const LOG_FAILING: Definition = Definition::gauge(
    "tercet_log_failing_seconds",
    "Time since appends, look-ups or beats began to fail that no taken append has followed; else 0.",
    &[],
);
pub(super) const BEAT_AGE: Definition = Definition::gauge(
    "tercet_cluster_beat_age_seconds",
    "Time since this coordinator's last beat was raised; 0 where the log has one coordinator at a time.",
    &[],
);
pub(super) const SESSIONS: Definition = Definition::gauge(
    "tercet_cluster_sessions",
    "Coordinators on the log, as last seen, this one included.",
    &[Label {
        name: "state",
        values: "`alive`, `fenced`",
    }],
);
pub(super) const ADOPTED: Definition = Definition::counter(
    "tercet_cluster_transactions_adopted_total",
    "Transactions taken over from other coordinators since the start.",
    &[],
);

pub(crate) const ALERTS_RAISED: Definition = Definition::counter(
    "tercet_alerts_raised_total",
    "Attentions and parkings of branches and transactions, each counted once by each process that drives them.",
    &[
        Label {
            name: "participant",
            values: "the configured participants; empty for what is nobody's, or one that is not configured any more",
        },
        Label {
            name: "cause",
            values: "`refused`, `overdue`, `unconfigured`, `initiator`, `parked`, `other`",
        },
    ],
);
pub(crate) const ALERTS_TOLD: Definition = Definition::counter(
    "tercet_alerts_told_total",
    "Alerts logged and, where there is a webhook, posted: one for all of a participant and cause within the repeat time.",
    &[],
);

/// The figures of a coordinator, beside those of every server.
pub const DEFINITIONS: &[&Definition] = &[
    &BEGUN,
    &DECIDED,
    &ENDED,
    &DURATION,
    &OPEN,
    &OLDEST,
    &ATTENTION,
    &PARKED,
    &CALLS,
    &RETRIES,
    &IN_FLIGHT,
    &IN_FLIGHT_MAX,
    &QUEUED,
    &RETRIES_IN_FLIGHT,
    &RETRIES_IN_FLIGHT_MAX,
    &RETRIES_QUEUED,
    &PAUSED,
    &HELD,
    &WAITING,
    &BREAKER,
    &BATCH_ENTRIES,
    &BATCH_SECONDS,
    &APPEND_SECONDS,
    &ENTRIES,
    &LOG_QUEUE,
    &LOG_FAILING,
    &BEAT_AGE,
    &SESSIONS,
    &ADOPTED,
    &ALERTS_RAISED,
    &ALERTS_TOLD,
];
