//! Looking up many at once, on either side: branches in a fence, transactions in the log.
//!
//! A page of one side is one call to the other. A participant that can only be asked one by one is asked so.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use tercet_client::{
    Client,
    proto::{FencedBranch, GetBranchRequest, GetBranchesRequest, Transaction},
};
use tonic::{Code, Status};

use super::{LOOK_UPS, PAGE, sides::Side};
use crate::failure::Failure;

/// What one call may ask for; the contract's bound, on both sides.
const ASKED_MAX: usize = PAGE as usize;

/// A branch: gid and branch id.
pub(super) type Key = (String, String);

/// The fence's rows of these branches; those without a row are left out.
pub(super) async fn rows(
    side: &Side,
    keys: &[Key],
) -> Result<BTreeMap<Key, FencedBranch>, Failure> {
    let mut rows = BTreeMap::new();
    for keys in keys.chunks(ASKED_MAX) {
        let branches = keys.iter().map(asked).collect();
        let mut fence = side.fence();
        let answer = fence.get_branches(GetBranchesRequest { branches });
        let found = match answer.await {
            Ok(answer) => answer.into_inner().branches,
            Err(status) if status.code() == Code::Unimplemented => one_by_one(side, keys).await?,
            Err(status) => return Err(failed(side, &status)),
        };
        let found = found.into_iter();
        rows.extend(found.map(|row| ((row.gid.clone(), row.branch_id.clone()), row)));
    }
    Ok(rows)
}

async fn one_by_one(side: &Side, keys: &[Key]) -> Result<Vec<FencedBranch>, Failure> {
    let rows: Vec<Option<FencedBranch>> = stream::iter(keys)
        .map(|key| row(side, key))
        .buffer_unordered(LOOK_UPS)
        .try_collect()
        .await?;
    Ok(rows.into_iter().flatten().collect())
}

/// The fence's row of one branch.
pub(super) async fn row(side: &Side, key: &Key) -> Result<Option<FencedBranch>, Failure> {
    match side.fence().get_branch(asked(key)).await {
        Ok(answer) => Ok(answer.into_inner().branch),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(failed(side, &status)),
    }
}

fn asked((gid, branch): &Key) -> GetBranchRequest {
    GetBranchRequest {
        gid: gid.clone(),
        branch_id: branch.clone(),
    }
}

/// What the log has of these gids. It may lag a little behind what their coordinators know by now.
pub(super) async fn transactions(
    client: &Client,
    gids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Transaction>, Failure> {
    let all: Vec<&str> = gids.iter().copied().collect();
    let mut transactions = BTreeMap::new();
    for some in all.chunks(ASKED_MAX) {
        let list = client.admin().list_transactions().page_size(PAGE);
        let page = list.gids(some.iter().copied()).send().await?;
        for transaction in page.transactions {
            // Whoever doesn't know the condition answers with whatever there is.
            if !gids.contains(transaction.gid.as_str()) {
                return Err(Failure::failed(
                    "the coordinator can't list transactions by their gids: it is older than this command",
                ));
            }
            transactions.insert(transaction.gid.clone(), transaction);
        }
    }
    Ok(transactions)
}

/// One transaction, from the coordinator that runs it.
pub(super) async fn transaction(
    client: &Client,
    gid: &str,
) -> Result<Option<Transaction>, Failure> {
    match client.get(gid).await {
        Ok(outcome) => Ok(Some(outcome.transaction().clone())),
        Err(error) if error.reason().as_deref() == Some("UNKNOWN_TRANSACTION") => Ok(None),
        Err(error) => Err(error.into()),
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
