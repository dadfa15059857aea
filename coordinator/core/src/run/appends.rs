//! The append under way: started, finished, and put off after a failure. At most one at a time.
//!
//! What must never happen here: a guess about what became of an append.

use super::{Append, AppendVerdict, Appending, CommandId, Effect, Run, Urgency};
use crate::record::cut;
use crate::{Attention, GlobalTransaction, Note, Record, Rejection, Timestamp, TriedBy};

impl Run {
    pub(super) fn flush_when_due(&mut self, now: Timestamp) {
        let is_due = self
            .dirty_since
            .is_some_and(|since| now >= since.saturating_add(self.policy.lazy_for));
        if is_due && self.appending.is_none() {
            self.start_append(self.transaction.clone(), Vec::new(), Urgency::Forced, false);
        }
    }

    /// Has whatever waits for company appended at once: this process is about to leave, and the next one should go on with
    /// the numbers of the calls that were made here. Nothing happens where nothing waits.
    pub fn flush(&mut self) {
        if self.dirty_since.is_some() && self.appending.is_none() && self.lost.is_none() {
            self.start_append(self.transaction.clone(), Vec::new(), Urgency::Forced, false);
        }
    }

    pub(super) fn start_append(
        &mut self,
        mut next: GlobalTransaction,
        commands: Vec<CommandId>,
        urgency: Urgency,
        definition_changed: bool,
    ) {
        if self.refused.is_some() && next.attention == self.refused {
            next.attention = None;
        }
        let append = Append {
            expected: self.version,
            urgency,
            definition_changed,
            commands: commands.clone(),
        };
        self.appending = Some(Appending {
            next: Box::new(next),
            commands,
        });
        self.effects.push_back(Effect::Append(append));
    }

    pub(super) fn append_finished(&mut self, verdict: AppendVerdict, now: Timestamp) {
        let Some(Appending { mut next, commands }) = self.appending.take() else {
            return;
        };
        let answer = match verdict {
            AppendVerdict::Written => {
                next.mark_durable();
                let known = self.transaction.branches.len();
                for (index, branch) in next.branches.iter().enumerate().skip(known) {
                    if branch.definition.tried_by == TriedBy::Caller {
                        self.sent.insert(index);
                    }
                }
                self.transaction = *next;
                self.refused = None;
                self.to_hold &= !self.transaction.is_held();
                self.version += 1;
                self.dirty_since = None;
                self.append_failures = 0;
                self.append_not_before = None;
                Ok(())
            }
            AppendVerdict::Unavailable(why) => {
                self.append_later(now);
                Err(Rejection::LogUnavailable(why))
            }
            AppendVerdict::Invalid(why) => {
                self.append_later(now);
                if commands.is_empty() {
                    // Whoever gives a command hears it; nobody hears of this.
                    self.flag_refusal(&why, now);
                }
                Err(Rejection::LogInvalid(why))
            }
            AppendVerdict::Lost => {
                self.lost = Some(Rejection::NotOwner);
                Err(Rejection::NotOwner)
            }
        };
        if self.version == 0 {
            // A begin that the log didn't take leaves nothing behind.
            self.lost = answer.clone().err();
        }
        for command in commands {
            self.answer(command, answer.clone());
        }
        if let Some(rejection) = self.lost.clone() {
            for command in self.deferred.take_all() {
                self.answer(command, Err(rejection.clone()));
            }
        }
    }

    /// Has a person look: waiting alone changes nothing about what the log refuses. It is tried again all the same, since the log
    /// itself may be mended.
    fn flag_refusal(&mut self, why: &str, now: Timestamp) {
        if self.version == 0 || self.transaction.attention.is_some() {
            return;
        }
        let attention = Attention {
            why: cut(&format!("the log refuses how it stands: {why}")),
            since: now,
            parked: false,
        };
        self.refused = Some(attention.clone());
        self.transaction
            .apply(&Record::Noted(Note::AttentionRaised {
                branch: None,
                attention,
            }));
    }

    fn append_later(&mut self, now: Timestamp) {
        self.append_failures = self.append_failures.saturating_add(1);
        let delay = self
            .policy
            .delay(&self.transaction.gid, "/append", self.append_failures);
        self.append_not_before = Some(now.saturating_add(delay));
    }
}
