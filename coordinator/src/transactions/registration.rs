//! The place of a task in the registry.

use std::sync::Arc;

use tercet_core::Gid;

use super::{Handle, Shared};

/// The place of a task in the registry. It goes with the task, also if that panics.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) shared: Arc<Shared>,
    gid: Gid,
    handle: Handle,
}

impl Registration {
    /// For a handle that has just been put in.
    pub(super) fn new(shared: Arc<Shared>, gid: Gid, handle: Handle) -> Self {
        Self {
            shared,
            gid,
            handle,
        }
    }

    /// Takes it out before the task ends: from now on nobody finds it.
    pub(super) fn remove(&self) {
        self.shared.registry.remove(&self.gid, &self.handle);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.remove();
    }
}
