//! Whether this server should get work: a set of named reasons why not.
//!
//! `/readyz` and `grpc.health.v1` both answer from here. A reason is raised and cleared by whoever knows it
//! (`log`, `fenced`, `draining`). A participant being down is never a reason: that would take every
//! coordinator out of service together.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

type Reasons = BTreeMap<&'static str, String>;

/// Ready as long as nobody has raised a reason. Clones are the same set.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Reasons>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Reasons::new())))
    }
}

impl Readiness {
    /// Nothing speaks against it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises a reason. `why` is shown to operators, one line.
    pub fn red(&self, name: &'static str, why: impl Into<String>) {
        let why = why.into();
        self.0.send_if_modified(|reasons| {
            let is_new = reasons.get(name) != Some(&why);
            if is_new {
                tracing::warn!(reason = name, why, "not ready");
                reasons.insert(name, why);
            }
            is_new
        });
    }

    /// Clears a reason.
    pub fn green(&self, name: &'static str) {
        self.0
            .send_if_modified(|reasons| match reasons.remove(name) {
                Some(_) => {
                    tracing::info!(reason = name, "no longer a reason to be not ready");
                    true
                }
                None => false,
            });
    }

    /// Whether no reason stands.
    pub fn is_ready(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The reasons that stand, by name.
    pub fn reasons(&self) -> Vec<(&'static str, String)> {
        self.0
            .borrow()
            .iter()
            .map(|(name, why)| (*name, why.clone()))
            .collect()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Reasons> {
        self.0.subscribe()
    }
}
