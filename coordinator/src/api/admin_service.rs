//! `AdminService` connected to [`Api`](super::Api).

use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService;
use tonic::{Request, Response, Status};

use super::Service;

/// Pausing has to be durable and hold for all replicas; the log has no place for it yet.
fn pausing_is_missing() -> Status {
    Status::unimplemented(
        "pausing a participant is not built yet: what is missing is its durable record in the log",
    )
}

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
        let transaction = self.0.retry(request.into_inner()).await?;
        Ok(Response::new(pb::RetryTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn park_transaction(
        &self,
        request: Request<pb::ParkTransactionRequest>,
    ) -> Result<Response<pb::ParkTransactionResponse>, Status> {
        let transaction = self.0.park(request.into_inner()).await?;
        Ok(Response::new(pb::ParkTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn resume_transaction(
        &self,
        request: Request<pb::ResumeTransactionRequest>,
    ) -> Result<Response<pb::ResumeTransactionResponse>, Status> {
        let transaction = self.0.resume(request.into_inner()).await?;
        Ok(Response::new(pb::ResumeTransactionResponse {
            transaction: Some(transaction),
        }))
    }

    async fn force_branch(
        &self,
        request: Request<pb::ForceBranchRequest>,
    ) -> Result<Response<pb::ForceBranchResponse>, Status> {
        let transaction = self.0.force(request.into_inner()).await?;
        Ok(Response::new(pb::ForceBranchResponse {
            transaction: Some(transaction),
        }))
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
        self.0
            .known_participant(&request.into_inner().participant)?;
        Err(pausing_is_missing())
    }

    async fn resume_participant(
        &self,
        request: Request<pb::ResumeParticipantRequest>,
    ) -> Result<Response<pb::ResumeParticipantResponse>, Status> {
        self.0
            .known_participant(&request.into_inner().participant)?;
        Err(pausing_is_missing())
    }

    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        Ok(Response::new(self.0.status()))
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
