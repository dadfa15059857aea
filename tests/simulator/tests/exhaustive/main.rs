//! Every interleaving of small worlds: two branches, one or two coordinators, driven by the production core.
//!
//! The seeds of the simulator draw from large worlds; here small ones are walked through whole, by stateright. `model`
//! says what can happen, and what must hold; `world` how. Each test prints how many states it explored:
//! `cargo test --release -p tercet-simulator --test exhaustive -- --nocapture`.
#![allow(clippy::expect_used, reason = "a test may panic")]

mod model;
mod world;

use model::{Budget, Scenario, Small};
use stateright::{Checker, Model};
use tercet_core::{TryOrder, Verbs};
use world::World;

/// Walks through a world whole; every property holds, and both ends are reached.
fn explore(name: &str, world: Small) {
    let budget = world.budget;
    let checker = world.checker().threads(2).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}, {budget}: {states} states, {depth} steps deep");
    checker.assert_properties();
    assert!(checker.is_done(), "{name} was explored whole");
}

fn small(order: TryOrder, verbs: [Verbs; 2], budget: Budget) -> Small {
    Small {
        scenario: Scenario::OneCall,
        order,
        verbs,
        budget,
        fence_forgets: false,
    }
}

fn step_by_step(budget: Budget) -> Small {
    Small {
        scenario: Scenario::StepByStep,
        ..small(TryOrder::Parallel, [Verbs::Tcc, Verbs::Tcc], budget)
    }
}

const CALM: Budget = Budget {
    crashes: 0,
    failed_appends: 0,
    time_outs: 0,
    cancels: 0,
    live_old: false,
};

const ONE_CRASH: Budget = Budget { crashes: 1, ..CALM };

#[test]
fn one_call_parallel_with_a_crash() {
    let world = small(TryOrder::Parallel, [Verbs::Tcc, Verbs::Saga], ONE_CRASH);
    explore("one call, TCC + saga, parallel", world);
}

#[test]
fn one_call_sequential_with_a_crash() {
    let world = small(TryOrder::Sequential, [Verbs::Saga, Verbs::Saga], ONE_CRASH);
    explore("one call, saga + saga, sequential", world);
}

#[test]
fn a_message_with_a_crash() {
    let world = small(TryOrder::Parallel, [Verbs::Tcc, Verbs::Message], ONE_CRASH);
    explore("one call, TCC + message, parallel", world);
}

#[test]
fn step_by_step_with_a_crash() {
    explore("TryBranch + RegisterBranch", step_by_step(ONE_CRASH));
}

#[test]
fn two_coordinators() {
    let budget = Budget {
        live_old: true,
        ..ONE_CRASH
    };
    let world = small(TryOrder::Parallel, [Verbs::Tcc, Verbs::Message], budget);
    explore("one call, TCC + message, the old coordinator alive", world);
}

/// The model bites: with a fence that forgets empty cancels, a late try is left over.
#[test]
fn a_planted_bug_is_found() {
    let world = Small {
        fence_forgets: true,
        ..small(TryOrder::Parallel, [Verbs::Tcc, Verbs::Tcc], CALM)
    };
    let checker = world.checker().threads(2).spawn_bfs().join();
    let found = checker.discovery(World::NOTHING_LEFT_OVER);
    assert!(found.is_some(), "a late try is left over");
}

/// Wider worlds, minutes in a release build: `--release -- --ignored --nocapture --test-threads 1`.
#[test]
#[ignore = "takes minutes, and is meant for a release build"]
fn wider_worlds() {
    let tcc = [Verbs::Tcc, Verbs::Tcc];
    let budgets = [
        Budget {
            time_outs: 1,
            ..ONE_CRASH
        },
        Budget {
            cancels: 1,
            ..ONE_CRASH
        },
        Budget {
            failed_appends: 1,
            ..ONE_CRASH
        },
        Budget {
            live_old: true,
            ..ONE_CRASH
        },
        Budget {
            crashes: 2,
            ..ONE_CRASH
        },
    ];
    for budget in budgets {
        explore(
            "one call, TCC + TCC, parallel",
            small(TryOrder::Parallel, tcc, budget),
        );
        explore(
            "one call, TCC + TCC, sequential",
            small(TryOrder::Sequential, tcc, budget),
        );
        explore("TryBranch + RegisterBranch", step_by_step(budget));
    }
}
