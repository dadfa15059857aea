//! Watching an order: what it is now, then each change, until it is over.
//!
//! What is sent is read from the table, by its key. A change of this process wakes its watchers; one of another is found
//! by looking again and again, more and more rarely. Since a change is told before it is committed, a watcher that was
//! woken looks often for a while.
//!
//! Must never: hold an order or a connection while a reader is slow; it then misses what was in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tercet_participant::error_status;
use tercet_proto::shop::order::v1 as proto;
use tercet_service::Drain;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::desk::{DOMAIN, Desk};
use crate::order::Order;

/// Orders watched at once.
const WATCHERS_MAX: usize = 1_000;
/// The first look after a change, and the rarest.
const LOOK_SOON: Duration = Duration::from_millis(10);
const LOOK_LATE: Duration = Duration::from_secs(1);

/// The orders that somebody watches in this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl Changes {
    /// The order has changed, or will have at the commit.
    pub(super) fn tell(&self, order_no: &str) {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = orders.get(order_no) {
            notify.notify_waiters();
        }
    }

    fn listen(&self, order_no: &str) -> Listening {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Listening {
            notify: Arc::clone(orders.entry(order_no.to_owned()).or_default()),
            order_no: order_no.to_owned(),
            changes: self.clone(),
        }
    }
}

/// Somebody watches this order; the last one to go takes the entry along.
struct Listening {
    notify: Arc<Notify>,
    order_no: String,
    changes: Changes,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut orders = self
            .changes
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map's and this one.
        if Arc::strong_count(&self.notify) <= 2 {
            orders.remove(&self.order_no);
        }
    }
}

/// Lets orders be watched.
#[derive(Debug)]
pub(super) struct Watchers {
    desk: Desk,
    drain: Drain,
    seats: Arc<Semaphore>,
}

/// What a watcher is sent.
pub(super) type Watching = ReceiverStream<Result<proto::WatchOrderResponse, Status>>;

impl Watchers {
    pub(super) fn new(desk: Desk, drain: Drain) -> Self {
        Self {
            desk,
            drain,
            seats: Arc::new(Semaphore::new(WATCHERS_MAX)),
        }
    }

    /// The order now, then each change.
    pub(super) async fn watch(&self, order_no: &str, owner: &str) -> Result<Watching, Status> {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            let message = format!("{WATCHERS_MAX} orders are watched already");
            let code = Code::ResourceExhausted;
            return Err(error_status(code, "TOO_MANY_WATCHERS", DOMAIN, message));
        };
        let listening = self.desk.changes.listen(order_no);
        let order = self.desk.read(order_no, Some(owner)).await?;
        let (sender, receiver) = mpsc::channel(1);
        let watcher = Watcher {
            desk: self.desk.clone(),
            listening,
            sender,
            _seat: seat,
        };
        let drained = self.drain.begun_owned();
        tokio::spawn(async move {
            let sender = watcher.sender.clone();
            tokio::select! {
                () = drained => {
                    let message = "the service is going away: watch again";
                    let gone = error_status(Code::Unavailable, "DRAINING", DOMAIN, message);
                    // A reader that has gone too needs no answer, and a slow one sees the stream end.
                    let _ = sender.try_send(Err(gone));
                }
                () = watcher.run(order) => {}
            }
        });
        Ok(ReceiverStream::new(receiver))
    }
}

struct Watcher {
    desk: Desk,
    listening: Listening,
    sender: mpsc::Sender<Result<proto::WatchOrderResponse, Status>>,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    /// Until the order is over or nobody reads any more.
    async fn run(self, mut order: Order) {
        loop {
            let (version, is_over) = (order.version, order.state().is_final());
            let number = order.number.clone();
            let shown = proto::WatchOrderResponse {
                order: Some(order.into()),
            };
            if self.sender.send(Ok(shown)).await.is_err() || is_over {
                return;
            }
            match self.changed(&number, version).await {
                Some(changed) => order = changed,
                None => return,
            }
        }
    }

    /// The order once it is another version; none when nobody reads any more.
    async fn changed(&self, order_no: &str, version: i64) -> Option<Order> {
        let mut wait = LOOK_SOON;
        loop {
            tokio::select! {
                () = self.listening.notify.notified() => wait = LOOK_SOON,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LOOK_LATE),
                () = self.sender.closed() => return None,
            }
            match self.desk.read(order_no, None).await {
                Ok(order) if order.version != version => return Some(order),
                Ok(_) => {}
                Err(status) => tracing::debug!(order_no, %status, "a watched order isn't read"),
            }
        }
    }
}
