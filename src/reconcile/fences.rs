//! The coordinator's log beside every participant's fence, from both sides: what the log has done must be in a fence, and
//! what is in a fence must be in the log.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use tercet_client::{
    Client,
    proto::{
        BranchState, FenceState, FencedBranch, GetBranchRequest, ListBranchesRequest, Transaction,
        TransactionState,
    },
};
use tonic::{Code, Status};

use super::{
    LOOK_UPS, PAGE,
    compare::{self, Disagreement, Logged},
    finding::{Finding, Findings, Outcome},
    report::{Compared, Report},
    sides::Side,
};
use crate::failure::Failure;

/// Suspects that are looked at again.
const SUSPECTS: usize = 20_000;
/// How far participants' clocks may be ahead of this one, and how long a purge may take.
const SLACK: SignedDuration = SignedDuration::from_mins(15);

/// A branch that didn't agree when it was first seen: the side's place, gid, branch id.
type Suspect = (usize, String, String);

/// The comparison of one run.
pub(super) struct Comparison<'a> {
    client: &'a Client,
    sides: &'a [Side],
    settle: Duration,
    begun: Timestamp,
}

/// What the first pass has left.
#[derive(Default)]
struct Seen {
    suspects: BTreeSet<Suspect>,
    /// When the first one ended of those that the log still has: what ended later must be there.
    oldest_end: Option<Timestamp>,
    /// Sides without a fence that could be read.
    unread: BTreeSet<usize>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        client: &'a Client,
        sides: &'a [Side],
        settle: Duration,
        begun: Timestamp,
    ) -> Self {
        Self {
            client,
            sides,
            settle,
            begun,
        }
    }

    /// Adds every disagreement that lasts.
    pub(super) async fn run(
        &self,
        findings: &mut Findings,
        report: &mut Report,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut seen = Seen::default();
        for (place, side) in self.sides.iter().enumerate() {
            if let Some(why) = unreadable(side).await {
                report.skip(format!("{}'s fence", side.name), &why);
                seen.unread.insert(place);
            }
        }
        let transactions = self.log(&mut seen, bar).await?;
        report
            .compared
            .push(Compared::new("transactions in the log", transactions));
        for (place, side) in self.sides.iter().enumerate() {
            if !seen.unread.contains(&place) {
                let branches = self.fence(place, side, &mut seen, bar).await?;
                let what = format!("branches in {}'s fence", side.name);
                report.compared.push(Compared::new(what, branches));
            }
        }
        if !seen.suspects.is_empty() {
            tokio::time::sleep(self.settle).await;
        }
        self.again(&seen, findings).await
    }

    /// From the log's side: branches that must have a row. Those that have one are seen from the other side.
    async fn log(&self, seen: &mut Seen, bar: &ProgressBar) -> Result<u64, Failure> {
        let admin = self.client.admin();
        let (mut count, mut token) = (0, String::new());
        loop {
            let list = admin.list_transactions().page_size(PAGE);
            let page = list.page_token(token).send().await?;
            for transaction in &page.transactions {
                let ended = transaction.ended_at.as_ref().and_then(timestamp);
                seen.oldest_end = [seen.oldest_end, ended].into_iter().flatten().min();
            }
            let wanted = page
                .transactions
                .iter()
                .flat_map(|it| self.must_have(it, seen));
            let wanted: Vec<Suspect> = wanted.collect();
            let missing: Vec<Option<Suspect>> = stream::iter(wanted)
                .map(|suspect| async move {
                    let (place, gid, branch) = &suspect;
                    let row = row(&self.sides[*place], gid, branch).await?;
                    Ok::<_, Failure>(row.is_none().then_some(suspect))
                })
                .buffer_unordered(LOOK_UPS)
                .try_collect()
                .await?;
            seen.suspect(missing.into_iter().flatten());
            count += page.transactions.len() as u64;
            bar.set_message(format!("{count} transactions"));
            token = page.next_page_token;
            if token.is_empty() {
                return Ok(count);
            }
        }
    }

    /// Branches that the log has tried or confirmed.
    fn must_have(&self, transaction: &Transaction, seen: &Seen) -> Vec<Suspect> {
        let is_cancelled = matches!(
            transaction.state(),
            TransactionState::Cancelling | TransactionState::Cancelled
        );
        let branches = transaction.branches.iter().filter(|branch| {
            let state = branch.state();
            !is_cancelled
                && !branch.forced
                && matches!(state, BranchState::Tried | BranchState::Confirmed)
        });
        let mut suspects = Vec::new();
        for branch in branches {
            let place = self
                .sides
                .iter()
                .position(|side| side.name == branch.participant);
            let place = place.filter(|place| !seen.unread.contains(place));
            if let Some(place) = place {
                suspects.push((place, transaction.gid.clone(), branch.id.clone()));
            }
        }
        suspects
    }

    /// From a fence's side: every row beside its transaction.
    async fn fence(
        &self,
        place: usize,
        side: &Side,
        seen: &mut Seen,
        bar: &ProgressBar,
    ) -> Result<u64, Failure> {
        let mut client = side.fence();
        let (mut count, mut page_token) = (0, String::new());
        loop {
            let request = ListBranchesRequest {
                page_size: PAGE,
                page_token,
                ..ListBranchesRequest::default()
            };
            let page = client.list_branches(request).await;
            let page = page.map_err(|status| failed(side, &status))?.into_inner();
            // The oldest change comes first: what is changed faster than it can be read has no end.
            let is_past = page.branches.last().is_some_and(|last| {
                let changed = last.updated_at.as_ref().and_then(timestamp);
                changed.is_some_and(|changed| changed > self.begun + SLACK)
            });
            let seen_now = &*seen;
            let suspects: Vec<Option<Suspect>> = stream::iter(page.branches.iter())
                .map(|row| async move {
                    let found = self.judge(side, row, seen_now).await?;
                    let suspect = || (place, row.gid.clone(), row.branch_id.clone());
                    Ok::<_, Failure>(found.map(|_| suspect()))
                })
                .buffer_unordered(LOOK_UPS)
                .try_collect()
                .await?;
            seen.suspect(suspects.into_iter().flatten());
            count += page.branches.len() as u64;
            bar.set_message(format!("{count} branches of {}", side.name));
            page_token = page.next_page_token;
            if page_token.is_empty() || is_past {
                return Ok(count);
            }
        }
    }

    async fn judge(
        &self,
        side: &Side,
        row: &FencedBranch,
        seen: &Seen,
    ) -> Result<Option<Disagreement>, Failure> {
        let Some(transaction) = self.transaction(&row.gid).await? else {
            let changed = row.updated_at.as_ref().and_then(timestamp);
            let is_recent = match (changed, seen.oldest_end) {
                (Some(changed), Some(oldest)) => changed > oldest + SLACK,
                _ => false,
            };
            return Ok(compare::unknown(row.state(), is_recent));
        };
        let logged = Logged::of(&transaction, &row.branch_id, side.verbs(&row.action));
        Ok(compare::compare(logged, Some(row.state())))
    }

    /// Looks at the suspects once more. The log is read before and after the fence: only what it said both times is
    /// held against a fence.
    async fn again(&self, seen: &Seen, findings: &mut Findings) -> Result<(), Failure> {
        let found: Vec<Option<Finding>> = stream::iter(&seen.suspects)
            .map(|(place, gid, branch)| async move {
                let side = &self.sides[*place];
                let before = self.transaction(gid).await?;
                let row = row(side, gid, branch).await?;
                let after = self.transaction(gid).await?;
                let disagreement = match (before, after, &row) {
                    (None, None, Some(row)) => self.judge(side, row, seen).await?,
                    (Some(before), Some(after), row) => {
                        // A row names its service; where there is none, the log names the action.
                        let named = row.as_ref().map(|row| row.action.clone());
                        let action = named.or_else(|| action(&after, branch));
                        let verbs = side.verbs(&action.unwrap_or_default());
                        let logged = Logged::of(&after, branch, verbs);
                        let is_steady = Logged::of(&before, branch, verbs) == logged;
                        let fence = row.as_ref().map(FencedBranch::state);
                        compare::compare(logged, fence).filter(|_| is_steady)
                    }
                    _ => None,
                };
                Ok::<_, Failure>(disagreement.map(|it| finding(side, gid, branch, it)))
            })
            .buffered(LOOK_UPS)
            .try_collect()
            .await?;
        found.into_iter().flatten().for_each(|it| findings.add(it));
        Ok(())
    }

    async fn transaction(&self, gid: &str) -> Result<Option<Transaction>, Failure> {
        match self.client.get(gid).await {
            Ok(outcome) => Ok(Some(outcome.transaction().clone())),
            Err(error) if error.reason().as_deref() == Some("UNKNOWN_TRANSACTION") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Seen {
    fn suspect(&mut self, suspects: impl Iterator<Item = Suspect>) {
        for suspect in suspects {
            if self.suspects.len() < SUSPECTS {
                self.suspects.insert(suspect);
            }
        }
    }
}

fn finding(side: &Side, gid: &str, branch: &str, disagreement: Disagreement) -> Finding {
    Finding {
        kind: disagreement.kind,
        gid: gid.to_owned(),
        participant: side.name.clone(),
        subject: branch.to_owned(),
        why: disagreement.why,
        remedy: disagreement.remedy,
        outcome: Outcome::Stands,
    }
}

fn action(transaction: &Transaction, id: &str) -> Option<String> {
    let mut branches = transaction.branches.iter();
    branches
        .find(|branch| branch.id == id)
        .map(|branch| branch.action.clone())
}

/// Why a side's fence can't be read, if it can't.
async fn unreadable(side: &Side) -> Option<String> {
    let request = ListBranchesRequest {
        page_size: 1,
        states: vec![FenceState::Tried.into()],
        ..ListBranchesRequest::default()
    };
    let status = side.fence().list_branches(request).await.err()?;
    Some(if status.code() == Code::Unimplemented {
        "it has no tercet.v1.FenceService".to_owned()
    } else {
        format!("{:?}: {}", status.code(), status.message())
    })
}

async fn row(side: &Side, gid: &str, branch: &str) -> Result<Option<FencedBranch>, Failure> {
    let request = GetBranchRequest {
        gid: gid.to_owned(),
        branch_id: branch.to_owned(),
    };
    match side.fence().get_branch(request).await {
        Ok(answer) => Ok(answer.into_inner().branch),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(failed(side, &status)),
    }
}

/// A call to a side that failed.
pub(super) fn failed(side: &Side, status: &Status) -> Failure {
    Failure::failed(format!(
        "{}: {:?}: {}",
        side.name,
        status.code(),
        status.message()
    ))
}

/// A time of a message; nothing where it makes no sense.
pub(super) fn timestamp(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}
