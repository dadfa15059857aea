//! Starting, refusing to start, draining and stopping.

use tempfile::TempDir;
use tercet_proto::tercet::v1::TransactionState;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::crashes::{Pair, execute};
use crate::harness::process::{Server, run};
use crate::harness::{queries, until};

async fn fails_to_start(file: &str, folder: &TempDir) -> String {
    std::fs::write(folder.path().join("bad.toml"), file).unwrap();
    let output = run(&["serve", "--config", "bad.toml"], folder.path()).await;
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line:\n{stderr}");
    stderr
}

fn config(more: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = \"sqlite:coordinator.db\"\n{more}"
    )
}

#[tokio::test]
async fn a_bad_configuration_is_one_clear_line_that_names_the_key() {
    let folder = TempDir::new().unwrap();
    let verbs = "[participants.p]\nendpoints = [\"http://127.0.0.1:1\"]\n[participants.p.actions]\nact = { service = \"a.B\", verbs = [\"try\"] }";
    let cases = [
        ("this is no TOML".to_owned(), "bad.toml"),
        (config("[retry]\nintial = \"1s\""), "retry.intial"),
        (config("[retry]\nmax = \"soon\""), "retry.max"),
        (config("[limits]\nbranches = -1"), "limits.branches"),
        (config(verbs), "act"),
    ];
    for (file, key) in cases {
        let line = fails_to_start(&file, &folder).await;
        assert!(line.contains(key), "{line}");
    }
    let missing = run(&["serve", "--config", "missing.toml"], folder.path()).await;
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing.toml"));
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = fails_to_start(&config("").replacen("127.0.0.1:0", &address, 1), &folder).await;
    assert!(line.contains(&address), "{line}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    // Not even root can make a folder there.
    let line = fails_to_start(
        &config("").replace("sqlite:", "sqlite:/proc/tercet/"),
        &folder,
    )
    .await;
    assert!(line.contains("/proc/tercet"), "{line}");
}

#[tokio::test]
async fn a_second_coordinator_on_one_file_names_the_holder() {
    let (pair, coordinator) = Pair::new().await;
    let line = fails_to_start(&config(""), &pair.folder).await;
    assert!(line.contains("coordinator.db"), "{line}");
    assert!(
        line.contains("pid") || line.contains(&coordinator.grpc),
        "it names the holder: {line}"
    );
}

#[tokio::test]
async fn a_drain_answers_what_is_known_and_refuses_what_is_new() {
    let (pair, coordinator) = Pair::with("30s", "[limits]\ndrain_grace = \"50s\"\n").await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 1)).await });
    let unanswered = pair.participant.expect("try").await;

    coordinator.terminate();

    // Without branches it can't begin by chance before the signal has arrived; then its shape is what is refused.
    let status = until("a refusal of what is new", || async {
        pair.client()
            .execute_transaction(execute("g-2", 0))
            .await
            .err()
            .filter(|status| status.code() == Code::Unavailable)
    })
    .await;
    assert_eq!(status.get_details_error_info().unwrap().reason, "DRAINING");
    assert_eq!(
        pair.get("g-1").await.unwrap().state(),
        TransactionState::Trying
    );
    unanswered.done();
    let decided = executing
        .await
        .unwrap()
        .unwrap()
        .into_inner()
        .transaction
        .unwrap();
    assert_eq!(
        decided.state(),
        TransactionState::Confirming,
        "what had begun gets its decision"
    );
    let (status, rest) = pair.participant.answering(coordinator.ended()).await;
    assert_eq!(status.code(), Some(0));
    assert!(
        rest.is_empty(),
        "standard output has the ready line and nothing else: {rest:?}"
    );
}

#[tokio::test]
async fn what_is_not_done_when_the_grace_period_ends_is_left_for_the_next_start() {
    let (pair, coordinator) = Pair::with("30s", "[limits]\ndrain_grace = \"1ms\"\n").await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 1)).await });
    let _unanswered = pair.participant.expect("try").await;
    coordinator.terminate();
    let status = executing.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(coordinator.ended().await.0.code(), Some(0));
    assert_eq!(queries::transactions(pair.folder.path()).await, 1);

    let _coordinator = pair.coordinator().await;
    let ended = pair.participant.answering(pair.ended("g-1")).await;
    assert_eq!(ended.state(), TransactionState::Confirmed);
}

#[tokio::test]
async fn migrate_is_safe_to_run_twice_and_at_the_same_time() {
    let (pair, coordinator) = Pair::new().await;
    coordinator.kill().await;
    std::fs::remove_file(pair.folder.path().join("coordinator.db")).unwrap();
    let migrate = || {
        run(
            &["migrate", "--config", "coordinator.toml"],
            pair.folder.path(),
        )
    };
    let (one, two, three) = tokio::join!(migrate(), migrate(), migrate());
    for output in [one, two, three, migrate().await] {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let coordinator = Server::start(
        &["serve", "--config", "coordinator.toml"],
        pair.folder.path(),
    )
    .await;
    assert!(
        !coordinator.http.is_empty() && coordinator.url().starts_with("http://"),
        "{}",
        coordinator.said()
    );
}
