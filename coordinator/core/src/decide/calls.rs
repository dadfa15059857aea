//! What follows from a finished call, to a participant or to the initiator.

use super::Surroundings;
use crate::record::{Retry, cut};
use crate::{
    Attention, Branch, CallError, CallOutcome, CallReport, CancelCause, CancelReason, Decision,
    EndedHow, GlobalTransaction, InitiatorAnswer, InitiatorReport, Note, Phase, Record, Timestamp,
    TransactionState,
};

/// gRPC code of a refusal that the coordinator makes of a reply that is too large: `FAILED_PRECONDITION`.
const CODE_FAILED_PRECONDITION: i32 = 9;

impl GlobalTransaction {
    pub(super) fn call_finished(
        &self,
        report: &CallReport,
        around: &Surroundings<'_>,
    ) -> Vec<Record> {
        let Some(branch) = self.branches.get(report.branch) else {
            return Vec::new();
        };
        let awaited = self.state.decision().map_or(Phase::Try, Phase::from);
        if branch.state.is_ended() || report.phase != awaited {
            // Too late to matter: kept as history.
            return vec![Record::CallFinished(
                report.clone(),
                Retry {
                    used: false,
                    next_at: None,
                },
            )];
        }
        match report.phase {
            Phase::Try => {
                let mut records = vec![self.try_finished(branch, report, around)];
                records.extend(raised(
                    branch,
                    report,
                    report.alarm.as_deref().map(cut),
                    around,
                ));
                records
            }
            Phase::Confirm | Phase::Cancel => self.second_finished(branch, report, around),
        }
    }

    fn try_finished(
        &self,
        branch: &Branch,
        report: &CallReport,
        around: &Surroundings<'_>,
    ) -> Record {
        let settled = Retry {
            used: true,
            next_at: None,
        };
        match report.outcome {
            CallOutcome::Done => {
                Record::CallFinished(self.within_response_limit(report, around), settled)
            }
            CallOutcome::Refused => Record::CallFinished(report.clone(), settled),
            CallOutcome::InDoubt => {
                let retry = self.next_try(branch, report, around);
                Record::CallFinished(report.clone(), retry)
            }
        }
    }

    /// A reply with which all replies together pass the limit counts as a refusal: it can't be kept.
    fn within_response_limit(&self, report: &CallReport, around: &Surroundings<'_>) -> CallReport {
        let others: usize = self
            .branches
            .iter()
            .map(|branch| branch.try_response.len())
            .sum();
        let (bytes, max) = (
            others + report.response.len(),
            around.policy.try_responses_bytes_max,
        );
        if bytes <= max {
            return report.clone();
        }
        CallReport {
            outcome: CallOutcome::Refused,
            error: Some(CallError {
                code: CODE_FAILED_PRECONDITION,
                reason: "RESPONSE_TOO_LARGE".to_owned(),
                message: format!(
                    "with this reply all try responses have {bytes} bytes, more than {max}"
                ),
            }),
            response: bytes::Bytes::new(),
            ..report.clone()
        }
    }

    /// When an in-doubt try is tried again: within its attempts, unless the participant asked for time.
    fn next_try(&self, branch: &Branch, report: &CallReport, around: &Surroundings<'_>) -> Retry {
        let used = !report.free && report.retry_after.is_none();
        let used_now = branch.tries.used.saturating_add(u32::from(used));
        if used_now >= around.policy.try_attempts {
            return Retry {
                used,
                next_at: None,
            };
        }
        Retry {
            used,
            next_at: Some(self.next_at(branch, report, used_now, around)),
        }
    }

    fn second_finished(
        &self,
        branch: &Branch,
        report: &CallReport,
        around: &Surroundings<'_>,
    ) -> Vec<Record> {
        if report.outcome == CallOutcome::Done {
            return vec![
                Record::CallFinished(
                    report.clone(),
                    Retry {
                        used: true,
                        next_at: None,
                    },
                ),
                Record::BranchEnded {
                    branch: report.branch,
                    how: EndedHow::Called,
                },
            ];
        }
        // "Still working" beside a refusal isn't believed: the contract ignores RetryInfo there.
        let asked = report
            .retry_after
            .filter(|_| report.outcome == CallOutcome::InDoubt);
        let used = !report.free && asked.is_none();
        let used_now = branch.second.used.saturating_add(u32::from(used));
        let heeded = CallReport {
            retry_after: asked,
            ..report.clone()
        };
        let next_at = self.next_at(branch, &heeded, used_now, around);
        let mut records = vec![Record::CallFinished(
            heeded,
            Retry {
                used,
                next_at: Some(next_at),
            },
        )];
        // One whose attempts are used up is parked next, which flags it as well.
        if !branch.is_parked() && !around.policy.is_used_up(used_now) {
            records.extend(raised(branch, report, alarm(report), around));
        }
        records
    }

    fn next_at(
        &self,
        branch: &Branch,
        report: &CallReport,
        used: u32,
        around: &Surroundings<'_>,
    ) -> Timestamp {
        let delay = if let Some(asked) = report.retry_after {
            around.policy.asked_delay(asked)
        } else {
            let key = format!("{}/{}", branch.definition.id, report.phase.as_str());
            // What uses up no attempt still backs off: by the number of the call, which always goes on.
            let counted = if report.free { report.number } else { used };
            around.policy.delay(&self.gid, &key, counted.max(1))
        };
        around.now.saturating_add(delay)
    }

    pub(super) fn initiator_answered(
        &self,
        report: &InitiatorReport,
        around: &Surroundings<'_>,
    ) -> Vec<Record> {
        if self.state != TransactionState::Trying || self.is_held() {
            return Vec::new();
        }
        match report.answer {
            InitiatorAnswer::Committed if self.allows_confirm() => {
                self.decision(Decision::Confirm, None, around)
            }
            InitiatorAnswer::Committed => {
                let branch = self.branches.iter().find(|branch| !branch.allows_confirm());
                let id = branch.map_or("?", |branch| branch.definition.id.as_str());
                self.ask_again(
                    format!("the initiator has committed, but branch {id} is not tried"),
                    around,
                )
            }
            InitiatorAnswer::Aborted => {
                let cause = CancelCause {
                    reason: CancelReason::Initiator,
                    branch: None,
                    error: None,
                    note: String::new(),
                };
                self.decision(Decision::Cancel, Some(cause), around)
            }
            InitiatorAnswer::Unknown => {
                let why = format!(
                    "the initiator can't say what became of it: {}",
                    describe(report.error.as_ref())
                );
                self.ask_again(why, around)
            }
        }
    }

    /// The initiator is asked again with phase two's back-off, flagged from the first failure on. The coordinator
    /// never decides in its place.
    fn ask_again(&self, why: String, around: &Surroundings<'_>) -> Vec<Record> {
        let delay =
            around
                .policy
                .delay(&self.gid, "/check", self.initiator_checks.saturating_add(1));
        let mut records = vec![Record::InitiatorChecked(around.now.saturating_add(delay))];
        if self.attention.is_none() {
            let attention = Attention {
                why,
                since: around.now,
                parked: false,
            };
            records.push(Record::Noted(Note::AttentionRaised {
                branch: None,
                attention,
            }));
        }
        records
    }
}

/// The note that flags a branch, unless it is flagged already.
fn raised(
    branch: &Branch,
    report: &CallReport,
    why: Option<String>,
    around: &Surroundings<'_>,
) -> Option<Record> {
    let why = why.filter(|_| branch.attention.is_none())?;
    Some(Record::Noted(Note::AttentionRaised {
        branch: Some(report.branch),
        attention: Attention {
            why,
            since: around.now,
            parked: false,
        },
    }))
}

/// Why a person should look at a failed confirm or cancel at once, if so.
fn alarm(report: &CallReport) -> Option<String> {
    let refused = || {
        (report.outcome == CallOutcome::Refused).then(|| {
            format!(
                "{} was refused: {}",
                report.phase.as_str(),
                describe(report.error.as_ref())
            )
        })
    };
    report.alarm.as_deref().map(cut).or_else(refused)
}

pub(super) fn describe(error: Option<&CallError>) -> String {
    match error {
        None => "no answer".to_owned(),
        Some(error) if error.reason.is_empty() => {
            format!("code {}: {}", error.code, cut(&error.message))
        }
        Some(error) => format!(
            "code {} {}: {}",
            error.code,
            cut(&error.reason),
            cut(&error.message)
        ),
    }
}
