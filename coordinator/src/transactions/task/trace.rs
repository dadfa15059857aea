//! The spans of one transaction, below the `traceparent` that is stored with it, and its line in the log.
//!
//! One trace a transaction: what happens after a restart, hours later, is in the same one, and points to the call that
//! began it by a link, because that span has long been sent.

use tercet_core::{Call, Decision, GlobalTransaction, Phase};
use tercet_service::traces::{Span, SpanKind, Tracing};

use crate::metrics::reason_name;

/// Makes them.
#[derive(Debug)]
pub(super) struct Trace {
    tracing: Tracing,
    is_recovered: bool,
}

impl Trace {
    pub(super) fn new(tracing: Tracing) -> Self {
        Self {
            tracing,
            is_recovered: false,
        }
    }

    /// From now on this goes on with what the log held.
    pub(super) fn recovered(&mut self) {
        self.is_recovered = true;
    }

    fn span(
        &self,
        transaction: &GlobalTransaction,
        name: impl Into<std::borrow::Cow<'static, str>>,
        kind: SpanKind,
    ) -> Span {
        let mut span = self.tracing.span(name, kind, &transaction.trace_parent);
        if span.is_recording() {
            span.set("tercet.gid", transaction.gid.as_str().to_owned());
            if self.is_recovered {
                span.set("tercet.recovered", true);
                span.link(&transaction.trace_parent);
            }
        }
        span
    }

    /// Something is made durable.
    pub(super) fn append(&self, transaction: &GlobalTransaction) -> Span {
        self.span(transaction, "append", SpanKind::Internal)
    }

    /// A call to a participant.
    pub(super) fn call(&self, transaction: &GlobalTransaction, call: &Call) -> Span {
        let Some(branch) = transaction.branches.get(call.branch) else {
            return self.span(transaction, "call", SpanKind::Client);
        };
        if !self.tracing.is_on() {
            return self.span(transaction, "", SpanKind::Client);
        }
        let definition = &branch.definition;
        let method = match call.phase {
            Phase::Try => "Try",
            Phase::Confirm => "Confirm",
            Phase::Cancel => "Cancel",
        };
        let name = format!("{}/{method}", definition.service);
        let mut span = self.span(transaction, name, SpanKind::Client);
        if span.is_recording() {
            span.set("rpc.system", "grpc");
            span.set("rpc.service", definition.service.to_string());
            span.set("rpc.method", method);
            span.set(
                "tercet.participant",
                definition.participant.as_str().to_owned(),
            );
            span.set("tercet.branch", definition.id.as_str().to_owned());
            span.set("tercet.phase", call.phase.as_str());
            span.set("tercet.attempt", i64::from(call.number));
        }
        span
    }

    /// The initiator is asked.
    pub(super) fn check(&self, transaction: &GlobalTransaction) -> Span {
        self.span(transaction, "CheckTransaction", SpanKind::Client)
    }

    /// It is decided, durably: a moment in the trace, a line in the log.
    pub(super) fn decided(&self, transaction: &GlobalTransaction, decision: Decision) {
        let decision = match decision {
            Decision::Confirm => "confirm",
            Decision::Cancel => "cancel",
        };
        let cause = transaction.cancel_cause.as_ref();
        let reason = cause.map_or("", |cause| reason_name(cause.reason));
        let mut span = self.span(transaction, "decision", SpanKind::Internal);
        span.set("tercet.decision", decision);
        span.set("tercet.reason", reason);
        tracing::debug!(
            target: "tercet::decision",
            gid = %transaction.gid,
            trace_id = trace_id(&transaction.trace_parent),
            decision,
            reason,
            branches = transaction.branches.len(),
            "decided"
        );
    }
}

/// The trace's id in a `traceparent`.
fn trace_id(trace_parent: &str) -> &str {
    trace_parent.get(3..35).unwrap_or_default()
}
