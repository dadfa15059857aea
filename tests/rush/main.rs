//! The flash sale in small, with processes killed on the way, on both databases: exactly the stock sold, one piece a buyer,
//! every loser told why, every sum right. And the shop's commands against a system that runs.
//!
//! `tercet shop rush` is the long form. `TERCET_TEST_SEED=N` repeats a run's plan.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod commands;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tercet_test_databases::Server;

/// What the harness makes its databases on, where a test asks it to.
const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;

/// A bound against hanging: hundreds of orders and some restarts, on a machine with better things to do.
const PATIENCE: Duration = Duration::from_mins(5);

async fn rush(more: &[&str]) -> (Output, Value) {
    let seed =
        std::env::var("TERCET_TEST_SEED").unwrap_or_else(|_| rand::random::<u32>().to_string());
    let folder = TempDir::new().unwrap();
    let mut arguments = vec!["shop", "rush", "--json", "--seed", &seed];
    arguments.extend(more);
    let running = tokio::process::Command::new(harness::process::TERCET)
        .args(&arguments)
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running).await;
    let output = output
        .unwrap_or_else(|_| panic!("{arguments:?} hangs"))
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"));
    (output, document)
}

/// What a rush must have come to, whatever was killed.
fn holds((output, document): (Output, Value), users: u64, stock: u64, kills: usize) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{document:#}\n{said}");
    assert_eq!(document["right"], true, "{document:#}");
    assert_eq!(
        document["killed"].as_array().unwrap().len(),
        kills,
        "{document:#}"
    );
    let checks = document["checks"].as_array().unwrap();
    let found = |what: &str| {
        let check = checks.iter().find(|check| check["what"] == what);
        check.unwrap_or_else(|| panic!("{what} isn't checked"))["found"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(found("pieces sold"), stock);
    assert_eq!(found("pieces left"), 0);
    assert_eq!(found("buyers with an order"), stock);
    assert_eq!(found("orders paid"), stock);
    let outcomes = document["outcomes"].as_array().unwrap();
    let all: u64 = outcomes
        .iter()
        .map(|line| line["count"].as_u64().unwrap())
        .sum();
    assert_eq!(all, document["submissions"].as_u64().unwrap());
    assert!(all > users, "some submit twice: {document:#}");
    let sold_out = outcomes.iter().any(|line| {
        let what = line["what"].as_str().unwrap();
        what.contains("OUT_OF_STOCK") && line["count"].as_u64().unwrap() > 0
    });
    assert!(sold_out, "{document:#}");
    let (winners, losers) = document["buyers"]
        .as_array()
        .and_then(|buyers| buyers.split_first())
        .unwrap();
    assert_eq!(winners["what"], "has an order");
    assert_eq!(winners["count"], stock);
    let told = losers.iter().map(|line| {
        let what = line["what"].as_str().unwrap();
        assert!(what.starts_with("refused by "), "{document:#}");
        line["count"].as_u64().unwrap()
    });
    assert_eq!(told.sum::<u64>(), users - stock, "{document:#}");
}

const SMALL: [&str; 10] = [
    "--users",
    "300",
    "--stock",
    "40",
    "--duplicates",
    "20",
    "--in-flight",
    "32",
    "--kill",
    "4",
];

#[tokio::test]
async fn a_rush_on_files_sells_every_piece_once_whoever_is_killed() {
    holds(rush(&SMALL).await, 300, 40, 4);
}

#[tokio::test]
async fn a_rush_on_mariadb_sells_every_piece_once_whoever_is_killed() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let url = server.url();
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--database", &url]);
    holds(rush(&arguments).await, 300, 40, 4);
}

#[tokio::test]
async fn with_more_pieces_than_buyers_everybody_gets_one() {
    let few = ["--users", "20", "--stock", "30", "--duplicates", "0"];
    let (output, document) = rush(&few).await;
    assert!(output.status.success(), "{document:#}");
    assert_eq!(document["outcomes"][0]["what"], "placed");
    assert_eq!(document["outcomes"][0]["count"], 20);
    assert_eq!(document["outcomes"].as_array().unwrap().len(), 1);
}
