//! The core decides and does nothing else: no IO, no clock, no randomness, no order that changes from run to run.

use crate::{
    repository::{File, files, holds},
    tokens::Tokens,
};

/// What brings IO, a clock, randomness, or an iteration order that differs between two runs.
const FORBIDDEN: &[&str] = &[
    "tokio",
    "futures",
    "tonic",
    "prost",
    "sqlx",
    "serde",
    "rand",
    "getrandom",
    "uuid",
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "RandomState",
    "async",
    "await",
    "unsafe",
    "fs",
    "net",
    "env",
    "thread",
    "thread_local",
    "println",
    "eprintln",
    "static",
];

fn faults(file: &File) -> Vec<String> {
    Tokens::of(file)
        .names
        .iter()
        .filter(|name| FORBIDDEN.contains(&name.text.as_str()))
        .map(|name| format!("{}:{} uses {}", file.path, name.line, name.text))
        .collect()
}

#[test]
fn the_rule_bites() {
    for source in [
        "use std::collections::HashMap;",
        "fn now() -> u64 { std::time::SystemTime::now() }",
        "async fn call() {}",
        "static COUNTER: AtomicU64 = AtomicU64::new(0);",
    ] {
        assert_eq!(faults(&File::sample("x.rs", source)).len(), 1, "{source}");
    }
    let pure = "/// Not a HashMap.\nfn f(now: Timestamp) -> &'static str { \"tokio\" }";
    assert!(faults(&File::sample("x.rs", pure)).is_empty());
}

#[test]
fn the_core_has_no_io_no_clock_and_no_chance() {
    let faults: Vec<String> = files("rs")
        .iter()
        .filter(|file| file.path.starts_with("coordinator/core/src/"))
        .flat_map(faults)
        .collect();
    holds("the core is pure", &faults);
}
