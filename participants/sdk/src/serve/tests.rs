//! A participant's configuration file: what it may hold, and what is said about a mistake.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_service::ConfigError;
use tercet_service::config::Merged;

use super::ParticipantConfig;
use crate::fence::FenceOptions;

const LEAST: &str = r#"
[database]
url = "sqlite:data/stock.db"
[coordinator]
endpoints = ["http://127.0.0.1:7400"]
"#;

fn parse(text: &str) -> Result<ParticipantConfig, ConfigError> {
    Merged::parse("stock.toml", text, Vec::new())?.extract()
}

#[test]
fn the_rest_has_defaults() {
    let config = parse(LEAST).unwrap();
    let listen = config.listen(7413);
    assert_eq!(listen.grpc.to_string(), "127.0.0.1:7413");
    assert_eq!(listen.http.to_string(), "127.0.0.1:0");
    assert_eq!(FenceOptions::from(&config.fence), FenceOptions::default());
}

#[test]
fn what_is_given_counts() {
    let text = format!(
        "listen = \"0.0.0.0:1\"\nhttp_listen = \"127.0.0.1:2\"\n{LEAST}\n[fence]\nretention = \"20d\"\nask_after = \"1s\"\nin_flight = 7\n"
    );
    let config = parse(&text).unwrap();
    let listen = config.listen(7413);
    assert_eq!(
        (listen.grpc.to_string().as_str(), listen.http.port()),
        ("0.0.0.0:1", 2)
    );
    let options = FenceOptions::from(&config.fence);
    assert_eq!(options.retention, Duration::from_hours(20 * 24));
    assert_eq!(
        (options.ask_after, options.in_flight_max),
        (Duration::from_secs(1), 7)
    );
}

#[test]
fn a_mistake_is_one_line_that_names_the_key() {
    for (text, key) in [
        (format!("lisen = \"127.0.0.1:1\"\n{LEAST}"), "lisen"),
        (LEAST.replace("url", "ulr"), "ulr"),
        (LEAST.replace("sqlite:", "postgres:"), "database.url"),
        (
            LEAST.replace("[\"http://127.0.0.1:7400\"]", "[]"),
            "coordinator.endpoints",
        ),
        (LEAST.replace("http://", "ftp://"), "coordinator.endpoints"),
        (LEAST.replace("[coordinator]", "[coordinate]"), "coordinat"),
        (
            format!("{LEAST}[fence]\nretention = \"soon\""),
            "fence.retention",
        ),
        (
            format!("{LEAST}[fence]\nretention = \"0s\""),
            "fence.retention",
        ),
        (format!("{LEAST}[fence]\nin_flight = 0"), "fence.in_flight"),
    ] {
        let line = parse(&text).unwrap_err().to_string();
        assert!(line.contains(key), "{key}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
