//! What operators do to a transaction: retry, park, resume, force. Each is recorded in the same append as its effect, with
//! who, why, and how the transaction stood before and after.

use tercet_core::{BranchId, Command, Gid};
use tercet_log::AuditRecord;
use tercet_proto::tercet::v1 as pb;

use super::{Api, Caller, whole};
use crate::errors::ApiError;
use crate::transactions::{Ask, Wait};
use crate::validate;

impl Api {
    /// Makes every waiting call due now.
    pub(super) async fn retry(
        &self,
        caller: &Caller,
        request: pb::RetryTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let audit = self.record(caller, "RetryTransaction", &gid, None, request.reason);
        self.operate(&gid, Command::Retry, audit).await
    }

    /// Stops the retries of phase two.
    pub(super) async fn park(
        &self,
        caller: &Caller,
        request: pb::ParkTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let audit = self.record(caller, "ParkTransaction", &gid, None, request.reason);
        let reason = audit.reason.clone();
        self.operate(&gid, Command::Park { reason }, audit).await
    }

    /// Lets the retries go on.
    pub(super) async fn resume(
        &self,
        caller: &Caller,
        request: pb::ResumeTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let audit = self.record(caller, "ResumeTransaction", &gid, None, request.reason);
        self.operate(&gid, Command::Resume, audit).await
    }

    /// Records a branch as done by hand.
    pub(super) async fn force(
        &self,
        caller: &Caller,
        request: pb::ForceBranchRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let branch = match validate::branch_id(&request.branch_id) {
            Ok(branch) => branch,
            Err(refusal) => return Err(self.refuse_if_known(&gid, refusal).await),
        };
        let audit = self.record(
            caller,
            "ForceBranch",
            &gid,
            Some(branch.clone()),
            request.reason,
        );
        // One whose call succeeds meanwhile is shown as done as well, and an end is shown once it is durable.
        let wait = Wait::Ended(branch.clone());
        self.operate_until(&gid, Command::Force(branch), audit, wait)
            .await
    }

    /// Pauses a participant, or lets it go on.
    pub(super) async fn set_paused(
        &self,
        caller: &Caller,
        participant: &str,
        reason: String,
        is_paused: bool,
    ) -> Result<pb::Participant, ApiError> {
        let participant = self.known_participant(participant)?;
        let action = if is_paused {
            "PauseParticipant"
        } else {
            "ResumeParticipant"
        };
        let record = AuditRecord {
            participant: Some(participant.name.clone()),
            ..self.audit_record(caller, action, reason)
        };
        let shared = self.transactions.shared();
        shared
            .pauses
            .set(&shared.log, &shared.participants, &record, is_paused)
            .await?;
        Ok(participant.message())
    }

    async fn operate(
        &self,
        gid: &Gid,
        command: Command,
        audit: AuditRecord,
    ) -> Result<pb::Transaction, ApiError> {
        self.operate_until(gid, command, audit, Wait::Begun).await
    }

    async fn operate_until(
        &self,
        gid: &Gid,
        command: Command,
        audit: AuditRecord,
        wait: Wait,
    ) -> Result<pb::Transaction, ApiError> {
        let answer = self
            .transactions
            .command(gid, command, Some(audit), Ask::after(wait, whole))
            .await?;
        answer.ok_or_else(|| ApiError::unknown_transaction(gid))
    }

    /// What a person does to a transaction. How it stands before and after is known when it is appended.
    pub(super) fn record(
        &self,
        caller: &Caller,
        action: &str,
        gid: &Gid,
        branch: Option<BranchId>,
        reason: String,
    ) -> AuditRecord {
        AuditRecord {
            gid: Some(gid.clone()),
            branch,
            ..self.audit_record(caller, action, reason)
        }
    }

    fn audit_record(&self, caller: &Caller, action: &str, reason: String) -> AuditRecord {
        AuditRecord {
            at: self.now(),
            who: caller.operator().who(),
            action: action.to_owned(),
            gid: None,
            branch: None,
            participant: None,
            reason: validate::cut_reason(reason),
            before: String::new(),
            after: String::new(),
        }
    }
}
