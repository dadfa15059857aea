//! Transactions of a log that was restored from a backup.
//!
//! What the log holds may be older than what the participants have been told. So each undecided transaction is held,
//! durably, before anything is served: a crash, or another coordinator that takes it over, changes nothing about that.
//! Then its task reads the fences ([`tercet_core::Effect::ReadFences`]), and the core says what follows.
//!
//! Must never: let a task run an undecided transaction that isn't held.

use std::sync::Arc;

use futures::future::try_join_all;
use tercet_core::{AppendVerdict, Effect, Input, Run, Urgency};
use tercet_log::{Entry, LogError, OpenPage, Stored, Verdict};

use super::Transactions;
use super::recovery::tell_of;

/// Transactions that are read and held at a time.
const PAGE: usize = 250;

impl Transactions {
    /// Goes on with everything that is open and this coordinator's, the undecided ones held, and says how many that are
    /// altogether and how many of them are held. For a start, when nothing is served yet.
    pub(crate) async fn recover_restored(&self) -> Result<(usize, usize), LogError> {
        let (mut recovered, mut held) = (0, 0);
        let mut after = None;
        loop {
            let OpenPage {
                transactions,
                damaged,
                next,
            } = self
                .shared
                .log
                .open_transactions(after.as_ref(), PAGE)
                .await?;
            tell_of(&damaged);
            recovered += transactions.len();
            let runs = try_join_all(transactions.into_iter().map(|stored| self.hold(stored)));
            for run in runs.await? {
                held += usize::from(run.transaction().is_held());
                self.go_on(run);
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok((recovered, held)),
            }
        }
    }

    /// The run of a transaction, held if it is undecided, and that durable.
    async fn hold(&self, stored: Stored) -> Result<Run, LogError> {
        let Stored {
            transaction,
            version,
            ..
        } = stored;
        let gid = transaction.gid.clone();
        let mut run = Run::recovered(transaction, version, Arc::clone(&self.shared.policy));
        if run.transaction().state.decision().is_some() || run.transaction().is_held() {
            return Ok(run);
        }
        run.handle(Input::Restored, self.shared.clock.now());
        while let Some(effect) = run.next_effect() {
            let (Effect::Append(append), Some(next)) = (effect, run.appending()) else {
                continue;
            };
            let entry = Entry::from_append(&append, next);
            let verdict = self.shared.log.append(entry, Urgency::Forced).await;
            match verdict {
                Verdict::Written => {
                    let written = Input::AppendFinished(AppendVerdict::Written);
                    run.handle(written, self.shared.clock.now());
                    return Ok(run);
                }
                other => {
                    let why = format!("{gid} can't be held: {other:?}");
                    return Err(LogError::Unavailable(why));
                }
            }
        }
        Err(LogError::Failed(format!("{gid} can't be held")))
    }
}
