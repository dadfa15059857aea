//! What a participant's figures are. `docs/metrics.md` is written from these constants.

use tercet_service::metrics::{Definition, Label, SECONDS, SIZES};

const ACTION: Label = Label {
    name: "action",
    values: "the full gRPC names of the participant's actions",
};
const PHASE: Label = Label {
    name: "phase",
    values: "`try`, `confirm`, `cancel`",
};

pub(super) const ACTIONS: Definition = Definition::histogram(
    "tercet_action_duration_seconds",
    "Duration of answered calls to an action, its SQL transaction included.",
    SECONDS,
    &[
        ACTION,
        PHASE,
        Label {
            name: "outcome",
            values: "`done`, `refused`, `failed` (to be repeated)",
        },
    ],
);
pub(super) const VERDICTS: Definition = Definition::counter(
    "tercet_fence_verdicts_total",
    "What the fence made of calls, those of the resolver included; what was rolled back is not in it.",
    &[
        ACTION,
        PHASE,
        Label {
            name: "verdict",
            values: "`run`, `record` (cancel before try), `repeat`, `not_offered`, `cancelled_before_try`, `never_tried`, `already_cancelled`, `already_confirmed`, `too_late`",
        },
    ],
);
pub(super) const IN_FLIGHT: Definition = Definition::gauge(
    "tercet_action_calls_in_flight",
    "Calls to actions that are under way.",
    &[],
);
pub(super) const HOT_BATCHES: Definition = Definition::histogram(
    "tercet_hot_batch_calls",
    "Calls on one hot row that were answered from one SQL transaction.",
    SIZES,
    &[Label {
        name: "table",
        values: "the hot tables of the code",
    }],
);
pub(super) const HOT_FROM_MEMORY: Definition = Definition::counter(
    "tercet_hot_refused_from_memory_total",
    "Tries on hot rows that were refused, or answered again, from one look without a lock.",
    &[],
);
pub(super) const OUTBOX_WAITING: Definition = Definition::gauge(
    "tercet_outbox_messages_waiting",
    "Messages that are to be sent, counted up to 10,000, as of the last few seconds. Only where there is an outbox.",
    &[],
);
pub(super) const OUTBOX_AGE: Definition = Definition::gauge(
    "tercet_outbox_oldest_age_seconds",
    "Time since the oldest of those was written; 0 if there is none. Only where there is an outbox.",
    &[],
);
pub(super) const OUTBOX_SENT: Definition = Definition::counter(
    "tercet_outbox_sent_total",
    "Messages that the coordinator has taken over. Only where there is an outbox.",
    &[],
);
pub(super) const OUTBOX_FAILED: Definition = Definition::counter(
    "tercet_outbox_failed_attempts_total",
    "Attempts to send that failed and are made again. Only where there is an outbox.",
    &[],
);
pub(super) const OUTBOX_ATTENTION: Definition = Definition::counter(
    "tercet_outbox_attention_total",
    "Messages given up until a person looks. Only where there is an outbox.",
    &[],
);

/// The figures of a participant, beside those of every server.
pub const DEFINITIONS: &[&Definition] = &[
    &ACTIONS,
    &VERDICTS,
    &IN_FLIGHT,
    &HOT_BATCHES,
    &HOT_FROM_MEMORY,
    &OUTBOX_WAITING,
    &OUTBOX_AGE,
    &OUTBOX_SENT,
    &OUTBOX_FAILED,
    &OUTBOX_ATTENTION,
];
