//! Finding a transaction, wherever it is, and asking it something: its task, or the log once it has ended.

use std::sync::Arc;

use tercet_core::{Command, CommandId, Effect, Gid, Input, Mode, Rejection, Run};
use tercet_log::{AuditRecord, Stored};

use super::{Ask, Handle, Stage, Transactions};
use crate::errors::ApiError;
use crate::view::Shown;

/// How often somebody looks again who meets a task that is just ending. Each time the log knows more than before,
/// so the second look settles it as a rule.
const LOOKS_MAX: usize = 8;

/// Where a transaction is.
pub(crate) enum Found {
    /// It runs here.
    Running(Handle),
    /// It has ended, or another coordinator runs it.
    Stored(Box<Stored>),
    /// Neither this coordinator nor the log knows it.
    Unknown,
}

impl Transactions {
    /// The task of that gid, if it runs here.
    pub(crate) fn running(&self, gid: &Gid) -> Option<Handle> {
        self.shared.registry.get(gid)
    }

    /// Where the transaction is.
    pub(crate) async fn find(&self, gid: &Gid) -> Result<Found, ApiError> {
        if let Some(handle) = self.running(gid) {
            return Ok(Found::Running(handle));
        }
        if self.shared.stage.get() >= Stage::Leaving {
            return Err(ApiError::draining());
        }
        Ok(match self.read(gid).await? {
            None => Found::Unknown,
            Some(stored) if self.is_ours(&stored) => Found::Running(self.revive(&stored)),
            Some(stored) => Found::Stored(Box::new(stored)),
        })
    }

    /// Asks the transaction of that gid, if there is one.
    pub(crate) async fn join<T, F>(&self, gid: &Gid, ask: Ask<F>) -> Result<Option<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        for _ in 0..LOOKS_MAX {
            match self.find(gid).await? {
                Found::Unknown => return Ok(None),
                Found::Stored(stored) => return self.ask_stored(*stored, ask).map(Some),
                Found::Running(handle) => {
                    if let Ok(answer) = handle.ask(ask.clone()).await {
                        return answer.map(Some);
                    }
                }
            }
        }
        Err(ApiError::draining())
    }

    /// Asks the transaction of that gid; there must be one.
    pub(crate) async fn ask<T, F>(&self, gid: &Gid, ask: Ask<F>) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        let answer = self.join(gid, ask).await?;
        answer.ok_or_else(|| ApiError::unknown_transaction(gid))
    }

    /// Has a command carried out on the transaction of that gid, if there is one.
    pub(crate) async fn command<T, F>(
        &self,
        gid: &Gid,
        command: Command,
        audit: Option<AuditRecord>,
        ask: Ask<F>,
    ) -> Result<Option<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        for _ in 0..LOOKS_MAX {
            match self.find(gid).await? {
                Found::Unknown => return Ok(None),
                Found::Stored(stored) => {
                    return self.command_stored(*stored, command, ask).map(Some);
                }
                Found::Running(handle) => {
                    let sent = handle.command(command.clone(), audit.clone(), ask.clone());
                    if let Ok(answer) = sent.await {
                        return answer.map(Some);
                    }
                }
            }
        }
        Err(ApiError::draining())
    }

    /// What a transaction that has ended has to say. One that is open and another coordinator's is asked there.
    fn ask_stored<T, F>(&self, stored: Stored, ask: Ask<F>) -> Result<T, ApiError>
    where
        F: FnOnce(Shown<'_>) -> T,
    {
        let Stored {
            transaction,
            version,
            ..
        } = stored;
        if !transaction.state.is_ended() {
            return Err(Rejection::NotOwner.into());
        }
        let is_conflict = ask
            .content
            .is_some_and(|content| content != transaction.content)
            && transaction.mode != Mode::CancelledUnknown;
        if is_conflict {
            return Err(ApiError::gid_conflict(&transaction.gid));
        }
        let run = Run::recovered(transaction, version, Arc::clone(&self.shared.policy));
        if !ask.wait.is_over(&run, self.shared.stage.get()) {
            return Err(Rejection::NotOwner.into());
        }
        Ok((ask.make)(Shown {
            transaction: run.transaction(),
            calls: None,
            owner: "",
        }))
    }

    /// What a command means for a transaction that has ended: nothing, or a rejection.
    fn command_stored<T, F>(
        &self,
        stored: Stored,
        command: Command,
        ask: Ask<F>,
    ) -> Result<T, ApiError>
    where
        F: FnOnce(Shown<'_>) -> T,
    {
        if !stored.transaction.state.is_ended() {
            return Err(Rejection::NotOwner.into());
        }
        let Stored {
            transaction,
            version,
            ..
        } = stored;
        let mut run = Run::recovered(transaction, version, Arc::clone(&self.shared.policy));
        let now = self.shared.clock.now();
        run.handle(Input::Command(CommandId(0), command), now);
        while let Some(effect) = run.next_effect() {
            if let Effect::Answer { result, .. } = effect {
                result?;
            }
        }
        Ok((ask.make)(Shown {
            transaction: run.transaction(),
            calls: None,
            owner: "",
        }))
    }
}
