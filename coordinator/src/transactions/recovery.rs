//! Going on with transactions that the log holds: at the start, and after others' have been taken over. One path.

use std::sync::Arc;

use tercet_core::{Gid, Run};
use tercet_failpoints::failpoint;
use tercet_log::{Damaged, LogError, OpenPage, Stored};

use super::registration::Registration;
use super::task::{Origin, Task};
use super::{Handle, Transactions};

/// Rows that are read at a time.
const PAGE: usize = 1_000;

impl Transactions {
    /// Goes on with everything that is open and this coordinator's, and says how many that are. For the start, when
    /// nothing is served yet.
    pub(crate) async fn recover(&self) -> Result<usize, LogError> {
        let mut recovered = 0;
        let mut after = None;
        loop {
            let OpenPage {
                transactions,
                damaged,
                next,
            } = self.open_page(after.as_ref()).await?;
            recovered += transactions.len();
            failpoint!("recovery::read")
                .map_err(|error| LogError::Unavailable(error.to_string()))?;
            self.take_in(transactions, &damaged);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(recovered),
            }
        }
    }

    /// Goes on with transactions as they have just been read, all of them this coordinator's.
    pub(crate) fn take_in(&self, transactions: Vec<Stored>, damaged: &[Damaged]) {
        tell_of(damaged);
        for stored in transactions {
            let policy = Arc::clone(&self.shared.policy);
            self.go_on(Run::recovered(stored.transaction, stored.version, policy));
        }
    }

    pub(super) fn go_on(&self, run: Run) {
        let gid = run.transaction().gid.clone();
        let (handle, inbox) = Handle::new(run.transaction().begun_at);
        match self.shared.registry.insert(&gid, &handle) {
            Ok(()) => {
                let registration = Registration::new(Arc::clone(&self.shared), gid, handle);
                let task = Task::new(registration, inbox, run, Origin::Recovered);
                self.shared.tasks.spawn(task.run());
            }
            Err(other) => self.go_on_after(gid, other),
        }
    }

    /// A task is there already: a repeated begin that is just being told whose the transaction was. Its transaction isn't
    /// left without a task afterwards.
    fn go_on_after(&self, gid: Gid, other: Handle) {
        let transactions = self.clone();
        self.shared.tasks.spawn(async move {
            other.gone().await;
            // Finding an open one that is ours revives it.
            if let Err(error) = transactions.find(&gid).await
                && let Some(cluster) = &transactions.shared.cluster
            {
                tracing::debug!(%gid, ?error, "looked for again later");
                cluster.look_through();
            }
        });
    }

    /// Finds what is open and this coordinator's without a task here, and goes on with it. For when nobody can say what
    /// has been taken over.
    pub(crate) async fn look_through(&self) -> Result<(), LogError> {
        let mut after = None;
        loop {
            let page = self.open_page(after.as_ref()).await?;
            for stored in &page.transactions {
                if self.running(&stored.transaction.gid).is_none() {
                    self.revive(stored);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn open_page(&self, after: Option<&Gid>) -> Result<OpenPage, LogError> {
        self.shared.log.open_transactions(after, PAGE).await
    }
}

pub(super) fn tell_of(damaged: &[Damaged]) {
    for damaged in damaged {
        tracing::error!(gid = damaged.gid, error = %damaged.error, "an open transaction can't be read and is left alone");
    }
}
