//! The gid is an idempotency key, at every state: the same one again is the same transaction with the same answer.

use tercet_proto::tercet::v1::{
    BeginTransactionRequest, CancelTransactionRequest, ExecuteTransactionRequest, Transaction,
    TransactionOptions, TransactionState, TryOrder, WaitFor,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::crashes::{Pair, execute};
use crate::harness::queries;

fn to_completion(gid: &str, count: usize) -> ExecuteTransactionRequest {
    ExecuteTransactionRequest {
        wait_for: WaitFor::Completion.into(),
        ..execute(gid, count)
    }
}

async fn completed(pair: &Pair, gid: &str) -> Transaction {
    let mut client = pair.client();
    let executed = client.execute_transaction(to_completion(gid, 2));
    pair.participant
        .answering(executed)
        .await
        .unwrap()
        .into_inner()
        .transaction
        .unwrap()
}

#[tokio::test]
async fn twenty_at_once_are_one_transaction_with_one_answer() {
    let (pair, _coordinator) = Pair::new().await;
    let all = futures::future::join_all((0..20).map(|_| completed_by_others(&pair)));
    let answers = pair.participant.answering(all).await;
    assert_eq!(answers[0].state(), TransactionState::Confirmed);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(answers[0].attempts.len(), 4, "nothing is called twice");
    assert_eq!(queries::transactions(pair.folder.path()).await, 1);
}

async fn completed_by_others(pair: &Pair) -> Transaction {
    let answer = pair
        .client()
        .execute_transaction(to_completion("g-1", 2))
        .await;
    answer.unwrap().into_inner().transaction.unwrap()
}

#[tokio::test]
async fn the_same_gid_later_and_after_a_restart_answers_the_same() {
    let (pair, coordinator) = Pair::new().await;
    let first = completed(&pair, "g-1").await;
    assert_eq!(completed_by_others(&pair).await, first);

    coordinator.kill().await;
    let _coordinator = pair.coordinator().await;

    assert_eq!(completed_by_others(&pair).await, first);
}

#[tokio::test]
async fn other_content_is_a_conflict_at_every_state_and_headers_are_not_content() {
    let (pair, _coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(to_completion("g-1", 2)).await });
    let tries = [
        pair.participant.expect("try").await,
        pair.participant.expect("try").await,
    ];
    let conflicts = || async {
        let other_branches = execute("g-1", 3);
        let options = TransactionOptions {
            try_order: TryOrder::Sequential.into(),
            ..TransactionOptions::default()
        };
        let other_order = ExecuteTransactionRequest {
            options: Some(options),
            ..execute("g-1", 2)
        };
        for other in [other_branches, other_order] {
            let status = pair.client().execute_transaction(other).await.unwrap_err();
            assert_eq!(status.code(), Code::AlreadyExists);
            assert_eq!(
                status.get_details_error_info().unwrap().reason,
                "GID_CONFLICT"
            );
        }
        let begin = BeginTransactionRequest {
            gid: "g-1".into(),
            options: None,
        };
        let status = pair.client().begin_transaction(begin).await.unwrap_err();
        assert_eq!(
            status.get_details_error_info().unwrap().reason,
            "GID_CONFLICT"
        );
    };
    conflicts().await;
    tries
        .into_iter()
        .for_each(crate::harness::scripted::Call::done);
    pair.participant
        .answering(executing)
        .await
        .unwrap()
        .unwrap();
    conflicts().await;

    let mut options = TransactionOptions::default();
    options.headers.insert("tenant".into(), "blue".into());
    let same = ExecuteTransactionRequest {
        options: Some(options),
        ..execute("g-1", 2)
    };
    assert!(pair.client().execute_transaction(same).await.is_ok());
}

#[tokio::test]
async fn a_cancel_that_comes_before_its_begin_is_remembered() {
    let (pair, coordinator) = Pair::new().await;
    let cancel = || CancelTransactionRequest {
        gid: "g-1".into(),
        ..CancelTransactionRequest::default()
    };
    let first = pair
        .client()
        .cancel_transaction(cancel())
        .await
        .unwrap()
        .into_inner();
    assert!(first.was_unknown);
    assert_eq!(
        first.transaction.unwrap().state(),
        TransactionState::Cancelled
    );

    coordinator.kill().await;
    let _coordinator = pair.coordinator().await;

    assert!(
        pair.client()
            .cancel_transaction(cancel())
            .await
            .unwrap()
            .into_inner()
            .was_unknown
    );
    let begun = pair
        .client()
        .execute_transaction(execute("g-1", 2))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        begun.transaction.unwrap().state(),
        TransactionState::Cancelled,
        "whatever its content"
    );
}
