//! One direction of a connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::trigger::Triggers;
use crate::{Cut, Flow, Moment};

/// So much is read at once.
const PIECE: usize = 64 << 10;

/// How one direction, or the connection, came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The sender closed, and the receiver was told.
    Closed,
    /// A trigger fired; the connection is to be ended so.
    Cut(Cut),
}

/// Whether there is a piece that a delay is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delays {
    Skipped,
    Waited,
}

/// Moves bytes from one socket to the other.
pub(crate) struct Pump<'a> {
    pub(crate) from: ReadHalf<'a>,
    pub(crate) to: WriteHalf<'a>,
    pub(crate) flow: watch::Receiver<Flow>,
    /// Only what the client sends meets triggers.
    pub(crate) triggers: Option<&'a Triggers>,
    /// Set by the one direction for the other: the next piece is the answer that is never seen.
    pub(crate) answer_ends: watch::Sender<Option<Cut>>,
}

impl Pump<'_> {
    pub(crate) async fn run(mut self) -> Ended {
        let mut piece = vec![0; PIECE];
        loop {
            if !self.may_pass(Delays::Skipped).await {
                return self.close().await;
            }
            // A hold that comes while nothing is sent must hold what is sent next.
            let read = tokio::select! {
                read = self.from.read(&mut piece) => read,
                _ = self.flow.changed() => continue,
            };
            let Ok(length @ 1..) = read else {
                // A held direction holds its end back, too.
                let _ = self.may_pass(Delays::Waited).await;
                return self.close().await;
            };
            if let Some(how) = *self.answer_ends.borrow()
                && self.triggers.is_none()
            {
                return Ended::Cut(how);
            }
            if !self.may_pass(Delays::Waited).await {
                return self.close().await;
            }
            let met = self.triggers.and_then(|all| all.met_by(&piece[..length]));
            match met.as_ref().map(|trigger| (trigger.moment, trigger.how)) {
                Some((Moment::Before, how)) => return Ended::Cut(how),
                Some((Moment::Answered, how)) => drop(self.answer_ends.send_replace(Some(how))),
                Some((Moment::After, _)) | None => {}
            }
            if self.to.write_all(&piece[..length]).await.is_err() {
                return Ended::Closed;
            }
            if let Some(trigger) = met
                && trigger.moment == Moment::After
            {
                return Ended::Cut(trigger.how);
            }
        }
    }

    /// Waits for as long as this direction is held, or a piece is delayed; false once it is half-closed.
    async fn may_pass(&mut self, delays: Delays) -> bool {
        loop {
            let flow = *self.flow.borrow_and_update();
            match flow {
                Flow::Forward => return true,
                Flow::HalfClosed => return false,
                Flow::Hold => {
                    if self.flow.changed().await.is_err() {
                        return true;
                    }
                }
                Flow::Delay(_) if delays == Delays::Skipped => return true,
                Flow::Delay(time) => {
                    tokio::select! {
                        () = sleep(time) => return true,
                        _ = self.flow.changed() => {}
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> Ended {
        let _ = self.to.shutdown().await;
        Ended::Closed
    }
}
