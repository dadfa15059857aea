//! The fake's rpcs: each notes the call, fails if the test wants it to, and else does its work in memory.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status};

use super::{Fault, REFUSE, Seen, Shared, lock, status};
use crate::proto::{
    self, Branch, BranchState, BranchStatus, CallError, CancelCause, CancelReason, Transaction,
    TransactionState, Verdict, transaction_service_server::TransactionService,
};

pub(super) struct Service {
    pub(super) shared: Arc<Mutex<Shared>>,
}

impl Service {
    /// Notes the call, applies the next fault, and runs `work` if the fault lets it.
    async fn run<Q, R>(
        &self,
        rpc: &'static str,
        request: &Request<Q>,
        gid: &str,
        work: impl FnOnce(&mut Shared) -> Result<R, Status>,
    ) -> Result<Response<R>, Status> {
        let fault = {
            let mut shared = lock(&self.shared);
            shared.seen.push(Seen {
                rpc,
                gid: gid.to_owned(),
                metadata: request.metadata().clone(),
            });
            shared.faults.pop_front()
        };
        match fault {
            None => work(&mut lock(&self.shared)).map(Response::new),
            Some(Fault::Before(status)) => Err(status),
            Some(Fault::After(status)) => {
                work(&mut lock(&self.shared))?;
                Err(status)
            }
            Some(Fault::Silence) => std::future::pending().await,
        }
    }
}

impl Shared {
    fn get(&mut self, gid: &str) -> Result<&mut Transaction, Status> {
        self.transactions.get_mut(gid).ok_or_else(|| {
            status(
                Code::NotFound,
                "UNKNOWN_TRANSACTION",
                &format!("no transaction {gid}"),
                None,
            )
        })
    }
}

fn begun(gid: &str, labels: std::collections::HashMap<String, String>) -> Transaction {
    Transaction {
        gid: gid.to_owned(),
        state: TransactionState::Trying.into(),
        labels,
        ..Transaction::default()
    }
}

fn tried(branch: Branch) -> BranchStatus {
    let state = if branch.action == REFUSE {
        BranchState::Refused
    } else {
        BranchState::Tried
    };
    BranchStatus {
        id: branch.id,
        participant: branch.participant,
        action: branch.action,
        state: state.into(),
        attempts: 1,
        ..BranchStatus::default()
    }
}

fn end(transaction: &mut Transaction, is_confirm: bool) {
    let (state, branch_state) = if is_confirm {
        (TransactionState::Confirmed, BranchState::Confirmed)
    } else {
        (TransactionState::Cancelled, BranchState::Cancelled)
    };
    transaction.set_state(state);
    for branch in &mut transaction.branches {
        branch.set_state(branch_state);
    }
}

fn refusal(transaction: &Transaction) -> Option<CancelCause> {
    let refused = transaction
        .branches
        .iter()
        .find(|branch| branch.state() == BranchState::Refused)?;
    Some(CancelCause {
        reason: CancelReason::Refused.into(),
        branch_id: refused.id.clone(),
        error: Some(CallError {
            code: Code::FailedPrecondition.into(),
            reason: "REFUSED".to_owned(),
            message: "the fake refuses this action".to_owned(),
        }),
        note: String::new(),
    })
}

#[tonic::async_trait]
impl TransactionService for Service {
    async fn execute_transaction(
        &self,
        request: Request<proto::ExecuteTransactionRequest>,
    ) -> Result<Response<proto::ExecuteTransactionResponse>, Status> {
        let message = request.get_ref().clone();
        let gid = message.gid.clone();
        self.run("ExecuteTransaction", &request, &gid, |shared| {
            let options = message.options.unwrap_or_default();
            let transaction = shared
                .transactions
                .entry(message.gid.clone())
                .or_insert_with(|| {
                    let mut transaction = begun(&message.gid, options.labels);
                    transaction.branches = message.branches.into_iter().map(tried).collect();
                    transaction.cancel_cause = refusal(&transaction);
                    let is_confirm = transaction.cancel_cause.is_none();
                    end(&mut transaction, is_confirm);
                    transaction
                })
                .clone();
            Ok(proto::ExecuteTransactionResponse {
                transaction: Some(transaction),
            })
        })
        .await
    }

    async fn begin_transaction(
        &self,
        request: Request<proto::BeginTransactionRequest>,
    ) -> Result<Response<proto::BeginTransactionResponse>, Status> {
        let message = request.get_ref().clone();
        let gid = message.gid.clone();
        self.run("BeginTransaction", &request, &gid, |shared| {
            let labels = message.options.unwrap_or_default().labels;
            let transaction = shared
                .transactions
                .entry(message.gid.clone())
                .or_insert_with(|| begun(&message.gid, labels));
            Ok(proto::BeginTransactionResponse {
                transaction: Some(transaction.clone()),
            })
        })
        .await
    }

    async fn try_branch(
        &self,
        request: Request<proto::TryBranchRequest>,
    ) -> Result<Response<proto::TryBranchResponse>, Status> {
        let message = request.get_ref().clone();
        self.run("TryBranch", &request, &message.gid, |shared| {
            let status = tried(message.branch.unwrap_or_default());
            shared.get(&message.gid)?.branches.push(status.clone());
            Ok(proto::TryBranchResponse {
                branch: Some(status),
            })
        })
        .await
    }

    async fn register_branch(
        &self,
        request: Request<proto::RegisterBranchRequest>,
    ) -> Result<Response<proto::RegisterBranchResponse>, Status> {
        let message = request.get_ref().clone();
        self.run("RegisterBranch", &request, &message.gid, |shared| {
            let mut status = tried(message.branch.unwrap_or_default());
            status.set_state(BranchState::Registered);
            shared.get(&message.gid)?.branches.push(status.clone());
            Ok(proto::RegisterBranchResponse {
                branch: Some(status),
            })
        })
        .await
    }

    async fn confirm_transaction(
        &self,
        request: Request<proto::ConfirmTransactionRequest>,
    ) -> Result<Response<proto::ConfirmTransactionResponse>, Status> {
        let gid = request.get_ref().gid.clone();
        self.run("ConfirmTransaction", &request, &gid, |shared| {
            let transaction = shared.get(&gid)?;
            end(transaction, true);
            Ok(proto::ConfirmTransactionResponse {
                transaction: Some(transaction.clone()),
            })
        })
        .await
    }

    async fn cancel_transaction(
        &self,
        request: Request<proto::CancelTransactionRequest>,
    ) -> Result<Response<proto::CancelTransactionResponse>, Status> {
        let message = request.get_ref().clone();
        let gid = message.gid.clone();
        self.run("CancelTransaction", &request, &gid, |shared| {
            let was_unknown = !shared.transactions.contains_key(&message.gid);
            let transaction = shared
                .transactions
                .entry(message.gid.clone())
                .or_insert_with(|| begun(&message.gid, std::collections::HashMap::new()));
            end(transaction, false);
            transaction.cancel_cause = Some(CancelCause {
                reason: CancelReason::Requested.into(),
                note: message.reason,
                ..CancelCause::default()
            });
            Ok(proto::CancelTransactionResponse {
                transaction: Some(transaction.clone()),
                was_unknown,
            })
        })
        .await
    }

    async fn renew_transaction(
        &self,
        request: Request<proto::RenewTransactionRequest>,
    ) -> Result<Response<proto::RenewTransactionResponse>, Status> {
        let gid = request.get_ref().gid.clone();
        self.run("RenewTransaction", &request, &gid, |shared| {
            Ok(proto::RenewTransactionResponse {
                transaction: Some(shared.get(&gid)?.clone()),
            })
        })
        .await
    }

    async fn get_transaction(
        &self,
        request: Request<proto::GetTransactionRequest>,
    ) -> Result<Response<proto::GetTransactionResponse>, Status> {
        let gid = request.get_ref().gid.clone();
        self.run("GetTransaction", &request, &gid, |shared| {
            Ok(proto::GetTransactionResponse {
                transaction: Some(shared.get(&gid)?.clone()),
            })
        })
        .await
    }

    type WatchTransactionStream =
        Pin<Box<dyn Stream<Item = Result<proto::WatchTransactionResponse, Status>> + Send>>;

    /// One look, then the end of the stream: an early one unless the transaction has ended.
    async fn watch_transaction(
        &self,
        request: Request<proto::WatchTransactionRequest>,
    ) -> Result<Response<Self::WatchTransactionStream>, Status> {
        let gid = request.get_ref().gid.clone();
        let answer = self
            .run("WatchTransaction", &request, &gid, |shared| {
                Ok(proto::WatchTransactionResponse {
                    transaction: Some(shared.get(&gid)?.clone()),
                })
            })
            .await?;
        let stream: Self::WatchTransactionStream =
            Box::pin(tokio_stream::iter([Ok(answer.into_inner())]));
        Ok(Response::new(stream))
    }

    async fn resolve_branch(
        &self,
        request: Request<proto::ResolveBranchRequest>,
    ) -> Result<Response<proto::ResolveBranchResponse>, Status> {
        let gid = request.get_ref().gid.clone();
        self.run("ResolveBranch", &request, &gid, |shared| {
            let verdict = match shared.get(&gid)?.state() {
                TransactionState::Confirming | TransactionState::Confirmed => Verdict::Confirm,
                TransactionState::Cancelling | TransactionState::Cancelled => Verdict::Cancel,
                _ => Verdict::Pending,
            };
            Ok(proto::ResolveBranchResponse {
                verdict: verdict.into(),
            })
        })
        .await
    }
}
