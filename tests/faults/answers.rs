//! What clients were told. An answer that was given once stands for ever: any other answer for the same transaction,
//! at once, after a crash or at the end, is the failure that these tests look for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{GetTransactionRequest, Transaction, TransactionState};
use tokio::sync::watch;
use tonic::transport::Channel;

use crate::harness::until;

/// A decision as a client heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Confirm,
    Cancel,
}

impl Told {
    /// The decision that a transaction shows; none while it is undecided.
    pub(crate) fn of(transaction: &Transaction) -> Option<Self> {
        match transaction.state() {
            TransactionState::Confirming | TransactionState::Confirmed => Some(Self::Confirm),
            TransactionState::Cancelling | TransactionState::Cancelled => Some(Self::Cancel),
            TransactionState::Trying => None,
            TransactionState::Unspecified => {
                panic!("a transaction without a state: {transaction:?}")
            }
        }
    }
}

/// Every answer by gid.
pub(crate) struct Answers {
    told: Mutex<BTreeMap<String, Told>>,
    /// Calls that were answered, for those who wait for progress.
    count: watch::Sender<usize>,
    /// Calls that failed and were repeated.
    failures: watch::Sender<usize>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self {
            told: Mutex::default(),
            count: watch::Sender::new(0),
            failures: watch::Sender::new(0),
        }
    }

    /// A client was told so.
    pub(crate) fn told(&self, gid: &str, told: Told) {
        let before = self.told.lock().unwrap().insert(gid.to_owned(), told);
        assert!(
            before.is_none_or(|before| before == told),
            "{gid}: told {before:?} before and {told:?} now"
        );
        self.count.send_modify(|count| *count += 1);
    }

    /// A call failed; its client repeats it.
    pub(crate) fn failed(&self) {
        self.failures.send_modify(|count| *count += 1);
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub(crate) fn failures(&self) -> usize {
        *self.failures.borrow()
    }

    /// Waits until so many more calls are answered than `since`.
    pub(crate) async fn reach(&self, since: usize, more: usize) {
        let mut count = self.count.subscribe();
        count
            .wait_for(|count| *count >= since + more)
            .await
            .unwrap();
    }

    /// Waits until so many more calls have failed than `since`.
    pub(crate) async fn reach_failures(&self, since: usize, more: usize) {
        let mut failures = self.failures.subscribe();
        failures
            .wait_for(|count| *count >= since + more)
            .await
            .unwrap();
    }

    /// What each client was told.
    pub(crate) fn all(&self) -> BTreeMap<String, Told> {
        self.told.lock().unwrap().clone()
    }

    /// Asks a coordinator for every transaction that anybody was told of: it is there, and has ended as it was told.
    pub(crate) async fn still_stand(&self, client: TransactionServiceClient<Channel>) {
        for (gid, told) in self.all() {
            let answer = until("the coordinator to answer", || async {
                let request = GetTransactionRequest { gid: gid.clone() };
                match client.clone().get_transaction(request).await {
                    Ok(answer) => Some(answer.into_inner().transaction.unwrap()),
                    Err(status) if status.code() == tonic::Code::NotFound => {
                        panic!("{gid}: a client was told {told:?}, and it is unknown: {status}")
                    }
                    Err(_) => None,
                }
            })
            .await;
            let ended = match told {
                Told::Confirm => TransactionState::Confirmed,
                Told::Cancel => TransactionState::Cancelled,
            };
            assert_eq!(answer.state(), ended, "{gid}: a client was told {told:?}");
        }
    }
}
