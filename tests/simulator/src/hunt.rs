//! Many seeds, on several threads.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bugs::Bug;
use crate::run::{Outcome, Settings, simulate};
use crate::stats::Stats;

/// What came of many seeds.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// How many seeds ran.
    pub seeds: u64,
    /// The violation with the lowest seed among those found.
    pub found: Option<Outcome>,
    /// What happened in all of them.
    pub stats: Stats,
}

/// Runs `seeds` on `threads` threads until one of them shows a violation. `progress` is called after every seed.
pub fn hunt(
    seeds: Range<u64>,
    settings: Settings,
    threads: usize,
    progress: impl Fn() + Sync,
) -> Hunt {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let total = Mutex::new(Hunt {
        seeds: 0,
        found: None,
        stats: Stats::default(),
    });
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work(&next, &end, settings, &total, &progress));
        }
    });
    total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn work(
    next: &AtomicU64,
    end: &AtomicU64,
    settings: Settings,
    total: &Mutex<Hunt>,
    progress: &(impl Fn() + Sync),
) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end.load(Ordering::Relaxed) {
            return;
        }
        let outcome = simulate(seed, settings);
        progress();
        let mut total = total
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        total.seeds += 1;
        total.stats += outcome.stats;
        if outcome.violation.is_some() {
            // Lower seeds that are still running may show it too: the lowest one is kept, so that the result does
            // not depend on the threads.
            end.fetch_min(seed, Ordering::Relaxed);
            if total.found.as_ref().is_none_or(|found| seed < found.seed) {
                total.found = Some(outcome);
            }
        }
    }
}

/// The first seed that shows a planted bug, within the number of seeds that it must be found in.
pub fn find_bug(bug: Bug, threads: usize) -> Option<Outcome> {
    let settings = Settings {
        shape: bug.shape(),
        bug: Some(bug),
        trace: false,
    };
    hunt(0..bug.found_within(), settings, threads, || {}).found
}
