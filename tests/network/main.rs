//! The shell on a simulated network: the real coordinator, its tonic services, its raw-bytes calls and the client crate,
//! over connections that turmoil cuts, holds, delays and half-closes, with hosts that crash, on a simulated clock.
//!
//! One seed decides everything. Where next: `world` puts the hosts together and steps time, `faults` draws what goes wrong,
//! `workload` is what the clients do, `participant` and `ledger` are what they pay from, `properties` says what must hold,
//! `bugs` are the mistakes that it has to find, `trace` is what happened.
//!
//! `TERCET_TEST_SEED=7` replays one seed and prints its trace; `TERCET_TEST_NETWORK_SEEDS=1000` goes through more of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(missing_docs, reason = "names say it")]

mod bugs;
mod faults;
mod ledger;
mod net;
mod participant;
mod properties;
mod trace;
mod workload;
mod world;

use bugs::BUGS;
use world::{Outcome, run};

/// Seeds of an ordinary test run; each is a world of its own.
const SEEDS: u64 = 40;
/// Seeds that are run twice, to see that nothing but the seed decides.
const TWICE: u64 = 12;

#[test]
fn every_seed_ends_well() {
    if let Some(seed) = number("TERCET_TEST_SEED") {
        let outcome = run(seed, None);
        eprintln!("{}", outcome.trace.text());
        assert!(outcome.violations.is_empty(), "{}", report(seed, &outcome));
        return;
    }
    let seeds = number("TERCET_TEST_NETWORK_SEEDS").unwrap_or(SEEDS);
    let mut sum = world::Counts::default();
    for seed in 0..seeds {
        let outcome = run(seed, None);
        assert!(outcome.violations.is_empty(), "{}", report(seed, &outcome));
        sum.add(&outcome.counts);
    }
    eprintln!("{seeds} seeds: {sum}");
    // A world in which nothing happens would end well, too.
    assert!(
        sum.confirmed > 0 && sum.cancelled > 0 && sum.crashes > 0 && sum.cuts > 0,
        "{sum}"
    );
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..TWICE {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(
            first.trace.first_difference(&second.trace),
            None,
            "seed {seed} went differently the second time"
        );
        assert_eq!(first.trace.hash(), second.trace.hash(), "seed {seed}");
    }
}

#[test]
fn planted_bugs_are_found() {
    for (bug, within) in BUGS {
        let found = (0..*within).find_map(|seed| {
            let outcome = run(seed, Some(*bug));
            outcome.violations.first().cloned().map(|why| (seed, why))
        });
        let (seed, why) = found.unwrap_or_else(|| panic!("{bug:?} wasn't found in {within} seeds"));
        eprintln!("{bug:?}: found at seed {seed}: {why}");
    }
}

fn report(seed: u64, outcome: &Outcome) -> String {
    let command = format!("TERCET_TEST_SEED={seed} cargo test -p tercet --test network every_seed");
    let why = outcome.violations.join("\n");
    format!("seed {seed}: {why}\n{command}")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
