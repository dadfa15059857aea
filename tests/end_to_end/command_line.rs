//! The command `tercet` as an operator and a script use it.

use crate::crashes::{Pair, execute};
use crate::harness::process::run;
use crate::harness::shop::free_port;

async fn tercet(pair: &Pair, arguments: &[&str]) -> (i32, String, String) {
    let endpoint = pair.endpoint();
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--endpoint", &endpoint])
        .collect();
    let output = run(&arguments, pair.folder.path()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn execute_show_list_and_status_speak_json() {
    let (pair, _coordinator) = Pair::new().await;
    let request = r#"{"gid":"g-1","waitFor":"WAIT_FOR_COMPLETION","branches":[{"id":"1","participant":"p","action":"act","message":"cGF5bG9hZA=="}]}"#;
    std::fs::write(pair.folder.path().join("request.json"), request).unwrap();

    let executed = pair
        .participant
        .answering(tercet(&pair, &["tx", "execute", "request.json", "--json"]))
        .await;
    assert_eq!(executed.0, 0, "{}", executed.2);
    let document: serde_json::Value = serde_json::from_str(&executed.1).unwrap();
    assert_eq!(
        document["transaction"]["state"], "TRANSACTION_STATE_CONFIRMED",
        "{document}"
    );

    for arguments in [
        &["tx", "show", "g-1", "--json"][..],
        &["tx", "list", "--json"],
        &["status", "--json"],
        &["participants", "--json"],
    ] {
        let (code, stdout, stderr) = tercet(&pair, arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert!(document.is_object(), "{arguments:?}: one document");
    }
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let (pair, _coordinator) = Pair::new().await;
    assert_eq!(tercet(&pair, &["tx", "show", "unknown"]).await.0, 3);
    assert_eq!(
        tercet(&pair, &["tx", "cancel", "unknown"]).await.0,
        3,
        "it looks first"
    );
    assert_eq!(tercet(&pair, &["tx", "no-such-command"]).await.0, 2);
    let nowhere = format!("127.0.0.1:{}", free_port());
    assert_eq!(
        run(&["status", "--endpoint", &nowhere], pair.folder.path())
            .await
            .status
            .code(),
        Some(1)
    );

    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 1)).await });
    pair.participant
        .expect("try")
        .await
        .fail(tonic::Status::failed_precondition("no"));
    executing.await.unwrap().unwrap();
    let watched = pair
        .participant
        .answering(tercet(&pair, &["tx", "watch", "g-1"]))
        .await;
    assert_eq!(watched.0, 4, "the transaction was cancelled: {}", watched.2);
}

#[tokio::test]
async fn colours_are_only_for_terminals() {
    let (pair, _coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executed = client.execute_transaction(execute("g-1", 2));
    pair.participant.answering(executed).await.unwrap();
    for arguments in [
        &["tx", "show", "g-1"][..],
        &["tx", "list"],
        &["status"],
        &["participants"],
    ] {
        let (code, stdout, _) = tercet(&pair, arguments).await;
        assert_eq!(code, 0);
        assert!(
            !stdout.is_empty() && !stdout.contains('\u{1b}'),
            "{arguments:?}: {stdout}"
        );
    }
}

#[tokio::test]
async fn probe_tells_whether_the_coordinator_serves() {
    let (pair, coordinator) = Pair::new().await;
    assert_eq!(tercet(&pair, &["probe"]).await.0, 0);
    coordinator.kill().await;
    assert_eq!(tercet(&pair, &["probe"]).await.0, 1);
}

#[tokio::test]
async fn the_demo_runs_four_orders_and_proves_the_sums() {
    let folder = tempfile::TempDir::new().unwrap();
    let output = run(&["demo"], folder.path()).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{stdout}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in ["CONFIRMED", "CANCELLED"] {
        assert!(stdout.contains(word), "{stdout}");
    }
}

/// A benchmark asserts nothing; what is held here is that it runs, and what it measures.
#[tokio::test]
async fn bench_measures_the_floor_and_a_coordinator_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "bench",
        "--rounds",
        "1",
        "--turn",
        "100ms",
        "--in-flight",
        "2,4",
        "--json",
    ];
    let output = run(&arguments, folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let series = document["series"].as_array().unwrap();
    let subjects: Vec<_> = series
        .iter()
        .map(|one| {
            (
                one["subject"].as_str().unwrap(),
                one["in_flight"].as_u64().unwrap(),
            )
        })
        .collect();
    let (floor, sqlite) = ("floor, no log", "coordinator, SQLite");
    assert_eq!(subjects, [(floor, 2), (sqlite, 2), (floor, 4), (sqlite, 4)]);
    for one in series {
        assert!(one["per_second"]["median"].as_f64().unwrap() > 0.0, "{one}");
        assert!(one["p50_micros"].as_f64().unwrap() > 0.0, "{one}");
    }
}

#[tokio::test]
async fn bench_measures_the_same_coordinator_with_telemetry_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "bench",
        "--telemetry",
        "--rounds",
        "1",
        "--turn",
        "100ms",
        "--in-flight",
        "2",
        "--json",
    ];
    let output = run(&arguments, folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let series = document["series"].as_array().unwrap();
    let ratios: Vec<_> = series.iter().map(|one| one["to_plain"].as_f64()).collect();
    assert!(
        matches!(ratios[..], [None, None, Some(ratio)] if ratio > 0.0),
        "{document}"
    );
    assert!(document["trace_exports"].is_u64(), "{document}");
}

#[tokio::test]
async fn bench_measures_what_a_bad_participant_does_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "bench",
        "--isolation",
        "--rounds",
        "1",
        "--turn",
        "100ms",
        "--in-flight",
        "2",
        "--json",
    ];
    let output = run(&arguments, folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let series = document["series"].as_array().unwrap();
    let fourth: Vec<_> = series
        .iter()
        .map(|one| one["fourth"].as_str().unwrap())
        .collect();
    assert_eq!(fourth, ["well", "dead", "slow"]);
    for one in series {
        assert!(
            one["p99_to_well"]["median"].as_f64().unwrap() > 0.0,
            "{one}"
        );
    }
}
