//! What the run asks for, carried out: appends, calls, questions to the initiator, answers.

use std::sync::Arc;

use futures::future::FutureExt as _;
use tercet_core::{Append, Call, CommandId, Effect, GlobalTransaction, Rejection, Urgency};
use tercet_log::{AuditRecord, Entry};

use super::Task;
use crate::participants::CallOrder;
use crate::transactions::standing::{UNKNOWN, standing};

impl Task {
    /// Carries out one effect, as far as that needs no waiting.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(append) => self.start_append(&append),
            Effect::Call(call) => self.start_call(call),
            Effect::AskInitiator => self.start_check(),
            Effect::ReadFences => self.start_reading(),
            Effect::Answer { command, result } => self.answer(command, result),
        }
    }

    fn start_append(&mut self, append: &Append) {
        let Some(next) = self.run.appending() else {
            return;
        };
        let audit = self.audit(&append.commands, next);
        let entry = Entry::from_append(append, next).with_audit(audit);
        // Somebody waits for the end: it doesn't wait for company.
        let urgency = match append.urgency {
            Urgency::Lazy if self.waiters.want_completion() => Urgency::Forced,
            urgency => urgency,
        };
        let span = self.trace.append(next);
        let appended = self.registration.shared.log.append(entry, urgency);
        self.append = if span.is_recording() {
            let traced = async move {
                let verdict = appended.await;
                drop(span);
                verdict
            };
            traced.boxed().fuse()
        } else {
            appended.boxed().fuse()
        };
    }

    /// What people have to do with the append that makes `next` of the transaction, and how it stands before and after.
    fn audit(&self, commands: &[CommandId], next: &GlobalTransaction) -> Vec<AuditRecord> {
        let records = commands.iter().filter_map(|id| {
            let record = self.commands.get(id)?.audit.clone()?;
            Some(AuditRecord {
                before: match self.run.version() {
                    0 => UNKNOWN.to_owned(),
                    _ => standing(self.run.transaction()),
                },
                after: standing(next),
                ..record
            })
        });
        records.collect()
    }

    fn start_call(&mut self, call: Call) {
        let transaction = self.run.transaction();
        let Some(branch) = transaction.branches.get(call.branch) else {
            return;
        };
        let mut span = self.trace.call(transaction, &call);
        let order = CallOrder {
            gid: transaction.gid.clone(),
            call,
            definition: Arc::clone(&branch.definition),
            options: Arc::clone(&transaction.options),
            trace_parent: span
                .traceparent()
                .map_or_else(|| Arc::clone(&transaction.trace_parent), Into::into),
            try_deadline: self.try_deadline.clone(),
            leaves: self.out.new_call(call.branch, call.phase),
        };
        let participants = Arc::clone(&self.registration.shared.participants);
        let called = async move {
            let report = participants.call(order).await;
            if let Some(error) = &report.error {
                span.set("rpc.grpc.status_code", i64::from(error.code));
                span.fail(error.message.clone());
            }
            report
        };
        self.calls.push(called.boxed());
    }

    fn start_check(&mut self) {
        let transaction = self.run.transaction();
        let Some(initiator) = transaction.options.initiator.clone() else {
            return;
        };
        let gid = transaction.gid.clone();
        let span = self.trace.check(transaction);
        let trace_parent: Arc<str> = span
            .traceparent()
            .map_or_else(|| Arc::clone(&transaction.trace_parent), Into::into);
        let participants = Arc::clone(&self.registration.shared.participants);
        let check = async move {
            let _span = span;
            participants
                .ask_initiator(gid, &initiator, &trace_parent)
                .await
        };
        self.check = check.boxed().fuse();
    }

    fn start_reading(&mut self) {
        let transaction = self.run.transaction();
        let gid = transaction.gid.clone();
        let branches = transaction.branches.iter().map(|branch| {
            let definition = &branch.definition;
            (definition.id.clone(), definition.participant.clone())
        });
        let branches = branches.collect();
        let participants = Arc::clone(&self.registration.shared.participants);
        let reading = async move { participants.read_fences(gid, branches).await };
        self.reading = reading.boxed().fuse();
    }

    fn answer(&mut self, command: CommandId, result: Result<(), Rejection>) {
        let Some(pending) = self.commands.remove(&command) else {
            return;
        };
        match result {
            Ok(()) => self.waiters.push(pending.question, self.run.version() > 0),
            Err(rejection) => pending.question.refuse(rejection.clone().into()),
        }
    }
}
