//! The runbook has a section for each alert and each cause, and each of these has its alert.

use std::collections::BTreeSet;

use crate::documents::{headings, slug};
use crate::repository::{File, all, holds};

const RUNBOOK: &str = "docs/runbook.md";
const RULES: &str = "ops/prometheus/alerts.yml";
const CAUSES: &str = "coordinator/src/alerts/cause.rs";

/// Each alert of the rules with its `runbook_url`; empty where it has none.
fn alerts(rules: &str) -> Vec<(String, String)> {
    let mut alerts: Vec<(String, String)> = Vec::new();
    for line in rules.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert:") {
            alerts.push((name.trim().to_owned(), String::new()));
        } else if let Some(url) = line.strip_prefix("runbook_url:")
            && let Some((_, last)) = alerts.last_mut()
        {
            url.trim().trim_matches('"').clone_into(last);
        }
    }
    alerts
}

/// The names in `Self::Refused => "refused",`.
fn causes(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter_map(|line| {
            let (_, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
            Some(name.trim_end_matches("\",").to_owned())
        })
        .collect()
}

fn faults(runbook: &str, rules: &str, causes: &BTreeSet<String>) -> Vec<String> {
    let alerts = alerts(rules);
    let sections: BTreeSet<String> = headings(runbook).map(str::to_owned).collect();
    let mut faults = Vec::new();
    for (name, url) in &alerts {
        if !sections.contains(name) {
            faults.push(format!("{RUNBOOK} has no section {name}"));
        }
        let expected = format!("{RUNBOOK}#{}", slug(name));
        if *url != expected {
            faults.push(format!(
                "{name}: runbook_url is \"{url}\", not \"{expected}\""
            ));
        }
    }
    for cause in causes {
        if !sections.contains(&format!("Cause {cause}")) {
            faults.push(format!("{RUNBOOK} has no section \"Cause {cause}\""));
        }
    }
    for section in &sections {
        let is_alert = alerts.iter().any(|(name, _)| name == section);
        let is_cause = section
            .strip_prefix("Cause ")
            .is_some_and(|cause| causes.contains(cause));
        let claims = section.starts_with("Tercet") || section.starts_with("Cause ");
        if claims && !is_alert && !is_cause {
            faults.push(format!("{RUNBOOK}: nothing raises {section}"));
        }
    }
    faults
}

#[test]
fn the_rule_bites() {
    let rules = "- alert: TercetA\n  annotations:\n    runbook_url: \"docs/runbook.md#terceta\"\n\
                 - alert: TercetB\n- alert: TercetC\n    runbook_url: \"docs/runbook.md#tercetb\"";
    let source = "Self::Refused => \"refused\",\n        Self::Other => \"other\",\nSelf::Refused,";
    let causes = causes(source);
    assert_eq!(causes.len(), 2);
    let runbook = "## TercetA\n### TercetC\n### TercetGone\n```\n### TercetB\n```\n## Cause refused\n## Cause lost\n## Force";

    assert_eq!(
        faults(runbook, rules, &causes),
        [
            "docs/runbook.md has no section TercetB",
            "TercetB: runbook_url is \"\", not \"docs/runbook.md#tercetb\"",
            "TercetC: runbook_url is \"docs/runbook.md#tercetb\", not \"docs/runbook.md#tercetc\"",
            "docs/runbook.md has no section \"Cause other\"",
            "docs/runbook.md: nothing raises Cause lost",
            "docs/runbook.md: nothing raises TercetGone",
        ]
    );
}

#[test]
fn each_alert_has_its_section_and_each_section_its_alert() {
    let files = all();
    let text = |path: &str| -> &str {
        let found = files.iter().find(|file: &&File| file.path == path);
        &found.unwrap_or_else(|| panic!("{path} is missing")).text
    };
    let causes = causes(text(CAUSES));
    assert!(
        causes.len() > 3,
        "{CAUSES} names its causes otherwise: {causes:?}"
    );
    assert!(
        alerts(text(RULES)).len() > 10,
        "{RULES} is written otherwise"
    );
    holds(
        "each alert and cause has its section in the runbook, and each section its alert",
        &faults(text(RUNBOOK), text(RULES), &causes),
    );
}
