//! Runs an action behind the fence: one SQL transaction holds the fence row and the business change.
//!
//! The writes follow from [`verdict`] alone: what "no row" would do (the INSERT is the look-up), for phase two before
//! that what *tried* would do (an update that expects *tried*), and only when neither matched is the row read, to
//! repeat the first answer or to refuse. Two calls at once for one branch therefore meet at the key: one runs, the
//! other waits for it and finds its row. What the database undoes by itself is run again whole, by `fence/rerun.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tercet_database::Connections;
use tercet_failpoints::failpoint;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rerun::{Reruns, Run, roll_back};
use super::{FenceDb, FenceState, FenceVerdict, NewRow, Phase, Timeliness, verdict};
use crate::action::DynAction;
use crate::clock::{micros, now_micros};
use crate::context::{BranchContext, BranchKey};
use crate::error::ActionError;
use crate::held::{Held, limited};
use crate::metrics::Meters;

/// The fence's times and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceOptions {
    /// How long an ended row is kept: at least twice the coordinator's retention. 14 days.
    pub retention: Duration,
    /// How long after its try deadline a *tried* branch is asked about. 30 seconds.
    pub ask_after: Duration,
    /// How many calls may be under way at once. 1024.
    pub in_flight_max: usize,
}

impl Default for FenceOptions {
    fn default() -> Self {
        Self {
            retention: Duration::from_hours(14 * 24),
            ask_after: Duration::from_secs(30),
            in_flight_max: 1024,
        }
    }
}

/// How a participant's running calls are ended.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    tasks: TaskTracker,
    aborted: CancellationToken,
}

impl Stop {
    /// Breaks off every call under way: what wasn't committed is rolled back.
    pub fn abort(&self) {
        self.aborted.cancel();
        self.tasks.close();
    }

    /// Waits until no call is under way any more.
    pub async fn wait(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts a task that [`Stop::wait`] waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Cancelled when calls are to be broken off.
    pub(crate) fn aborted(&self) -> CancellationToken {
        self.aborted.clone()
    }

    /// Whether calls are being broken off.
    pub fn is_aborted(&self) -> bool {
        self.aborted.is_cancelled()
    }
}

/// The fence of one participant. Cheap to clone.
#[derive(Debug)]
pub struct Fence<D: FenceDb> {
    database: Connections<D>,
    options: FenceOptions,
    permits: Arc<Semaphore>,
    stop: Stop,
    meters: Arc<Meters>,
}

impl<D: FenceDb> Clone for Fence<D> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            options: self.options,
            permits: Arc::clone(&self.permits),
            stop: self.stop.clone(),
            meters: Arc::clone(&self.meters),
        }
    }
}

/// What a run leaves to be done with the SQL transaction.
enum Outcome {
    /// Something was written: commit, then answer. This is what it was.
    Commit(Bytes, FenceVerdict),
    /// Nothing was written: just answer.
    Answer(Bytes),
}

impl<D: FenceDb> Fence<D> {
    /// A fence in `database`, whose tables exist already.
    pub fn new(database: Connections<D>, options: FenceOptions) -> Self {
        Self {
            database,
            options,
            permits: Arc::new(Semaphore::new(options.in_flight_max)),
            stop: Stop::default(),
            meters: Arc::default(),
        }
    }

    /// What is counted.
    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Calls that are under way.
    pub(crate) fn in_flight(&self) -> usize {
        let free = self.permits.available_permits();
        self.options.in_flight_max.saturating_sub(free)
    }

    /// The participant's database.
    pub fn database(&self) -> &Connections<D> {
        &self.database
    }

    /// Times and bounds.
    pub fn options(&self) -> FenceOptions {
        self.options
    }

    /// How the calls under way are ended.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Serves one call of an action in a task of its own: a caller that goes away, or whose time is up, doesn't
    /// break off an SQL transaction half way.
    pub(crate) async fn call(
        &self,
        action: Arc<dyn DynAction<D>>,
        context: BranchContext,
        request: Bytes,
    ) -> Result<Bytes, ActionError> {
        let permit = self.admit()?;
        let fence = self.clone();
        let task = self.stop.tasks.spawn(async move {
            let _permit = permit;
            let aborted = fence.stop.aborted.clone();
            aborted
                .run_until_cancelled(fence.run(action.as_ref(), &context, &request))
                .await
                .unwrap_or(Err(ActionError::Stopping))
        });
        match task.await {
            Ok(answer) => answer,
            Err(error) => Err(ActionError::Internal(error.to_string())),
        }
    }

    /// Lets one more call in, if the participant isn't stopping and has room; the room is free again when the permit is
    /// dropped.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, ActionError> {
        if self.stop.is_aborted() || self.stop.tasks.is_closed() {
            return Err(ActionError::Stopping);
        }
        Arc::clone(&self.permits)
            .try_acquire_owned()
            .map_err(|_| ActionError::Overloaded)
    }

    /// Runs one phase of an action behind the fence and answers what the caller gets: for try the reply of the
    /// first one, for confirm and cancel nothing.
    pub(crate) async fn run(
        &self,
        action: &dyn DynAction<D>,
        context: &BranchContext,
        request: &[u8],
    ) -> Result<Bytes, ActionError> {
        action.check(request)?;
        let span = self.meters.sql_span(context, D::NAME);
        let mut reruns = Reruns::new();
        let answer = loop {
            match self.run_once(action, context, request).await {
                Err(error) if reruns.again(&error).await => {}
                answer => break answer,
            }
        };
        drop(span);
        let verdict = match &answer {
            Ok((_, verdict)) => *verdict,
            Err(ActionError::Fenced(refusal)) => FenceVerdict::Refuse(*refusal),
            Err(ActionError::NotOffered) => FenceVerdict::NotOffered,
            // Rolled back: nothing stands.
            Err(_) => return answer.map(|(reply, _)| reply),
        };
        self.meters
            .verdict(action.service(), context.phase, verdict);
        answer.map(|(reply, _)| reply)
    }

    async fn run_once(
        &self,
        action: &dyn DynAction<D>,
        context: &BranchContext,
        request: &[u8],
    ) -> Result<(Bytes, FenceVerdict), ActionError> {
        let now = now_micros();
        let timeliness = self.timeliness(context, now);
        // Both refuse without a look at the row, so they don't take the writer's place.
        match verdict(context.phase, None, action.verbs(), timeliness) {
            FenceVerdict::NotOffered => return Err(ActionError::NotOffered),
            FenceVerdict::Refuse(refusal) if context.phase == Phase::Try => {
                return Err(ActionError::Fenced(refusal));
            }
            _ => {}
        }
        let call = Call {
            action,
            context,
            request,
            timeliness,
            now,
            ask_after: self.options.ask_after,
        };
        let run = Run::on(&self.database);
        run.within(async |mut connection| self.in_transaction(&run, &mut connection, &call).await)
            .await
    }

    async fn in_transaction(
        &self,
        run: &Run<'_, D>,
        connection: &mut D::Connection,
        call: &Call<'_, D>,
    ) -> Result<(Bytes, FenceVerdict), ActionError> {
        let mut transaction = self.database.begin_on(connection).await?;
        match call.run(&mut *transaction).await {
            Ok(Outcome::Commit(reply, verdict)) => {
                run.commit(transaction).await?;
                Ok((reply, verdict))
            }
            Ok(Outcome::Answer(reply)) => {
                roll_back(transaction).await;
                Ok((reply, FenceVerdict::Repeat))
            }
            Err(error) => {
                roll_back(transaction).await;
                Err(error)
            }
        }
    }

    pub(crate) fn timeliness(&self, context: &BranchContext, now: i64) -> Timeliness {
        let oldest = now.saturating_sub(micros(self.options.retention / 2));
        if context.try_deadline_micros < oldest {
            Timeliness::TooLate
        } else {
            Timeliness::InTime
        }
    }

    /// Marks a branch that a person ended in the coordinator; nothing of the action's runs.
    pub(crate) async fn end_by_hand(&self, key: &BranchKey, service: &str) -> sqlx::Result<()> {
        let mut connection = Held::of(self.database.writer()).await?;
        let done = limited(async {
            let mut transaction = self.database.begin_on(&mut connection).await?;
            let (to, now) = (FenceState::EndedByHand, now_micros());
            if D::end(&mut *transaction, key, service, to, now).await? {
                D::drop_request(&mut *transaction, key).await?;
            }
            transaction.commit().await
        })
        .await;
        connection.settle(done)?;
        Ok(())
    }
}

/// One run of one call, inside its SQL transaction.
struct Call<'a, D: FenceDb> {
    action: &'a dyn DynAction<D>,
    context: &'a BranchContext,
    request: &'a [u8],
    timeliness: Timeliness,
    now: i64,
    ask_after: Duration,
}

impl<D: FenceDb> Call<'_, D> {
    fn verdict(&self, row: Option<FenceState>) -> FenceVerdict {
        verdict(
            self.context.phase,
            row,
            self.action.verbs(),
            self.timeliness,
        )
    }

    async fn run(&self, connection: &mut D::Connection) -> Result<Outcome, ActionError> {
        // A try and a message mostly find no row, other phases a tried one. Whichever is asked first, the other
        // follows, and both are statements that wait for whoever has the row.
        let is_known = self.context.phase != Phase::Try && self.action.verbs().offers(Phase::Try);
        if is_known && let Some(outcome) = self.as_if_tried(connection).await? {
            return Ok(outcome);
        }
        if let Some(outcome) = self.as_if_new(connection).await? {
            return Ok(outcome);
        }
        if !is_known && let Some(outcome) = self.as_if_tried(connection).await? {
            return Ok(outcome);
        }
        self.as_recorded(connection).await
    }

    /// The action's own statements.
    async fn business(
        &self,
        connection: &mut D::Connection,
        request: &[u8],
    ) -> Result<Bytes, ActionError> {
        failpoint!("fence::before-business").map_err(sqlx::Error::from)?;
        let reply = self.action.run(connection, self.context, request).await?;
        failpoint!("fence::after-business").map_err(sqlx::Error::from)?;
        Ok(reply)
    }

    /// Does what "no row" calls for, if the insert shows that there was none.
    async fn as_if_new(
        &self,
        connection: &mut D::Connection,
    ) -> Result<Option<Outcome>, ActionError> {
        let (state, runs) = match self.verdict(None) {
            FenceVerdict::Run(state) => (state, true),
            FenceVerdict::Record(state) => (state, false),
            FenceVerdict::Repeat | FenceVerdict::Refuse(_) | FenceVerdict::NotOffered => {
                return Ok(None);
            }
        };
        let kept = if state == FenceState::Tried {
            self.request
        } else {
            &[]
        };
        let deadline = self.context.try_deadline_micros;
        let row = NewRow {
            key: &self.context.key,
            service: self.action.service(),
            state,
            request: kept,
            try_deadline: deadline,
            ask_at: deadline
                .max(self.now)
                .saturating_add(micros(self.ask_after)),
            now: self.now,
        };
        failpoint!("fence::before-insert").map_err(sqlx::Error::from)?;
        if !D::insert(connection, row).await? {
            return Ok(None);
        }
        failpoint!("fence::after-insert").map_err(sqlx::Error::from)?;
        if !runs {
            let recorded = FenceVerdict::Record(state);
            return Ok(Some(Outcome::Commit(Bytes::new(), recorded)));
        }
        let reply = self.business(connection, self.request).await?;
        if !reply.is_empty() {
            D::keep_reply(connection, &self.context.key, &reply).await?;
        }
        Ok(Some(Outcome::Commit(reply, FenceVerdict::Run(state))))
    }

    /// Does what *tried* calls for, if the conditional update shows that the row was so.
    async fn as_if_tried(
        &self,
        connection: &mut D::Connection,
    ) -> Result<Option<Outcome>, ActionError> {
        let FenceVerdict::Run(to) = self.verdict(Some(FenceState::Tried)) else {
            return Ok(None);
        };
        let key = &self.context.key;
        failpoint!("fence::before-end").map_err(sqlx::Error::from)?;
        if !D::end(connection, key, self.action.service(), to, self.now).await? {
            return Ok(None);
        }
        failpoint!("fence::after-end").map_err(sqlx::Error::from)?;
        // Phase two uses what was tried, whatever the caller sends now.
        let Some(row) = D::read(connection, key).await? else {
            return Err(ActionError::Contended);
        };
        if self.action.verbs().offers(self.context.phase) {
            self.business(connection, &row.request).await?;
        }
        D::drop_request(connection, key).await?;
        Ok(Some(Outcome::Commit(Bytes::new(), FenceVerdict::Run(to))))
    }

    /// Nothing was written: the row as it stands says the answer.
    async fn as_recorded(&self, connection: &mut D::Connection) -> Result<Outcome, ActionError> {
        let row = D::read(connection, &self.context.key).await?;
        if let Some(row) = &row
            && row.service != self.action.service()
        {
            return Err(ActionError::OtherAction {
                service: row.service.clone(),
            });
        }
        match self.verdict(row.as_ref().map(|row| row.state)) {
            FenceVerdict::Repeat if self.context.phase == Phase::Try => Ok(Outcome::Answer(
                row.map(|row| row.reply.into()).unwrap_or_default(),
            )),
            FenceVerdict::Repeat => Ok(Outcome::Answer(Bytes::new())),
            FenceVerdict::Refuse(refusal) => Err(ActionError::Fenced(refusal)),
            FenceVerdict::NotOffered => Err(ActionError::NotOffered),
            // The row changed between the conditional write and this read.
            FenceVerdict::Run(_) | FenceVerdict::Record(_) => Err(ActionError::Contended),
        }
    }
}
