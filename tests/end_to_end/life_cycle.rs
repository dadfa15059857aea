//! Draining, stopping, and bringing the tables up to date.

use tempfile::TempDir;
use tercet_proto::tercet::v1::TransactionState;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::crashes::{Pair, execute};
use crate::harness::databases::Databases;
use crate::harness::process::{Server, run};
use crate::harness::shop::{coordinator_file, free_port};
use crate::harness::{queries, until};

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
    let folder = TempDir::new().unwrap();
    let databases = Databases::new(folder.path()).await;
    coordinator_file(folder.path(), free_port(), &databases, "");
    let migrate = || run(&["migrate", "--config", "coordinator.toml"], folder.path());
    let (one, two, three) = tokio::join!(migrate(), migrate(), migrate());
    for output in [one, two, three, migrate().await] {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let arguments = ["serve", "--config", "coordinator.toml"];
    let coordinator = Server::start(&arguments, folder.path()).await;
    assert!(
        !coordinator.http.is_empty() && coordinator.url().starts_with("http://"),
        "{}",
        coordinator.said()
    );
}
