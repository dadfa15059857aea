//! The file of a coordinator: the defaults of the contract, and the one clear line for each mistake.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::ffi::OsString;

use tercet_core::Verbs;
use tercet_service::config::Merged;

use super::*;

fn read(text: &str) -> Result<Config, String> {
    Merged::parse("c.toml", text, std::iter::empty::<(OsString, OsString)>())
        .and_then(|merged| merged.extract())
        .map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_has_the_defaults_of_the_contract() {
    let config = read("").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:7400");
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:7401");
    assert_eq!(config.log.url, "sqlite:tercet-data/coordinator.db");
    assert_eq!(config.policy(), RetryPolicy::default());
    assert_eq!(config.limits.undecided, 10_000);
    assert_eq!(config.limits.waiting_per_participant, 100_000);
    assert_eq!(config.limits.drain_grace, ConfigDuration::from_secs(10));
    assert_eq!(config.retention.ended.to_string(), "7days");
}

#[test]
fn the_example_of_the_contract_is_read() {
    let config = read(
        r#"
        listen = "127.0.0.1:7400"
        http_listen = "127.0.0.1:7401"
        advertise = "http://coordinator-1:7400"
        [log]
        url = "sqlite:tercet-data/coordinator.db"
        startup_wait = "0s"
        [participants.stock]
        endpoints = ["http://127.0.0.1:7413"]
        timeout = "3s"
        max_in_flight = 256
        [participants.stock.actions]
        reserve = "shop.stock.v1.ReserveStockService"
        notify  = { service = "shop.stock.v1.NotifyService", verbs = ["confirm"] }
        [retry]
        [limits]
        [cluster]
        [tls]
        [access]
        [retention]
        ended = "7d"
        [telemetry]
        [alerts]
        "#,
    )
    .unwrap();
    let (name, stock) = config.participants.iter().next().unwrap();
    assert_eq!(name.0.as_str(), "stock");
    let verbs: Vec<_> = stock.actions.values().map(|action| action.verbs).collect();
    assert_eq!(verbs, [Verbs::Message, Verbs::Tcc]);
    assert!(stock.breaker);
    assert_eq!(stock.max_in_flight.get(), 256);
    assert!((stock.retry_share.get() - 0.5).abs() < f64::EPSILON);
}

/// Each mistake is one line that names the key.
fn check_mistake(text: &str, parts: &[&str]) {
    let error = read(text).unwrap_err();
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn a_try_without_cancel_is_refused() {
    check_mistake(
        r#"
        [participants.stock]
        endpoints = ["http://127.0.0.1:7413"]
        actions = { reserve = { service = "a.B", verbs = ["try", "confirm"] } }
        "#,
        &["participants.stock.actions.reserve", "try, cancel"],
    );
}

#[test]
fn unknown_keys_are_named() {
    check_mistake("[limits]\nbranch = 3", &["limits.branch", "branches"]);
    check_mistake(
        "[participants.a]\nendpoints=['http://h:1']\ntimout='3s'",
        &["participants.a.timout", "timeout"],
    );
}

#[test]
fn impossible_values_are_named() {
    check_mistake(
        "[participants.a]\nendpoints = []",
        &["participants.a.endpoints", "at least one"],
    );
    check_mistake(
        "[participants.a]\nendpoints = ['https://h:1']",
        &["participants.a.endpoints", "TLS"],
    );
    check_mistake(
        "[participants.a]\nendpoints = ['http://h:1']\ntimeout = '0s'",
        &["participants.a.timeout", "more than 0s"],
    );
    check_mistake(
        "[participants.a]\nendpoints = ['http://h:1']\nretry_share = 0",
        &["participants.a.retry_share", "more than 0"],
    );
    check_mistake(
        "[participants.a]\nendpoints = ['http://h:1']\nretry_share = 50",
        &["participants.a.retry_share", "from 0 to 1"],
    );
    check_mistake(
        "[participants.a]\nendpoints = ['http://h:1']\nactions = { x = 'no service' }",
        &["participants.a.actions.x", "gRPC service name"],
    );
    check_mistake(
        "[participants.'a b']\nendpoints = ['http://h:1']",
        &["participants", "visible ASCII"],
    );
    check_mistake("[cluster]\nlanes = 0", &["cluster.lanes", "from 1 to 64"]);
}

#[test]
fn the_password_of_the_log_is_not_shown() {
    let config = read("[log]\nurl = 'mysql://u:geheim@h/t'").unwrap();
    assert!(!format!("{config:?}").contains("geheim"));
}

#[test]
fn the_times_of_the_cluster_go_together() {
    let config = read("[cluster]\nbeat_every = \"1s\"\ntake_over_after = \"3s\"").unwrap();
    assert_eq!(config.cluster.take_over_after, ConfigDuration::from_secs(3));
    for (text, part) in [
        (
            "beat_every = \"1s\"\ntake_over_after = \"2999ms\"",
            "take_over_after",
        ),
        ("beat_every = \"6s\"", "take_over_after"),
        ("beat_every = \"0s\"", "beat_every"),
    ] {
        let error = read(&format!("[cluster]\n{text}")).unwrap_err();
        assert!(error.contains(part) && error.contains("cluster"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
