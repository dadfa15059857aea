//! Beginning transactions, and going on with those that the log holds.

use std::sync::Arc;

use tercet_core::{Begun, Gid, Run};
use tercet_log::{AuditRecord, LogError, Stored};

use super::registration::Registration;
use super::task::{BEGIN, Origin, Task};
use super::{Ask, Handle, Transactions, UndecidedSlot};
use crate::errors::ApiError;
use crate::view::Shown;

/// A transaction that may begin: everything is checked, and there is room.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) begun: Begun,
    pub(crate) slot: UndecidedSlot,
    /// Written together with the begin.
    pub(crate) audit: Option<Box<AuditRecord>>,
}

impl Transactions {
    /// Begins a transaction and waits as asked. Who has begun the same gid meanwhile, or before, is joined.
    pub(crate) async fn begin<T, F>(&self, begin: Begin, ask: Ask<F>) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        let Begin { begun, slot, audit } = begin;
        let gid = begun.gid.clone();
        let (handle, inbox) = Handle::new(begun.at);
        if self.shared.registry.insert(&gid, &handle).is_ok() {
            let (question, answer) = ask.clone().question();
            let registration = Registration::new(Arc::clone(&self.shared), gid.clone(), handle);
            let run = Run::begin(begun, Arc::clone(&self.shared.policy), BEGIN);
            let origin = Origin::Begun {
                slot,
                question,
                audit,
            };
            let task = Task::new(registration, inbox, run, origin);
            self.shared.tasks.spawn(task.run());
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
        match self.join(&gid, ask).await? {
            Some(answer) => Ok(answer),
            // The other begin has failed, or this coordinator is going away: nothing has begun.
            None => Err(ApiError::new(
                crate::errors::Reason::LogUnavailable,
                "another begin of this gid has just failed",
            )),
        }
    }

    /// Goes on with an open transaction of this coordinator that no task drives. There is none as long as no task
    /// panics and every page that was taken over is told of; else it isn't left alone until the next start.
    ///
    /// The row is read again by the new task: only then, with its place in the registry taken, is it sure that
    /// nobody else is changing it.
    pub(super) fn revive(&self, stored: &Stored) -> Handle {
        let gid = stored.transaction.gid.clone();
        let (handle, inbox) = Handle::new(stored.transaction.begun_at);
        if let Err(running) = self.shared.registry.insert(&gid, &handle) {
            return running;
        }
        let registration = Registration::new(Arc::clone(&self.shared), gid.clone(), handle.clone());
        let transactions = self.clone();
        self.shared.tasks.spawn(async move {
            // With any other outcome the registration goes, and whoever has asked looks again.
            if let Ok(Some(stored)) = transactions.read(&gid).await
                && transactions.is_ours(&stored)
            {
                tracing::warn!(%gid, "an open transaction was without its task");
                let policy = Arc::clone(&transactions.shared.policy);
                let run = Run::recovered(stored.transaction, stored.version, policy);
                Task::new(registration, inbox, run, Origin::Recovered)
                    .run()
                    .await;
            }
        });
        handle
    }

    /// Whether a stored transaction is open and this coordinator's.
    pub(super) fn is_ours(&self, stored: &Stored) -> bool {
        !stored.transaction.state.is_ended() && stored.owner == self.shared.log.session().id
    }

    /// What the log holds of that gid.
    pub(crate) async fn read(&self, gid: &Gid) -> Result<Option<Stored>, ApiError> {
        let read = self.shared.log.read(gid).await;
        if let Err(LogError::Unavailable(_)) = &read {
            self.shared.health.failed(self.shared.clock.now());
        }
        read.map_err(ApiError::from)
    }
}
