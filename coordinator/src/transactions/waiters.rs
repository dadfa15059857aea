//! Questions that wait for a transaction to come that far.

use tercet_core::{BranchId, BranchState, ContentHash, Mode, Run, TriedBy};
use tokio::sync::oneshot;

use super::Stage;
use crate::errors::{ApiError, Reason};
use crate::view::{Shown, UnderWay};

/// The most questions that wait for one transaction.
const WAITERS_MAX: usize = 1_024;

/// How far a transaction has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Begun, durably.
    Begun,
    /// Decided, durably.
    Decision,
    /// Ended, or parked, or the coordinator drains.
    Completion,
    /// That branch has ended, durably.
    Ended(BranchId),
    /// That branch's try has an outcome, or is its caller's, or the transaction is decided.
    Tried(BranchId),
}

impl Wait {
    /// Whether it is. Only asked once the begin is durable.
    pub(super) fn is_over(&self, run: &Run, stage: Stage) -> bool {
        let transaction = run.transaction();
        let is_decided = transaction.state.decision().is_some();
        match self {
            Self::Begun => true,
            Self::Decision => is_decided,
            Self::Completion => {
                transaction.state.is_ended() || transaction.is_parked() || stage >= Stage::Draining
            }
            Self::Ended(id) => {
                let branch = transaction.branch(id);
                branch.is_none_or(|(_, branch)| branch.shown_state().is_ended())
            }
            Self::Tried(id) => {
                let is_settled = transaction.branch(id).is_none_or(|(_, branch)| {
                    branch.state != BranchState::Registered
                        || branch.definition.tried_by == TriedBy::Caller
                });
                is_settled || is_decided
            }
        }
    }
}

/// Whoever asked.
pub(crate) trait Asker: Send {
    /// Answers with what may be shown, or with why not.
    fn answer(self: Box<Self>, answer: Result<Shown<'_>, ApiError>);

    /// Whether nobody wants to know any more.
    fn is_gone(&self) -> bool;
}

/// An asker that makes its answer of what is shown and sends it.
pub(crate) struct Reply<T, F> {
    pub(crate) make: F,
    pub(crate) to: oneshot::Sender<Result<T, ApiError>>,
}

impl<T, F> Asker for Reply<T, F>
where
    T: Send,
    F: FnOnce(Shown<'_>) -> T + Send,
{
    fn answer(self: Box<Self>, answer: Result<Shown<'_>, ApiError>) {
        // Whoever has gone meanwhile needs no answer.
        let _ = self.to.send(answer.map(self.make));
    }

    fn is_gone(&self) -> bool {
        self.to.is_closed()
    }
}

/// A question.
pub(crate) struct Question {
    pub(crate) wait: Wait,
    /// What the asker takes for the transaction's content; other content is a conflict.
    pub(crate) content: Option<ContentHash>,
    pub(crate) asker: Box<dyn Asker>,
}

impl Question {
    pub(crate) fn refuse(self, error: ApiError) {
        self.asker.answer(Err(error));
    }
}

/// The questions that wait for one transaction.
#[derive(Default)]
pub(crate) struct Waiters(Vec<Question>);

impl Waiters {
    /// Takes a question in; it is answered with the next [`settle`](Self::settle) that can.
    ///
    /// Where too many wait already, only what adds to a transaction may be told so (contract, section 3). Everybody else is
    /// answered with how it is now.
    pub(crate) fn push(&mut self, mut question: Question, is_begun: bool) {
        if self.0.len() >= WAITERS_MAX {
            self.0.retain(|waiting| !waiting.asker.is_gone());
        }
        if self.0.len() >= WAITERS_MAX && !(is_begun && question.wait == Wait::Begun) {
            let message = format!("{WAITERS_MAX} calls wait for this transaction");
            let adds = question.content.is_some() || matches!(question.wait, Wait::Tried(_));
            if adds {
                return question.refuse(ApiError::new(Reason::Overloaded, message));
            }
            if !is_begun {
                return question.refuse(ApiError::new(Reason::LogUnavailable, message));
            }
            question.wait = Wait::Begun;
        }
        self.0.push(question);
    }

    /// Whether somebody waits for an end.
    pub(crate) fn want_completion(&self) -> bool {
        self.0.iter().any(|question| {
            matches!(question.wait, Wait::Completion | Wait::Ended(_)) && !question.asker.is_gone()
        })
    }

    /// Answers whatever can be answered now. Nothing can before the begin is durable.
    pub(crate) fn settle(&mut self, calls: UnderWay<'_>, stage: Stage, owner: &str) {
        let run = calls.run;
        if run.version() == 0 || self.0.is_empty() {
            return;
        }
        let transaction = run.transaction();
        let shown = Shown {
            transaction,
            calls: Some(calls),
            owner,
        };
        let mut index = 0;
        while index < self.0.len() {
            let question = &mut self.0[index];
            // A record of a cancel that came first takes any content.
            let is_conflict = question
                .content
                .take()
                .is_some_and(|content| content != transaction.content)
                && transaction.mode != Mode::CancelledUnknown;
            if is_conflict {
                let conflict = ApiError::gid_conflict(&transaction.gid);
                self.0.swap_remove(index).refuse(conflict);
            } else if question.wait.is_over(run, stage) {
                self.0.swap_remove(index).asker.answer(Ok(shown));
            } else {
                index += 1;
            }
        }
    }

    /// Answers everything that is left with that error.
    pub(crate) fn refuse_all(&mut self, error: &ApiError) {
        for question in self.0.drain(..) {
            question.refuse(error.clone());
        }
    }
}
