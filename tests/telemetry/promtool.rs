//! What Prometheus reads, read by its own tool: the figures of every server, the alert rules with their tests, and every
//! expression of the dashboard.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tercet_test_databases::{fetch, or_skip};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::document::names;
use crate::harness::patiently;
use crate::harness::shop::Shop;
use crate::scrape::Scrape;

const RULES: &str = "ops/prometheus/alerts.yml";
const TESTS: &str = "ops/prometheus/alerts.test.yml";
const DASHBOARD: &str = "ops/grafana/tercet.json";

async fn promtool() -> Option<PathBuf> {
    let fetched = tokio::task::spawn_blocking(fetch::promtool);
    or_skip(patiently("promtool", fetched).await.unwrap())
}

/// Runs it in the repository's root; what it said, unless it is content.
async fn fault(program: &Path, arguments: &[&str], input: &str) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = patiently("promtool", child.wait_with_output())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn the_figures_of_every_server_are_as_prometheus_wants_them() {
    let Some(promtool) = promtool().await else {
        return;
    };
    let mut shop = Shop::start().await;
    for name in ["serve", "order", "points", "stock"] {
        let http = shop.slot(name).as_ref().unwrap().http.clone();
        let text = Scrape::of(&http).await.text;
        let fault = fault(&promtool, &["check", "metrics"], &text).await;
        assert_eq!(fault, None, "{name}");
    }
    let bad = "# TYPE tercet_things counter\ntercet_things 1\n";
    let fault = fault(&promtool, &["check", "metrics"], bad).await;
    assert!(fault.is_some(), "it would have found something");
}

#[tokio::test]
async fn the_alert_rules_are_rules_and_fire_when_they_should() {
    let Some(promtool) = promtool().await else {
        return;
    };
    assert_eq!(fault(&promtool, &["check", "rules", RULES], "").await, None);
    assert_eq!(fault(&promtool, &["test", "rules", TESTS], "").await, None);
}

/// Every expression of the dashboard.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if name == "expr" => found.push(text.to_owned()),
                    _ => expressions(field, found),
                }
            }
        }
        serde_json::Value::Array(values) => {
            for value in values {
                expressions(value, found);
            }
        }
        _ => {}
    }
}

fn dashboard() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(DASHBOARD);
    let value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut found = Vec::new();
    expressions(&value, &mut found);
    assert!(found.len() > 10, "{found:?}");
    found
}

#[tokio::test]
async fn every_expression_of_the_dashboard_is_one() {
    let Some(promtool) = promtool().await else {
        return;
    };
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, expression) in dashboard().iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m");
        let expression = serde_json::to_string(&expression).unwrap();
        writeln!(
            rules,
            "  - record: dashboard:{number}\n    expr: {expression}"
        )
        .unwrap();
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, rules).unwrap();
    let arguments = ["check", "rules", file.to_str().unwrap()];
    assert_eq!(fault(&promtool, &arguments, "").await, None);
}

/// The figures that a text asks for.
fn asked(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("tercet_"))
        .collect()
}

#[test]
fn dashboard_and_rules_ask_for_figures_that_exist() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES);
    let rules = fs::read_to_string(rules).unwrap();
    let dashboard = dashboard().join("\n");
    let known = names();
    for word in asked(&rules).into_iter().chain(asked(&dashboard)) {
        let is_known = known.iter().any(|name| {
            let rest = word.strip_prefix(name.as_str());
            rest.is_some_and(|rest| ["", "_bucket", "_count", "_sum"].contains(&rest))
        });
        assert!(is_known, "there is no figure {word}");
    }
}

#[test]
fn every_alert_is_seen_to_fire() {
    let read = |file: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::read_to_string(file).unwrap()
    };
    let (rules, tests) = (read(RULES), read(TESTS));
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for alert in alerts {
        count += 1;
        let (_, after) = tests
            .split_once(&format!("alertname: {alert}\n        exp_alerts:"))
            .unwrap_or_else(|| panic!("{TESTS} never sees {alert} fire"));
        assert!(after.trim_start().starts_with("- exp_labels:"), "{alert}");
    }
    assert!(count > 10, "{count}");
}
