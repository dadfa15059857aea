//! The core under simulation: a few thousand seeds, the seeds that once failed, and every planted bug.
//!
//! A failing test prints the line that replays its seed. `TERCET_SIMULATION_FROM=N` runs other seeds, and
//! `TERCET_SIMULATION_SEEDS=N` more of them; `cargo xtask simulate` runs millions.
#![allow(clippy::expect_used, reason = "a test may panic")]

use tercet_simulator::{Bug, Outcome, Settings, find_bug, hunt, regressions, simulate};

const THREADS: usize = 2;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse().expect("a number of seeds is a number")
    })
}

/// Fails with the violation and the line that replays it.
fn expect_none(outcome: &Outcome) {
    if let Some(violation) = &outcome.violation {
        let seed = outcome.seed;
        panic!(
            "seed {seed} violates {violation}\nreplay it: cargo xtask simulate --seed {seed} --trace\n\
             keep it: add `{seed}` to tests/simulator/regressions.txt"
        );
    }
}

#[test]
fn thousands_of_seeds_violate_nothing_and_meet_everything() {
    let from = from_environment("TERCET_SIMULATION_FROM", 0);
    let count = from_environment("TERCET_SIMULATION_SEEDS", 10_000);
    println!("seeds {from}..{}", from + count);
    let result = hunt(from..from + count, Settings::default(), THREADS, || {});
    result.found.iter().for_each(expect_none);
    assert_eq!(result.seeds, count);
    // A world in which nothing goes wrong proves nothing.
    for (name, met) in result.stats.all() {
        assert!(met > 0, "{count} seeds never met any of: {name}");
    }
}

#[test]
fn seeds_that_once_failed_do_so_no_more() {
    let known = regressions();
    assert!(!known.is_empty(), "the list is read");
    for (seed, _) in known {
        expect_none(&simulate(seed, Settings::default()));
    }
}

#[test]
fn every_planted_bug_is_found() {
    assert!(Bug::ALL.len() >= 16);
    for bug in Bug::ALL.iter().copied() {
        let found = find_bug(bug, THREADS);
        let seeds = bug.found_within();
        assert!(
            found.is_some(),
            "{bug:?} was not found within {seeds} seeds"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let settings = Settings {
        trace: true,
        ..Settings::default()
    };
    for seed in 0..50 {
        let (first, second) = (simulate(seed, settings), simulate(seed, settings));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.stats, second.stats, "seed {seed}");
    }
}
