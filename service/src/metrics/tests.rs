//! The registry and its text.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

const CALLS: Definition = Definition::histogram(
    "tercet_test_duration_seconds",
    "How long.",
    SECONDS,
    &[Label {
        name: "phase",
        values: "`try`",
    }],
);
const THINGS: Definition = Definition::counter("tercet_test_things_total", "Things.", &[]);

#[test]
fn figures_are_rendered_as_prometheus_reads_them() {
    let metrics = Metrics::new();
    let calls = metrics.histograms(&CALLS).with_label_values(&["try"]);
    calls.observe(0.003);
    calls.observe(400.0);
    metrics.counter(&THINGS).inc_by(3);

    let text = metrics.render();
    for line in [
        "# TYPE tercet_test_duration_seconds histogram",
        "tercet_test_duration_seconds_bucket{phase=\"try\",le=\"0.0025\"} 0",
        "tercet_test_duration_seconds_bucket{phase=\"try\",le=\"0.005\"} 1",
        "tercet_test_duration_seconds_bucket{phase=\"try\",le=\"+Inf\"} 2",
        "tercet_test_duration_seconds_count{phase=\"try\"} 2",
        "# HELP tercet_test_things_total Things.",
        "tercet_test_things_total 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn two_servers_of_one_process_count_for_themselves() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.counter(&THINGS).inc();
    other.counter(&THINGS);
    assert!(one.render().contains("tercet_test_things_total 1"));
    assert!(other.render().contains("tercet_test_things_total 0"));
}
