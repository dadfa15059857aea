//! The core under simulation: a few thousand seeds, the seeds that once failed, and every planted bug.
//!
//! A failing test prints the line that replays its seed. `TERCET_SIMULATION_FROM=N` runs other seeds, and
//! `TERCET_SIMULATION_SEEDS=N` more of them; `cargo xtask simulate` runs millions.
#![allow(clippy::expect_used, reason = "a test may panic")]

use tercet_simulator::{Bug, Outcome, Settings, Shape, find_bug, hunt, regressions, simulate};

const THREADS: usize = 2;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse().expect("a number of seeds is a number")
    })
}

/// Fails with the violation and the line that replays it.
fn expect_none(outcome: &Outcome, shape: Shape) {
    if let Some(violation) = &outcome.violation {
        let (seed, shape) = (outcome.seed, shape.name());
        panic!(
            "seed {seed} violates {violation}\n\
             replay it: cargo xtask simulate --shape {shape} --seed {seed} --trace\n\
             keep it: add `{seed} {shape}` to tests/simulator/regressions.txt"
        );
    }
}

/// Runs seeds of one kind of world, and expects that they have met everything but what it has none of.
fn run(shape: Shape, otherwise: u64, has_none_of: &[&str]) {
    let from = from_environment("TERCET_SIMULATION_FROM", 0);
    let count = from_environment("TERCET_SIMULATION_SEEDS", otherwise);
    println!("seeds {from}..{} of {}", from + count, shape.name());
    let settings = Settings {
        shape,
        ..Settings::default()
    };
    let result = hunt(from..from + count, settings, THREADS, || {});
    if let Some(found) = &result.found {
        expect_none(found, shape);
    }
    assert_eq!(result.seeds, count);
    // A world in which nothing goes wrong proves nothing.
    for (name, met) in result.stats.all() {
        let has_none = has_none_of.contains(&name);
        assert_eq!(met == 0, has_none, "{count} seeds met {met} of: {name}");
    }
}

/// What only a restored log brings.
const OF_RESTORED: [&str; 4] = ["restores", "decided_by_fences", "released", "by_person"];

#[test]
fn thousands_of_seeds_violate_nothing_and_meet_everything() {
    let of_many = ["freezes", "fenced", "adopted", "forwarded"];
    let has_none_of = [&of_many[..], &OF_RESTORED[..]].concat();
    run(Shape::One, 10_000, &has_none_of);
}

#[test]
fn thousands_of_seeds_with_several_coordinators_violate_nothing() {
    run(Shape::Many, 4_000, &OF_RESTORED);
}

#[test]
fn thousands_of_seeds_with_a_restored_log_violate_nothing() {
    run(Shape::Restored, 3_000, &[]);
}

#[test]
fn seeds_that_once_failed_do_so_no_more() {
    let known = regressions();
    assert!(!known.is_empty(), "the list is read");
    for (seed, shape, _) in known {
        let settings = Settings {
            shape,
            ..Settings::default()
        };
        expect_none(&simulate(seed, settings), shape);
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
    for (seed, shape) in (0..150).map(|number| (number / 3, Shape::ALL[number % 3])) {
        let seed = u64::try_from(seed).expect("a small number");
        let settings = Settings {
            shape,
            trace: true,
            ..Settings::default()
        };
        let (first, second) = (simulate(seed, settings), simulate(seed, settings));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.stats, second.stats, "seed {seed}");
    }
}
