//! Layering of file and environment, and the one clear line for what is wrong in either.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{collections::BTreeMap, ffi::OsString, time::Duration};

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    listen: ListenAddress,
    #[serde(default)]
    participants: BTreeMap<String, Participant>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    telemetry: Telemetry,
    #[serde(default)]
    alerts: Alerts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Participant {
    endpoints: Vec<Endpoint>,
    timeout: ConfigDuration,
    max_in_flight: u32,
    breaker: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Log {
    url: String,
    password: String,
    lanes: Option<u8>,
}

const LISTEN: &str = "listen = \"127.0.0.1:7400\"\n";

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .collect()
}

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Example, String> {
    Merged::parse("tercet.toml", text, variables(environment))
        .and_then(|merged| merged.extract())
        .map_err(|error| error.to_string())
}

/// The line that `text` after a valid `listen` is refused with.
fn refusal(text: &str) -> String {
    let line = read(&format!("{LISTEN}{text}"), &[]).expect_err("must be refused");
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

#[test]
fn a_file_becomes_the_struct() {
    let text = r#"
        listen = "127.0.0.1:7400"
        [participants.stock]
        endpoints = ["http://127.0.0.1:7413", "stock:7413"]
        timeout = "1m 30s"
        max_in_flight = 256
    "#;
    let config = read(text, &[]).unwrap();
    assert_eq!(config.listen, ListenAddress::loopback(7400));
    let stock = &config.participants["stock"];
    assert_eq!(stock.endpoints[1], Endpoint::http("stock", 7413));
    assert_eq!(stock.timeout.get(), Duration::from_secs(90));
    assert_eq!(stock.max_in_flight, 256);
}

#[test]
fn a_bad_value_is_one_line_with_file_and_key() {
    assert_eq!(
        refusal("[participants.stock]\ntimeout = \"abc\""),
        "tercet.toml: participants.stock.timeout: expected a duration such as \"3s\", found \"abc\""
    );
    assert_eq!(
        refusal("[participants.stock]\ntimeout = 3"),
        "tercet.toml: participants.stock.timeout: expected a duration such as \"3s\", found signed int `3`"
    );
    assert_eq!(
        refusal("[participants.stock]\nendpoints = [\"http://a:1\", \"ftp://a:1\"]"),
        "tercet.toml: participants.stock.endpoints.1: expected a URL such as \"http://127.0.0.1:7400\", found \"ftp://a:1\""
    );
}

#[test]
fn an_unknown_key_names_the_near_one() {
    assert_eq!(
        refusal("[participants.stock]\ntimeuot = \"3s\""),
        "tercet.toml: participants.stock.timeuot: unknown key, did you mean `timeout`?"
    );
    assert_eq!(
        refusal("[log]\nflavour = \"3s\""),
        "tercet.toml: log.flavour: unknown key, expected one of url, password, lanes"
    );
}

#[test]
fn a_missing_key_and_a_missing_file_are_named() {
    assert_eq!(
        read("", &[]).unwrap_err(),
        "tercet.toml: listen: is missing"
    );
    let error = load::<Example>("/nowhere/tercet.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nowhere/tercet.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn garbage_names_line_and_column() {
    let line = read("listen = \"127.0.0.1:7400\"\n  [log\n", &[]).unwrap_err();
    assert!(line.starts_with("tercet.toml:2:"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = read(
        LISTEN,
        &[
            ("TERCET_LISTEN", "0.0.0.0:1"),
            ("TERCET_LOG__URL", "sqlite:other.db"),
            ("TERCET_PARTICIPANTS__STOCK__TIMEOUT", "5s"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:1");
    assert_eq!(config.log.url, "sqlite:other.db");
    assert_eq!(
        config.participants["stock"].timeout,
        ConfigDuration::from_secs(5)
    );
}

#[test]
fn variables_that_kubernetes_makes_are_ignored() {
    let config = read(
        LISTEN,
        &[
            ("TERCET_PORT", "tcp://10.0.0.1:7400"),
            ("TERCET_SERVICE_HOST", "10.0.0.1"),
            ("TERCET_PORT_7400_TCP_ADDR", "10.0.0.1"),
            ("TERCET_CLI_ENDPOINT", "http://a:1"),
            ("OTHER__LISTEN", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen, ListenAddress::loopback(7400));
}

#[test]
fn a_text_from_the_environment_may_look_like_anything() {
    for value in ["123456", "true", "1.5", "[1]", "0x1f", "2026-01-01"] {
        let config = read(LISTEN, &[("TERCET_LOG__PASSWORD", value)]).unwrap();
        assert_eq!(config.log.password, value);
    }
}

#[test]
fn numbers_booleans_and_lists_are_read_from_the_environment() {
    let config = read(
        LISTEN,
        &[
            ("TERCET_PARTICIPANTS__STOCK__MAX_IN_FLIGHT", "12"),
            ("TERCET_PARTICIPANTS__STOCK__BREAKER", "true"),
            (
                "TERCET_PARTICIPANTS__STOCK__ENDPOINTS",
                "http://a:1, http://b:2",
            ),
            ("TERCET_PARTICIPANTS__ORDER__ENDPOINTS", "[\"http://c:3\"]"),
            ("TERCET_LOG__LANES", "4"),
        ],
    )
    .unwrap();
    let stock = &config.participants["stock"];
    assert_eq!(stock.max_in_flight, 12);
    assert!(stock.breaker);
    assert_eq!(
        stock.endpoints,
        [Endpoint::http("a", 1), Endpoint::http("b", 2)]
    );
    assert_eq!(
        config.participants["order"].endpoints,
        [Endpoint::http("c", 3)]
    );
    assert_eq!(config.log.lanes, Some(4));
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let refused = |name, value| read(LISTEN, &[(name, value)]).unwrap_err();
    assert_eq!(
        refused("TERCET_PARTICIPANTS__STOCK__TIMEOUT", "abc"),
        "TERCET_PARTICIPANTS__STOCK__TIMEOUT: participants.stock.timeout: expected a duration such as \"3s\", found \"abc\""
    );
    assert_eq!(
        refused("TERCET_LOG__LANES", "many"),
        "TERCET_LOG__LANES: log.lanes: expected u8, found string \"many\""
    );
    assert_eq!(
        refused("TERCET_LOG__URI", "x"),
        "TERCET_LOG__URI: log.uri: unknown key, did you mean `url`?"
    );
}

#[test]
fn what_is_not_effective_yet_is_refused_by_name() {
    for (text, line) in [
        (
            "[tls]\nmode = \"server\"",
            "tercet.toml: tls.mode: \"server\" is not available in this version, only \"off\" is",
        ),
        (
            "[tls]\nmode = \"on\"",
            "tercet.toml: tls.mode: expected one of off, server, mutual, mesh, found \"on\"",
        ),
        (
            "[tls]\ncert = \"a.pem\"",
            "tercet.toml: tls.cert: is not effective in this version, remove the key",
        ),
        (
            "[access]\ntrusted_proxies = [\"10.0.0.0/8\"]",
            "tercet.toml: access.trusted_proxies: is not effective in this version, remove the key",
        ),
        (
            "[telemetry]\notlp_endpoint = \"https://a:1\"",
            "tercet.toml: telemetry.otlp_endpoint: expected http://HOST:PORT, found \"https://a:1\": TLS to the receiver is not available in this version",
        ),
        (
            "[alerts]\nwebhook = \"ftp://a/secret\"",
            "tercet.toml: alerts.webhook: expected a URL such as \"https://alerts.example/tercet\"",
        ),
    ] {
        assert_eq!(refusal(text), line);
    }
}

#[test]
fn the_shared_sections_have_their_defaults() {
    let config = read(&format!("{LISTEN}[tls]\nmode = \"off\"\n"), &[]).unwrap();
    assert_eq!(config.tls.mode, TlsMode::Off);
    assert!(config.access.tokens_file.is_none() && config.alerts.webhook.is_none());
    assert_eq!(config.telemetry.log.as_str(), "info");
    assert_eq!(config.telemetry.log_format, LogFormat::Text);
    assert!((config.telemetry.sample_ratio.get() - 0.01).abs() < f64::EPSILON);
}

#[test]
fn telemetry_values_are_checked() {
    assert_eq!(
        refusal("[telemetry]\nlog = \"loud\""),
        "tercet.toml: telemetry.log: expected a level such as \"info\" or a filter such as \"info,tercet_log=debug\", found \"loud\""
    );
    assert_eq!(
        refusal("[telemetry]\nlog_format = \"xml\""),
        "tercet.toml: telemetry.log_format: expected one of text, json, found \"xml\""
    );
    assert_eq!(
        refusal("[telemetry]\nsample_ratio = 2.0"),
        "tercet.toml: telemetry.sample_ratio: expected a number from 0 to 1, found 2"
    );
}

#[test]
fn addresses_are_parsed_at_the_border() {
    for good in ["127.0.0.1:0", "localhost:7400", "[::1]:7400", "a-b.c:65535"] {
        assert_eq!(good.parse::<ListenAddress>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "7400",
        ":7400",
        "::1:7400",
        "a:70000",
        "a b:1",
        "http://a:1",
        "[x]:1",
    ] {
        assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
    }
    for (given, shown) in [
        ("http://a:1", "http://a:1"),
        ("a:1", "http://a:1"),
        ("https://a", "https://a:443"),
        ("http://[::1]:7400/", "http://[::1]:7400"),
    ] {
        assert_eq!(given.parse::<Endpoint>().unwrap().to_string(), shown);
    }
    for bad in [
        "",
        "a",
        "ftp://a:1",
        "http://",
        "http://a:0",
        "http://a:1/path",
        "http://u@a:1",
    ] {
        assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
    }
}

#[test]
fn durations_are_bounded() {
    for (text, millis) in [("0s", 0), ("100ms", 100), ("3s", 3000), ("7d", 604_800_000)] {
        assert_eq!(
            text.parse::<ConfigDuration>().unwrap(),
            ConfigDuration::from_millis(millis)
        );
    }
    for bad in ["", "3", "s", "-1s", "20years"] {
        assert!(bad.parse::<ConfigDuration>().is_err(), "{bad}");
    }
}

#[test]
fn secrets_are_masked_where_values_are_shown() {
    let text = r#"
        [log]
        url = "mysql://tercet:p@ss/word@db:3306/tercet"
        password = "hunter2"
        [alerts]
        webhook_secret_file = "/run/secret"
    "#;
    let merged = Merged::parse(
        "tercet.toml",
        text,
        variables(&[("TERCET_ORDER__TOKEN", "abc123")]),
    )
    .unwrap();
    let shown = toml::to_string(&merged.masked()).unwrap();
    assert!(
        shown.contains("mysql://tercet:***@db:3306/tercet"),
        "{shown}"
    );
    assert!(shown.contains("/run/secret"), "{shown}");
    for secret in ["hunter2", "ss/word", "abc123"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn secrets_do_not_appear_in_errors() {
    let line = refusal("[log]\npassword = 123456");
    assert!(!line.contains("123456"), "{line}");
    let line = refusal("[participants.stock]\ntimeout = \"mysql://user:hunter2@a/b\"");
    assert!(!line.contains("hunter2"), "{line}");
    assert!(line.contains("mysql://user:***@a/b"), "{line}");
}

#[test]
fn urls_without_a_password_are_left_alone() {
    for text in [
        "http://a/b@c",
        "sqlite:data/x.db",
        "see http://127.0.0.1:7400 and https://[::1]:1/",
        "mysql://user@host/db",
    ] {
        assert_eq!(mask::mask_urls(text), text);
    }
}

#[test]
fn what_servers_share_is_left_alone_by_one_that_has_no_such_key() {
    let environment = [
        ("TERCET_ADVERTISE", "http://coordinator-1:7400"),
        ("TERCET_HTTP_LISTEN", "127.0.0.1:7401"),
        ("TERCET_LISTEN", "127.0.0.1:9"),
        ("TERCET_LOG__LANES", "2"),
    ];
    let config = read(LISTEN, &environment).unwrap();
    assert_eq!(config.listen, ListenAddress::loopback(9));
    assert_eq!(config.log.lanes, Some(2));
    // In the file it is somebody's mistake, with the variable or without.
    let text = format!("{LISTEN}advertise = \"http://coordinator-1:7400\"");
    for environment in [&environment[..], &[]] {
        let line = read(&text, environment).unwrap_err();
        assert!(
            line.starts_with("tercet.toml: advertise: unknown key"),
            "{line}"
        );
    }
    // A name with a table in it is meant for one server.
    let line = read(LISTEN, &[("TERCET_STORE__URL", "sqlite:a.db")]).unwrap_err();
    assert!(line.starts_with("TERCET_STORE__URL: "), "{line}");
}
