//! `TransactionService` connected to [`Api`]: each rpc is answered here or by the coordinator that owns the transaction.

use tercet_core::TriedBy;
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService;
use tonic::{Request, Response, Status};

use super::watch::Watching;
use super::{Caller, Service};
use crate::cluster::Peer;

#[tonic::async_trait]
impl TransactionService for Service {
    type WatchTransactionStream = Watching;

    async fn execute_transaction(
        &self,
        request: Request<pb::ExecuteTransactionRequest>,
    ) -> Result<Response<pb::ExecuteTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::ExecuteTransactionRequest| async move {
            let transaction = api.execute(&caller, request).await?;
            Ok(pb::ExecuteTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.execute_transaction(request).await,
            )
            .await
    }

    async fn begin_transaction(
        &self,
        request: Request<pb::BeginTransactionRequest>,
    ) -> Result<Response<pb::BeginTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::BeginTransactionRequest| async move {
            let transaction = api.begin(&caller, request).await?;
            Ok(pb::BeginTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.begin_transaction(request).await,
            )
            .await
    }

    async fn try_branch(
        &self,
        request: Request<pb::TryBranchRequest>,
    ) -> Result<Response<pb::TryBranchResponse>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::TryBranchRequest| async move {
            let pb::TryBranchRequest { gid, branch } = request;
            let added = api.add_branch(&gid, branch, TriedBy::Coordinator);
            Ok(pb::TryBranchResponse {
                branch: Some(added.await?),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.try_branch(request).await,
            )
            .await
    }

    async fn register_branch(
        &self,
        request: Request<pb::RegisterBranchRequest>,
    ) -> Result<Response<pb::RegisterBranchResponse>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::RegisterBranchRequest| async move {
            let pb::RegisterBranchRequest { gid, branch } = request;
            let added = api.add_branch(&gid, branch, TriedBy::Caller);
            Ok(pb::RegisterBranchResponse {
                branch: Some(added.await?),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.register_branch(request).await,
            )
            .await
    }

    async fn confirm_transaction(
        &self,
        request: Request<pb::ConfirmTransactionRequest>,
    ) -> Result<Response<pb::ConfirmTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::ConfirmTransactionRequest| async move {
            let transaction = api.confirm(&caller, request).await?;
            Ok(pb::ConfirmTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.confirm_transaction(request).await,
            )
            .await
    }

    async fn cancel_transaction(
        &self,
        request: Request<pb::CancelTransactionRequest>,
    ) -> Result<Response<pb::CancelTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::CancelTransactionRequest| async move {
            api.cancel(&caller, request).await
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.cancel_transaction(request).await,
            )
            .await
    }

    async fn renew_transaction(
        &self,
        request: Request<pb::RenewTransactionRequest>,
    ) -> Result<Response<pb::RenewTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::RenewTransactionRequest| async move {
            let transaction = api.renew(request).await?;
            Ok(pb::RenewTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.renew_transaction(request).await,
            )
            .await
    }

    async fn get_transaction(
        &self,
        request: Request<pb::GetTransactionRequest>,
    ) -> Result<Response<pb::GetTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::GetTransactionRequest| async move {
            let transaction = api.get(&request.gid).await?;
            Ok(pb::GetTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.get_transaction(request).await,
            )
            .await
    }

    async fn watch_transaction(
        &self,
        request: Request<pb::WatchTransactionRequest>,
    ) -> Result<Response<Watching>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::WatchTransactionRequest| async move {
            api.watch(&request.gid).await
        };
        api.routed(
            request,
            |request| &request.gid,
            local,
            |mut peer: Peer, request| async move {
                let changes = peer.transactions.watch_transaction(request).await?;
                Ok(changes.map(|changes| api.passed_on(changes)))
            },
        )
        .await
    }

    async fn resolve_branch(
        &self,
        request: Request<pb::ResolveBranchRequest>,
    ) -> Result<Response<pb::ResolveBranchResponse>, Status> {
        let api = &*self.0;
        let local = move |_: Caller, request: pb::ResolveBranchRequest| async move {
            let verdict = api.resolve(&request).await?;
            Ok(pb::ResolveBranchResponse {
                verdict: verdict as i32,
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.transactions.resolve_branch(request).await,
            )
            .await
    }
}
