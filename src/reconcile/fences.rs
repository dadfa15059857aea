//! The coordinator's log beside every participant's fence, from both sides: what the log has done must be in a fence, and
//! what is in a fence must be in the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use tercet_client::{
    Client,
    proto::{
        BranchState, FenceState, FencedBranch, ListBranchesRequest, Transaction, TransactionState,
    },
};
use tonic::Code;

use super::{
    LOOK_UPS, PAGE,
    compare::{self, Disagreement, Logged},
    finding::{Finding, Findings, Outcome},
    look_ups::{self, Key, failed},
    report::{Compared, Report},
    sides::Side,
};
use crate::failure::Failure;

/// Suspects that are looked at again.
const SUSPECTS_MAX: usize = 20_000;
/// How far participants' clocks may be ahead of this one, and how long a purge may take.
const SLACK: SignedDuration = SignedDuration::from_mins(15);

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
    /// Branches that didn't agree when they were first seen, by the side's place.
    suspects: BTreeMap<usize, BTreeSet<Key>>,
    /// How many those are, all together.
    kept: usize,
    /// How many more there were than are kept; one that is seen from both sides is counted twice.
    left_out: u64,
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
        if seen.left_out > 0 {
            let what = format!("{} more branches", seen.left_out);
            let why =
                format!("{SUSPECTS_MAX} already don't agree: mend those, then run this again");
            report.skip(what, &why);
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
            let mut wanted: BTreeMap<usize, Vec<Key>> = BTreeMap::new();
            for transaction in &page.transactions {
                let ended = transaction.ended_at.as_ref().and_then(timestamp);
                seen.oldest_end = [seen.oldest_end, ended].into_iter().flatten().min();
                for (place, key) in self.must_have(transaction, seen) {
                    wanted.entry(place).or_default().push(key);
                }
            }
            for (place, keys) in wanted {
                let rows = look_ups::rows(&self.sides[place], &keys).await?;
                let missing = keys.into_iter().filter(|key| !rows.contains_key(key));
                seen.suspect(place, missing);
            }
            count += page.transactions.len() as u64;
            bar.set_message(format!("{count} transactions"));
            token = page.next_page_token;
            if token.is_empty() {
                return Ok(count);
            }
        }
    }

    /// Branches that the log has tried or confirmed, each with its side's place.
    fn must_have(&self, transaction: &Transaction, seen: &Seen) -> Vec<(usize, Key)> {
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
        let mut wanted = Vec::new();
        for branch in branches {
            let place = self
                .sides
                .iter()
                .position(|side| side.name == branch.participant);
            let place = place.filter(|place| !seen.unread.contains(place));
            if let Some(place) = place {
                wanted.push((place, (transaction.gid.clone(), branch.id.clone())));
            }
        }
        wanted
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
            let gids = page.branches.iter().map(|row| row.gid.as_str()).collect();
            let transactions = look_ups::transactions(self.client, &gids).await?;
            let mut suspects = Vec::new();
            for row in &page.branches {
                let transaction = transactions.get(&row.gid);
                if judge(side, row, transaction, seen).is_some() {
                    suspects.push((row.gid.clone(), row.branch_id.clone()));
                }
            }
            seen.suspect(place, suspects.into_iter());
            count += page.branches.len() as u64;
            bar.set_message(format!("{count} branches of {}", side.name));
            page_token = page.next_page_token;
            if page_token.is_empty() || is_past {
                return Ok(count);
            }
        }
    }

    /// Looks at the suspects once more: all of them in pages, and one by one what is left of them then.
    async fn again(&self, seen: &Seen, findings: &mut Findings) -> Result<(), Failure> {
        for (place, suspects) in &seen.suspects {
            let side = &self.sides[*place];
            let suspects: Vec<Key> = suspects.iter().cloned().collect();
            for keys in suspects.chunks(PAGE as usize) {
                let still = self.still(side, keys, seen).await?;
                let found: Vec<Option<Finding>> = stream::iter(&still)
                    .map(|key| self.settled(side, key, seen))
                    .buffered(LOOK_UPS)
                    .try_collect()
                    .await?;
                found.into_iter().flatten().for_each(|it| findings.add(it));
            }
        }
        Ok(())
    }

    /// Those of a page of suspects that still don't agree.
    async fn still(&self, side: &Side, keys: &[Key], seen: &Seen) -> Result<Vec<Key>, Failure> {
        let gids = keys.iter().map(|(gid, _)| gid.as_str()).collect();
        let before = look_ups::transactions(self.client, &gids).await?;
        let rows = look_ups::rows(side, keys).await?;
        let after = look_ups::transactions(self.client, &gids).await?;
        let still = keys.iter().filter(|key| {
            let log = [before.get(&key.0), after.get(&key.0)];
            verdict(side, key, log, rows.get(*key), seen).is_some()
        });
        Ok(still.cloned().collect())
    }

    /// What is held against one branch in the end: what the coordinator that runs it says, not what the log has so far.
    async fn settled(
        &self,
        side: &Side,
        key: &Key,
        seen: &Seen,
    ) -> Result<Option<Finding>, Failure> {
        let before = look_ups::transaction(self.client, &key.0).await?;
        let row = look_ups::row(side, key).await?;
        let after = look_ups::transaction(self.client, &key.0).await?;
        let log = [before.as_ref(), after.as_ref()];
        let disagreement = verdict(side, key, log, row.as_ref(), seen);
        Ok(disagreement.map(|it| finding(side, key, it)))
    }
}

fn judge(
    side: &Side,
    row: &FencedBranch,
    transaction: Option<&Transaction>,
    seen: &Seen,
) -> Option<Disagreement> {
    let Some(transaction) = transaction else {
        let changed = row.updated_at.as_ref().and_then(timestamp);
        let is_recent = match (changed, seen.oldest_end) {
            (Some(changed), Some(oldest)) => changed > oldest + SLACK,
            _ => false,
        };
        return compare::unknown(row.state(), is_recent);
    };
    let logged = Logged::of(transaction, &row.branch_id, side.verbs(&row.action));
    compare::compare(logged, Some(row.state()))
}

/// The log is read before and after the fence: only what it said both times is held against a fence.
fn verdict(
    side: &Side,
    (_, branch): &Key,
    log: [Option<&Transaction>; 2],
    row: Option<&FencedBranch>,
    seen: &Seen,
) -> Option<Disagreement> {
    match (log, row) {
        ([None, None], Some(row)) => judge(side, row, None, seen),
        ([Some(before), Some(after)], row) => {
            // A row names its service; where there is none, the log names the action.
            let named = row.map(|row| row.action.clone());
            let action = named.or_else(|| action(after, branch));
            let verbs = side.verbs(&action.unwrap_or_default());
            let logged = Logged::of(after, branch, verbs);
            let is_steady = Logged::of(before, branch, verbs) == logged;
            let fence = row.map(FencedBranch::state);
            compare::compare(logged, fence).filter(|_| is_steady)
        }
        _ => None,
    }
}

impl Seen {
    fn suspect(&mut self, place: usize, suspects: impl Iterator<Item = Key>) {
        for suspect in suspects {
            if self.kept < SUSPECTS_MAX {
                let is_new = self.suspects.entry(place).or_default().insert(suspect);
                self.kept += usize::from(is_new);
            } else {
                self.left_out += 1;
            }
        }
    }
}

fn finding(side: &Side, (gid, branch): &Key, disagreement: Disagreement) -> Finding {
    Finding {
        kind: disagreement.kind,
        gid: gid.clone(),
        participant: side.name.clone(),
        subject: branch.clone(),
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

/// A time of a message; nothing where it makes no sense.
pub(super) fn timestamp(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}
