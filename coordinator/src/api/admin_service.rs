//! `AdminService` connected to [`Api`](super::Api). What is done to one transaction is done by the coordinator that owns it.

use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService;
use tonic::{Request, Response, Status};

use super::{Caller, Service};

#[tonic::async_trait]
impl AdminService for Service {
    async fn list_transactions(
        &self,
        request: Request<pb::ListTransactionsRequest>,
    ) -> Result<Response<pb::ListTransactionsResponse>, Status> {
        Ok(Response::new(self.0.list(request.into_inner()).await?))
    }

    async fn retry_transaction(
        &self,
        request: Request<pb::RetryTransactionRequest>,
    ) -> Result<Response<pb::RetryTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::RetryTransactionRequest| async move {
            let transaction = api.retry(&caller, request).await?;
            Ok(pb::RetryTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.admin.retry_transaction(request).await,
            )
            .await
    }

    async fn park_transaction(
        &self,
        request: Request<pb::ParkTransactionRequest>,
    ) -> Result<Response<pb::ParkTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::ParkTransactionRequest| async move {
            let transaction = api.park(&caller, request).await?;
            Ok(pb::ParkTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.admin.park_transaction(request).await,
            )
            .await
    }

    async fn resume_transaction(
        &self,
        request: Request<pb::ResumeTransactionRequest>,
    ) -> Result<Response<pb::ResumeTransactionResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::ResumeTransactionRequest| async move {
            let transaction = api.resume(&caller, request).await?;
            Ok(pb::ResumeTransactionResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.admin.resume_transaction(request).await,
            )
            .await
    }

    async fn force_branch(
        &self,
        request: Request<pb::ForceBranchRequest>,
    ) -> Result<Response<pb::ForceBranchResponse>, Status> {
        let api = &*self.0;
        let local = move |caller: Caller, request: pb::ForceBranchRequest| async move {
            let transaction = api.force(&caller, request).await?;
            Ok(pb::ForceBranchResponse {
                transaction: Some(transaction),
            })
        };
        self.0
            .routed(
                request,
                |request| &request.gid,
                local,
                async |mut peer, request| peer.admin.force_branch(request).await,
            )
            .await
    }

    async fn list_participants(
        &self,
        _request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        Ok(Response::new(self.0.list_participants()))
    }

    async fn pause_participant(
        &self,
        request: Request<pb::PauseParticipantRequest>,
    ) -> Result<Response<pb::PauseParticipantResponse>, Status> {
        let caller = Caller::of(request.metadata(), request.remote_addr());
        let pb::PauseParticipantRequest {
            participant,
            reason,
        } = request.into_inner();
        let paused = self.0.set_paused(&caller, &participant, reason, true);
        let participant = paused.await?;
        Ok(Response::new(pb::PauseParticipantResponse {
            participant: Some(participant),
        }))
    }

    async fn resume_participant(
        &self,
        request: Request<pb::ResumeParticipantRequest>,
    ) -> Result<Response<pb::ResumeParticipantResponse>, Status> {
        let caller = Caller::of(request.metadata(), request.remote_addr());
        let pb::ResumeParticipantRequest {
            participant,
            reason,
        } = request.into_inner();
        let paused = self.0.set_paused(&caller, &participant, reason, false);
        let participant = paused.await?;
        Ok(Response::new(pb::ResumeParticipantResponse {
            participant: Some(participant),
        }))
    }

    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        Ok(Response::new(self.0.status().await))
    }

    async fn list_audit_records(
        &self,
        request: Request<pb::ListAuditRecordsRequest>,
    ) -> Result<Response<pb::ListAuditRecordsResponse>, Status> {
        Ok(Response::new(
            self.0.list_audit(request.into_inner()).await?,
        ))
    }
}
