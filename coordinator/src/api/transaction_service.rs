//! `TransactionService` connected to [`Api`].

use tercet_core::TriedBy;
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService;
use tonic::{Request, Response, Status};

use super::watch::Watching;
use super::{Caller, Service};

#[tonic::async_trait]
impl TransactionService for Service {
    type WatchTransactionStream = Watching;

    async fn execute_transaction(
        &self,
        request: Request<pb::ExecuteTransactionRequest>,
    ) -> Result<Response<pb::ExecuteTransactionResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let transaction = self.0.execute(&caller, request.into_inner()).await?;
        Ok(Response::new(pb::ExecuteTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn begin_transaction(
        &self,
        request: Request<pb::BeginTransactionRequest>,
    ) -> Result<Response<pb::BeginTransactionResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let transaction = self.0.begin(&caller, request.into_inner()).await?;
        Ok(Response::new(pb::BeginTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn try_branch(
        &self,
        request: Request<pb::TryBranchRequest>,
    ) -> Result<Response<pb::TryBranchResponse>, Status> {
        let pb::TryBranchRequest { gid, branch } = request.into_inner();
        let status = self
            .0
            .add_branch(&gid, branch, TriedBy::Coordinator)
            .await?;
        Ok(Response::new(pb::TryBranchResponse {
            branch: Some(status),
        }))
    }

    async fn register_branch(
        &self,
        request: Request<pb::RegisterBranchRequest>,
    ) -> Result<Response<pb::RegisterBranchResponse>, Status> {
        let pb::RegisterBranchRequest { gid, branch } = request.into_inner();
        let status = self.0.add_branch(&gid, branch, TriedBy::Caller).await?;
        Ok(Response::new(pb::RegisterBranchResponse {
            branch: Some(status),
        }))
    }

    async fn confirm_transaction(
        &self,
        request: Request<pb::ConfirmTransactionRequest>,
    ) -> Result<Response<pb::ConfirmTransactionResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let transaction = self.0.confirm(&caller, request.into_inner()).await?;
        Ok(Response::new(pb::ConfirmTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn cancel_transaction(
        &self,
        request: Request<pb::CancelTransactionRequest>,
    ) -> Result<Response<pb::CancelTransactionResponse>, Status> {
        let caller = Caller::of(request.metadata());
        let response = self.0.cancel(&caller, request.into_inner()).await?;
        Ok(Response::new(response))
    }

    async fn renew_transaction(
        &self,
        request: Request<pb::RenewTransactionRequest>,
    ) -> Result<Response<pb::RenewTransactionResponse>, Status> {
        let transaction = self.0.renew(request.into_inner()).await?;
        Ok(Response::new(pb::RenewTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn get_transaction(
        &self,
        request: Request<pb::GetTransactionRequest>,
    ) -> Result<Response<pb::GetTransactionResponse>, Status> {
        let transaction = self.0.get(&request.into_inner().gid).await?;
        Ok(Response::new(pb::GetTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn watch_transaction(
        &self,
        request: Request<pb::WatchTransactionRequest>,
    ) -> Result<Response<Watching>, Status> {
        let watching = self.0.watch(&request.into_inner().gid).await?;
        Ok(Response::new(watching))
    }

    async fn resolve_branch(
        &self,
        request: Request<pb::ResolveBranchRequest>,
    ) -> Result<Response<pb::ResolveBranchResponse>, Status> {
        let verdict = self.0.resolve(&request.into_inner()).await?;
        Ok(Response::new(pb::ResolveBranchResponse {
            verdict: verdict as i32,
        }))
    }
}
