//! The one signal that a process is going away.
//!
//! A [`Drain`] is cloned into whatever has to know: readiness, handlers that refuse new work, streams that
//! must end themselves (a server with an open stream never finishes draining). It begins once and is never
//! taken back.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A shared, one-way switch with two steps: draining, and in a hurry. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    hurried: CancellationToken,
}

impl Drain {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the drain. Calling it again changes nothing.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Completes when the drain begins; at once if it has.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// The same as a future of its own, for streams and tasks that outlive the borrow.
    pub fn begun_owned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.begun.clone().cancelled_owned()
    }

    /// Begins the drain and skips its grace period: what is left is cut.
    pub fn hurry(&self) {
        self.begin();
        self.hurried.cancel();
    }

    /// Completes when somebody is in a hurry.
    pub async fn hurried(&self) {
        self.hurried.cancelled().await;
    }

    /// Begins on SIGTERM or SIGINT, and hurries on the second one: whoever asks twice doesn't want to wait for
    /// the grace period.
    ///
    /// # Errors
    /// When the handlers can't be installed.
    pub fn begin_on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let drain = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if drain.is_draining() {
                    tracing::warn!(signal = name, "second signal, skipping the grace period");
                    drain.hurry();
                    return;
                }
                tracing::info!(signal = name, "draining");
                drain.begin();
            }
        });
        Ok(())
    }
}
