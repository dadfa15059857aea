//! A lane: one connection, one batch after the other, and finding out what became of a commit whose answer was lost.
//!
//! - Before COMMIT nothing is durable whatever happens: the batch is run again, or refused, or given up for now.
//! - A definite error at COMMIT means the same.
//! - Any other end of COMMIT, silence included, leaves the batch **unknown**. Nothing else happens on the lane until a
//!   statement that waits for the same lock has told: on a new connection the counter is raised once more from where it
//!   stood. If that is committed, the batch wasn't and can't be any more. If it matches nothing, the counter's row says
//!   which attempt has raised it. A plain read would prove nothing: the commit may still be on its way.
//!
//! Must never answer "unknown" while somebody can still find out.

use core::time::Duration;

use sqlx::{Executor as _, MySqlConnection};
use tercet_database::mysql::{self, Options, Use};
use tercet_database::{ErrorClass, classify};
use tercet_failpoints::failpoint;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};

use super::batch::{self, Outcome, Place};
use super::{batch_error, dialect};
use crate::{BatchError, Entry, Lane, SessionId, Verdict};

/// How often a batch is run again because other writers were in the way.
const BUSY_MAX: u32 = 12;
/// The pause before it is; it grows with each.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How often a batch may lose its connection before COMMIT: then it is run in halves, or given up for now.
const LOST_MAX: u32 = 2;
/// The pauses between attempts to find out.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(50);
const UNKNOWN_PAUSE_MAX: Duration = Duration::from_secs(1);

/// One lane of a session.
pub(super) struct LaneWriter {
    session: SessionId,
    lane: Lane,
    options: Options,
    state: Mutex<State>,
    closing: watch::Receiver<bool>,
}

/// What a lane knows of itself. Locked while a batch is under way.
struct State {
    connection: Option<MySqlConnection>,
    used_at: Instant,
    /// The lane's counter, as this process knows it.
    appended: i64,
    attempts: i64,
    /// Why it never writes again.
    stopped: Option<BatchError>,
}

impl State {
    fn keep(&mut self, connection: MySqlConnection) {
        self.connection = Some(connection);
        self.used_at = Instant::now();
    }
}

/// What the counter's row says.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Counter {
    appended: i64,
    attempt: i64,
    fenced: bool,
}

/// How an attempt ended that isn't to be repeated.
enum Attempt {
    /// With a verdict, or an error that says what to do.
    Over(Result<Vec<Verdict>, BatchError>),
    /// Other writers were in the way; nothing is durable.
    Busy(String),
    /// The connection broke, or the server fell silent, before COMMIT; nothing is durable.
    Lost(String),
    /// The answer to COMMIT was lost.
    Unknown {
        attempt: i64,
        verdicts: Vec<Verdict>,
        why: String,
    },
}

impl LaneWriter {
    pub(super) fn new(
        session: SessionId,
        lane: Lane,
        options: Options,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let state = State {
            connection: None,
            used_at: Instant::now(),
            appended: 0,
            attempts: 0,
            stopped: None,
        };
        Self {
            session,
            lane,
            options,
            state: Mutex::new(state),
            closing,
        }
    }

    /// See [`TransactionLog::write`](crate::TransactionLog::write).
    pub(super) async fn write(&self, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        let mut state = self.state.lock().await;
        if let Some(stopped) = &state.stopped {
            return Err(stopped.clone());
        }
        let written = self.repeat(&mut state, batch).await;
        if let Err(error @ (BatchError::Fenced | BatchError::Unknown(_))) = &written {
            state.stopped = Some(error.clone());
            state.connection = None;
        }
        written
    }

    /// Writes nothing from now on.
    pub(super) async fn stop(&self) {
        let mut state = self.state.lock().await;
        state.stopped.get_or_insert(BatchError::Fenced);
        state.connection = None;
    }

    async fn repeat(&self, state: &mut State, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        let (mut busy, mut lost) = (0, 0);
        loop {
            match self.attempt(state, batch).await {
                Attempt::Over(over) => return over,
                Attempt::Busy(why) => {
                    busy += 1;
                    if busy > BUSY_MAX {
                        return Err(BatchError::Unavailable(why));
                    }
                    tracing::debug!(lane = self.lane.0, busy, why, "a batch is run again");
                    tokio::time::sleep(BUSY_PAUSE * busy).await;
                }
                Attempt::Lost(why) => {
                    lost += 1;
                    tracing::debug!(lane = self.lane.0, lost, why, "a batch lost its connection");
                    if lost >= LOST_MAX {
                        // One of the entries may be what breaks it. One that is alone has done nothing wrong that is known:
                        // its size was checked, so most likely the network is cut again and again.
                        return Err(if batch.len() > 1 {
                            BatchError::Refused(why)
                        } else {
                            BatchError::Unavailable(why)
                        });
                    }
                }
                Attempt::Unknown {
                    attempt,
                    verdicts,
                    why,
                } => {
                    tracing::warn!(
                        lane = self.lane.0,
                        why,
                        "the answer to a commit was lost, finding out"
                    );
                    if self.find_out(state, attempt).await? {
                        return Ok(verdicts);
                    }
                }
            }
        }
    }

    /// One attempt on one connection, which is kept only if it is surely in order afterwards.
    async fn attempt(&self, state: &mut State, batch: &[Entry]) -> Attempt {
        let mut connection = match self.connection(state).await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Over(Err(BatchError::Unavailable(error.to_string()))),
        };
        let place = self.place(state);
        let writing = batch::write(&mut connection, &place, batch);
        let outcome = match timeout(self.options.client_timeout, writing).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return self.failed(state, connection, &error).await,
            Err(_) => return Attempt::Lost("the server doesn't answer".to_owned()),
        };
        match outcome {
            Outcome::NotOurTurn => {
                let counter = self.counter(&mut connection).await;
                self.roll_back(state, connection).await;
                match counter {
                    Ok(counter) if may_write(counter, state.appended) => {
                        Attempt::Busy("the lane's counter was in the way".to_owned())
                    }
                    Ok(counter) => {
                        tracing::error!(?counter, appended = state.appended, "the session is over");
                        Attempt::Over(Err(BatchError::Fenced))
                    }
                    Err(why) => Attempt::Lost(why),
                }
            }
            Outcome::Contended => {
                self.roll_back(state, connection).await;
                Attempt::Busy("gids that come and go".to_owned())
            }
            Outcome::Verdicts(verdicts) if !verdicts.contains(&Verdict::Written) => {
                // Nothing to make durable: what the verdicts rest upon was durable before.
                self.roll_back(state, connection).await;
                Attempt::Over(Ok(verdicts))
            }
            Outcome::Verdicts(verdicts) => self.commit(state, connection, place, verdicts).await,
        }
    }

    async fn commit(
        &self,
        state: &mut State,
        mut connection: MySqlConnection,
        place: Place,
        verdicts: Vec<Verdict>,
    ) -> Attempt {
        let committing = async {
            failpoint!("log::before-commit").map_err(|error| (error.into(), true))?;
            let committed = connection.execute(sqlx::raw_sql(dialect::COMMIT)).await;
            committed.map_err(|error| (error, false))?;
            failpoint!("log::after-commit").map_err(|error| (error.into(), false))
        };
        match timeout(self.options.client_timeout, committing).await {
            Ok(Ok(())) => {
                state.appended = place.appended + 1;
                state.keep(connection);
                Attempt::Over(Ok(verdicts))
            }
            Ok(Err((error, true))) => self.failed(state, connection, &error).await,
            Ok(Err((error, false))) if classify(&error).is_definite() => {
                self.failed(state, connection, &error).await
            }
            Ok(Err((error, false))) => Attempt::Unknown {
                attempt: place.attempt,
                verdicts,
                why: error.to_string(),
            },
            Err(_) => Attempt::Unknown {
                attempt: place.attempt,
                verdicts,
                why: "the server doesn't answer".to_owned(),
            },
        }
    }

    /// An error after which nothing of the batch is durable.
    async fn failed(
        &self,
        state: &mut State,
        connection: MySqlConnection,
        error: &sqlx::Error,
    ) -> Attempt {
        match classify(error) {
            ErrorClass::Busy => {
                self.roll_back(state, connection).await;
                Attempt::Busy(error.to_string())
            }
            ErrorClass::ConnectionLost => Attempt::Lost(error.to_string()),
            _ => {
                self.roll_back(state, connection).await;
                Attempt::Over(Err(batch_error(error)))
            }
        }
    }

    /// Whether the attempt of that number was committed. Asks until it is told, however long that takes: the counter goes
    /// up by one either way.
    async fn find_out(&self, state: &mut State, attempt: i64) -> Result<bool, BatchError> {
        let appended = state.appended;
        // Attempts of ours to raise the counter past the one in question. If one of them did, that one never will.
        let mut overtaking: Vec<i64> = Vec::new();
        let mut pause = UNKNOWN_PAUSE;
        let mut closing = self.closing.clone();
        loop {
            let counter = match self.overtake(state, &mut overtaking).await {
                Ok(counter) => counter,
                Err(why) => {
                    tracing::warn!(lane = self.lane.0, why, "still not known");
                    let closed = async {
                        // An error: the store is gone.
                        let _ = closing.wait_for(|closing| *closing).await;
                    };
                    if timeout(pause, closed).await.is_ok() {
                        return Err(BatchError::Unknown(why));
                    }
                    pause = (pause * 2).min(UNKNOWN_PAUSE_MAX);
                    continue;
                }
            };
            let Some(counter) = counter else {
                return Err(BatchError::Unknown("the session is gone".to_owned()));
            };
            if counter.appended == appended + 1 {
                let written = counter.attempt == attempt;
                if !written && !overtaking.contains(&counter.attempt) {
                    return Err(BatchError::Unknown("the log was restored".to_owned()));
                }
                state.appended = counter.appended;
                return Ok(written);
            }
            if counter.appended == appended && counter.fenced {
                // Whoever fences takes the lock that the commit had; it isn't coming any more.
                return Err(BatchError::Fenced);
            }
            if counter.appended != appended {
                return Err(BatchError::Unknown("the log was restored".to_owned()));
            }
            tokio::time::sleep(UNKNOWN_PAUSE).await;
        }
    }

    /// Tries to raise the counter past an attempt whose outcome is unknown, and says what the counter's row is then.
    async fn overtake(
        &self,
        state: &mut State,
        overtaking: &mut Vec<i64>,
    ) -> Result<Option<Counter>, String> {
        let mut connection = self
            .connection(state)
            .await
            .map_err(|error| error.to_string())?;
        let place = self.place(state);
        overtaking.push(place.attempt);
        let raising = async {
            if batch::raise(&mut connection, &place).await? {
                connection.execute(sqlx::raw_sql(dialect::COMMIT)).await?;
                return Ok(true);
            }
            Ok(false)
        };
        match timeout(self.options.client_timeout, raising).await {
            Ok(Ok(true)) => {
                state.keep(connection);
                Ok(Some(Counter {
                    appended: place.appended + 1,
                    attempt: place.attempt,
                    fenced: false,
                }))
            }
            Ok(Ok(false)) => {
                let counter = self.counter(&mut connection).await;
                self.roll_back(state, connection).await;
                counter
            }
            Ok(Err(error)) => {
                let error: sqlx::Error = error;
                if classify(&error).is_definite() {
                    self.roll_back(state, connection).await;
                }
                Err(error.to_string())
            }
            Err(_) => Err("the server doesn't answer".to_owned()),
        }
    }

    async fn counter(&self, connection: &mut MySqlConnection) -> Result<Option<Counter>, String> {
        let read = sqlx::query_as(dialect::COUNTER)
            .bind(self.session.0)
            .bind(self.lane.0)
            .fetch_optional(connection);
        match timeout(self.options.client_timeout, read).await {
            Ok(Ok(counter)) => Ok(counter),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the server doesn't answer".to_owned()),
        }
    }

    fn place(&self, state: &mut State) -> Place {
        state.attempts += 1;
        Place {
            session: self.session,
            lane: self.lane,
            appended: state.appended,
            attempt: state.attempts,
        }
    }

    /// The lane's connection, or a new one where the server may have ended it because it stood idle.
    async fn connection(&self, state: &mut State) -> Result<MySqlConnection, sqlx::Error> {
        match state.connection.take() {
            Some(connection) if state.used_at.elapsed() < self.options.client_timeout / 2 => {
                Ok(connection)
            }
            _ => mysql::connection(&self.options, Use::Writing).await,
        }
    }

    /// A connection that can't roll back is closed, and the server does it.
    async fn roll_back(&self, state: &mut State, mut connection: MySqlConnection) {
        let rolling_back = connection.execute(sqlx::raw_sql(dialect::ROLLBACK));
        match timeout(self.options.client_timeout, rolling_back).await {
            Ok(Ok(_)) => state.keep(connection),
            Ok(Err(error)) => tracing::debug!(%error, "a batch could not be rolled back"),
            Err(_) => tracing::debug!("a batch could not be rolled back in time"),
        }
    }
}

const fn may_write(counter: Option<Counter>, appended: i64) -> bool {
    matches!(counter, Some(counter) if !counter.fenced && counter.appended == appended)
}
