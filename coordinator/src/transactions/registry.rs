//! The open transactions by gid. Sharded, so that a short lock is all that two transactions ever share.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tercet_core::Gid;

use super::Handle;

const SHARDS: usize = 32;

/// Where each open transaction's task is reached.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Vec<Mutex<HashMap<Gid, Handle>>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The task of that gid.
    pub(crate) fn get(&self, gid: &Gid) -> Option<Handle> {
        self.shard(gid).get(gid).cloned()
    }

    /// Puts `handle` in, unless there is one: that one comes back as the error.
    pub(crate) fn insert(&self, gid: &Gid, handle: &Handle) -> Result<(), Handle> {
        match self.shard(gid).entry(gid.clone()) {
            Entry::Occupied(entry) => Err(entry.get().clone()),
            Entry::Vacant(entry) => {
                entry.insert(handle.clone());
                Ok(())
            }
        }
    }

    /// Takes `handle` out, and no other.
    pub(crate) fn remove(&self, gid: &Gid, handle: &Handle) {
        if let Entry::Occupied(entry) = self.shard(gid).entry(gid.clone())
            && entry.get().is_same(handle)
        {
            entry.remove();
        }
    }

    /// All of them, as of some moment each.
    pub(crate) fn all(&self) -> Vec<Handle> {
        let of_shard =
            |shard: &Mutex<HashMap<Gid, Handle>>| lock(shard).values().cloned().collect::<Vec<_>>();
        self.shards.iter().flat_map(of_shard).collect()
    }

    fn shard(&self, gid: &Gid) -> MutexGuard<'_, HashMap<Gid, Handle>> {
        let mut hasher = DefaultHasher::new();
        gid.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0);
        lock(&self.shards[index])
    }
}

/// Nothing panics while a shard is held, and a map is whole between its calls.
fn lock(shard: &Mutex<HashMap<Gid, Handle>>) -> MutexGuard<'_, HashMap<Gid, Handle>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
