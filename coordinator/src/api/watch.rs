//! `WatchTransaction`: the transaction now, then each change, merged where the reader is slow.

use std::pin::Pin;

use futures::Stream;
use futures::stream::{self, StreamExt as _};
use tercet_core::Gid;
use tercet_proto::tercet::v1 as pb;
use tercet_service::Drain;
use tokio::sync::watch;
use tonic::Status;

use super::route::passed_on;
use super::{Api, whole};
use crate::errors::{ApiError, Reason};
use crate::transactions::{Ask, Watched};
use crate::validate;

/// What a watcher reads.
pub(crate) type Watching =
    Pin<Box<dyn Stream<Item = Result<pb::WatchTransactionResponse, Status>> + Send>>;

/// Where a stream of changes is.
struct Changes {
    watched: watch::Receiver<Watched>,
    drain: Drain,
    is_over: bool,
}

impl Api {
    /// The stream of one transaction's changes.
    pub(super) async fn watch(&self, gid: &str) -> Result<Watching, ApiError> {
        let gid = validate::gid(gid)?;
        if let Some(changes) = self.changes(&gid).await {
            return Ok(changes);
        }
        // It has ended, or nobody knows it; or, once in a blue moon, it is revived by this very question.
        let now = self.transactions.ask(&gid, Ask::now(whole)).await?;
        match self.changes(&gid).await {
            Some(changes) if !is_end(&now) => Ok(changes),
            _ => Ok(stream::iter([Ok(shown(now))]).boxed()),
        }
    }

    /// The changes that its owner shows, until this coordinator drains.
    pub(super) fn passed_on(
        &self,
        changes: tonic::Streaming<pb::WatchTransactionResponse>,
    ) -> Watching {
        let passed_on = changes.map(|change| change.map_err(|status| passed_on(&status)));
        let drained = self.drain.begun_owned();
        let told = stream::once(async { Err(ApiError::draining().into()) });
        // A stream that has ended by itself is over; one that the drain has ended says so.
        passed_on
            .map(Some)
            .chain(stream::once(async { None }))
            .take_until(drained)
            .chain(told.map(Some))
            .take_while(|change| std::future::ready(change.is_some()))
            .filter_map(std::future::ready)
            .boxed()
    }

    /// The changes of a transaction that runs here.
    async fn changes(&self, gid: &Gid) -> Option<Watching> {
        let watched = self.transactions.running(gid)?.watch().await.ok()?;
        let changes = Changes {
            watched,
            drain: self.drain.clone(),
            is_over: false,
        };
        Some(stream::unfold(changes, next).boxed())
    }
}

async fn next(
    mut watching: Changes,
) -> Option<(Result<pb::WatchTransactionResponse, Status>, Changes)> {
    if watching.is_over {
        return None;
    }
    loop {
        let changed = tokio::select! {
            // A change that is there already is shown before the stream ends.
            biased;
            changed = watching.watched.changed() => changed,
            () = watching.drain.begun() => {
                watching.is_over = true;
                return Some((Err(ApiError::draining().into()), watching));
            }
        };
        if changed.is_err() {
            // The task has gone without an end: its begin has failed, or another coordinator has taken over.
            watching.is_over = true;
            let gone = if watching.drain.is_draining() {
                ApiError::draining()
            } else {
                ApiError::new(Reason::NotOwner, "this coordinator no longer runs it")
            };
            return Some((Err(gone.into()), watching));
        }
        let now = watching.watched.borrow_and_update().clone();
        if let Some(now) = now {
            watching.is_over = is_end(&now);
            return Some((Ok(shown((*now).clone())), watching));
        }
    }
}

fn shown(transaction: pb::Transaction) -> pb::WatchTransactionResponse {
    pb::WatchTransactionResponse {
        transaction: Some(transaction),
    }
}

fn is_end(transaction: &pb::Transaction) -> bool {
    matches!(
        transaction.state(),
        pb::TransactionState::Confirmed | pb::TransactionState::Cancelled
    )
}
