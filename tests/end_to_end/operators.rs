//! What an operator does at the command line: to many at once, and what is recorded of it.

use serde_json::Value;
use tercet_proto::tercet::v1::{BeginTransactionRequest, TransactionOptions};

use crate::crashes::Pair;
use crate::harness::process::run;

/// Runs `tercet`, and gives its exit code and what it said, on either side.
async fn tercet(pair: &Pair, arguments: &[&str]) -> (i32, String, String) {
    let endpoint = pair.endpoint();
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--endpoint", &endpoint, "--as", "anna"])
        .collect();
    let output = run(&arguments, pair.folder.path()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The one document that a command prints.
async fn document(pair: &Pair, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let (code, stdout, stderr) = tercet(pair, &arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

async fn begin(pair: &Pair, gid: &str, batch: &str) {
    let options = TransactionOptions {
        labels: [("batch".to_owned(), batch.to_owned())].into(),
        ..TransactionOptions::default()
    };
    let request = BeginTransactionRequest {
        gid: gid.to_owned(),
        options: Some(options),
    };
    pair.client().begin_transaction(request).await.unwrap();
}

fn states(list: &Value) -> Vec<(String, String)> {
    let all = list["transactions"].as_array().unwrap();
    let mut states: Vec<(String, String)> = all
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            (text("gid"), text("state"))
        })
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn many_are_cancelled_by_a_filter_once_that_is_agreed_to() {
    let (pair, _coordinator) = Pair::new().await;
    for (gid, batch) in [("a", "1"), ("b", "1"), ("c", "2")] {
        begin(&pair, gid, batch).await;
    }
    let cancel = ["tx", "cancel", "--label", "batch=1", "--reason", "recalled"];

    let (code, _, stderr) = tercet(&pair, &cancel).await;
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("2 undecided"), "{stderr}");
    for wrong in [&["tx", "cancel"][..], &["tx", "cancel", "a", "--attention"]] {
        assert_eq!(tercet(&pair, wrong).await.0, 2, "{wrong:?}");
    }
    // What is decided can't be cancelled, so there is nothing to agree to.
    let decided = ["tx", "cancel", "--state", "confirming"];
    assert_eq!(tercet(&pair, &decided).await.0, 0);
    let trying = |gid: &str| (gid.to_owned(), "TRANSACTION_STATE_TRYING".to_owned());
    let list = document(&pair, &["tx", "list"]).await;
    assert_eq!(states(&list), ["a", "b", "c"].map(trying));

    let agreed: Vec<&str> = cancel.into_iter().chain(["--yes"]).collect();
    let done = document(&pair, &agreed).await;
    assert_eq!(done, serde_json::json!({"done": 2, "failed": 0}));
    let cancelled = |gid: &str| (gid.to_owned(), "TRANSACTION_STATE_CANCELLED".to_owned());
    let list = document(&pair, &["tx", "list"]).await;
    assert_eq!(states(&list), [cancelled("a"), cancelled("b"), trying("c")]);

    // What is undecided can't be parked, so it isn't among those that are.
    let parked = document(&pair, &["tx", "park", "--label", "batch=2", "--yes"]).await;
    assert_eq!(parked, serde_json::json!({"done": 0, "failed": 0}));

    // Who, why, before and after.
    let audit = document(&pair, &["audit", "--gid", "a"]).await;
    let [record] = audit["records"].as_array().unwrap().as_slice() else {
        panic!("{audit}");
    };
    for (name, value) in [
        ("who", "anna (unverified)"),
        ("action", "CancelTransaction"),
        ("reason", "recalled"),
        ("before", "TRYING"),
        ("after", "CANCELLED"),
    ] {
        assert_eq!(record[name], value, "{record}");
    }
}

#[tokio::test]
async fn a_participant_is_paused_and_resumed_and_the_table_says_so() {
    let (pair, _coordinator) = Pair::new().await;
    let paused = document(&pair, &["participants", "pause", "p", "--reason", "moving"]).await;
    assert_eq!(paused["participant"]["pausedBy"], "anna (unverified)");
    let (code, table, _) = tercet(&pair, &["participants"]).await;
    assert_eq!(code, 0);
    for word in ["NAME", "paused by anna (unverified): moving", "act("] {
        assert!(table.contains(word), "no {word} in\n{table}");
    }
    assert_eq!(tercet(&pair, &["participants", "resume", "p"]).await.0, 0);
    let nobody = ["participants", "pause", "nobody"];
    assert_eq!(tercet(&pair, &nobody).await.0, 3);

    let (code, table, _) = tercet(&pair, &["audit", "--participant", "p"]).await;
    assert_eq!(code, 0);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    assert!(has(lines[0], &["WHO", "BEFORE", "AFTER", "REASON"]));
    assert!(has(lines[1], &["ResumeParticipant", "paused", "calling"]));
    assert!(has(lines[2], &["PauseParticipant", "calling", "moving"]));
}

#[tokio::test]
async fn whatever_prints_data_prints_a_document_when_asked() {
    let (pair, coordinator) = Pair::new().await;
    let config = ["--config", "coordinator.toml"];
    let said = |name: &str, words: &[&'static str]| {
        let words: Vec<&str> = words.iter().copied().chain(config).collect();
        (name.to_owned(), words)
    };
    let (_, check) = said("check", &["config", "check"]);
    let checked = document(&pair, &check).await;
    assert_eq!(checked["ok"], true);
    let (_, show) = said("show", &["config", "show"]);
    let shown = document(&pair, &show).await;
    assert!(
        shown["participants"]["p"]["endpoints"].is_array(),
        "{shown}"
    );
    assert_eq!(document(&pair, &["probe"]).await["serving"], true);
    // The participant of this test has no fence to compare with.
    let reconcile = ["reconcile", "--settle", "10ms", "--json"];
    let (_, stdout, _) = tercet(&pair, &reconcile).await;
    let compared: Value = serde_json::from_str(&stdout).unwrap();
    assert!(compared["findings"].is_array(), "{compared}");
    coordinator.kill().await;

    let (code, stdout, _) = tercet(&pair, &["probe", "--json"]).await;
    assert_eq!(code, 1);
    let probed: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(probed["serving"], false);
    let (_, migrate) = said("migrate", &["migrate"]);
    let migrated = document(&pair, &migrate).await;
    assert_eq!(
        (&migrated["found"], &migrated["migrated"]),
        (&"current".into(), &false.into())
    );
}
