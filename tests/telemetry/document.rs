//! `docs/metrics.md` is what the code says, and the servers tell what it says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use tercet_service::metrics::{Definition, Kind};

use crate::harness::shop::Shop;
use crate::scrape::Scrape;

/// Set to anything, it writes the document instead of comparing it.
const WRITE: &str = "UPDATE_DOCS";

const HEAD: &str = "# Figures

What the servers tell Prometheus at `/metrics` of their HTTP side. This page is written from the code by
`UPDATE_DOCS=1 cargo test --test telemetry document`, and the test `tests/telemetry/document.rs` compares it with
the code and with what running servers tell.

Durations are in seconds, times in seconds since 1970 UTC. The values of labels are constants of the code or names of the
configuration, so that the number of series is known when a server starts. Counters begin with 0 when the process does.
`ops/grafana/tercet.json` is a dashboard of them, `ops/prometheus/alerts.yml` has alert rules.
";

const GROUPS: [(&str, &[&Definition]); 4] = [
    ("Every server", tercet_service::metrics::DEFINITIONS),
    ("The coordinator", tercet_coordinator::metrics::DEFINITIONS),
    (
        "The coordinator's webhook",
        tercet_service::webhook::DEFINITIONS,
    ),
    ("Participants", tercet_participant::metrics::DEFINITIONS),
];

/// The names of all figures.
pub(crate) fn names() -> Vec<String> {
    let all = GROUPS.iter().flat_map(|(_, definitions)| *definitions);
    all.map(|definition| definition.name.to_owned()).collect()
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (title, definitions) in GROUPS {
        write!(text, "\n## {title}\n").unwrap();
        for definition in definitions {
            let kind = definition.kind.name();
            write!(
                text,
                "\n### `{}`\n\n{kind}. {}\n",
                definition.name, definition.help
            )
            .unwrap();
            if !definition.labels.is_empty() {
                text.push('\n');
            }
            for label in definition.labels {
                writeln!(text, "- `{}`: {}", label.name, label.values).unwrap();
            }
            if let Kind::Histogram(buckets) = definition.kind {
                let bounds: Vec<String> = buckets.iter().map(ToString::to_string).collect();
                write!(text, "\nUpper bounds: {}\n", bounds.join(", ")).unwrap();
            }
        }
    }
    text
}

#[test]
fn the_document_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, document()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == document(),
        "docs/metrics.md: {WRITE}=1 writes it"
    );
}

#[test]
fn names_follow_the_conventions() {
    let mut seen = BTreeSet::new();
    for definition in GROUPS.iter().flat_map(|(_, definitions)| *definitions) {
        let name = definition.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(name.starts_with("tercet_"), "{name}");
        let is_total = name.ends_with("_total");
        assert_eq!(definition.kind == Kind::Counter, is_total, "{name}");
        for unit in ["_ms", "_millis", "_micros", "_minutes"] {
            assert!(!name.contains(unit), "{name} is in seconds");
        }
    }
}

/// Every figure that a server tells is in the document, and every one in the document is told by some server.
#[tokio::test]
async fn the_servers_tell_what_the_document_says() {
    let mut shop = Shop::start().await;
    let mut told = BTreeSet::new();
    for (name, groups) in [
        ("serve", [0, 1]),
        ("order", [0, 3]),
        ("points", [0, 3]),
        ("stock", [0, 3]),
    ] {
        let http = shop.slot(name).as_ref().unwrap().http.clone();
        let scrape = Scrape::of(&http).await;
        let types = scrape
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        for line in types {
            let (figure, kind) = line.split_once(' ').unwrap();
            let mut definitions = groups.iter().flat_map(|group| GROUPS[*group].1);
            let found = definitions.find(|definition| definition.name == figure);
            let found = found.unwrap_or_else(|| panic!("{name} tells {figure}"));
            assert_eq!(found.kind.name(), kind, "{figure}");
            told.insert(figure.to_owned());
        }
    }
    // These have no series before something happens, or need an outbox or a webhook.
    let later = |name: &str| {
        ["tercet_outbox_", "tercet_webhook_"]
            .iter()
            .any(|start| name.starts_with(start))
            || ["tercet_fence_verdicts_total", "tercet_hot_batch_calls"].contains(&name)
    };
    for name in names() {
        assert!(told.contains(&name) || later(&name), "nobody tells {name}");
    }
}
