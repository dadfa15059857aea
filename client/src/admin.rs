//! The operator's calls.

use std::time::Duration;

use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;

use crate::{
    Error,
    call::Caller,
    execute::proto_duration,
    proto::{
        AuditRecord, ForceBranchRequest, GetStatusRequest, GetStatusResponse,
        ListAuditRecordsRequest, ListAuditRecordsResponse, ListParticipantsRequest,
        ListTransactionsRequest, ListTransactionsResponse, ParkTransactionRequest, Participant,
        PauseParticipantRequest, ResumeParticipantRequest, ResumeTransactionRequest,
        RetryTransactionRequest, Transaction, TransactionState,
    },
    retry::Repeat,
};

/// What operators do. Made by [`Client::admin`](crate::Client::admin).
#[derive(Debug, Clone)]
pub struct Admin {
    caller: Caller,
}

/// One call that names a transaction and a reason.
macro_rules! transaction_call {
    ($(#[$doc:meta])* $name:ident, $method:ident, $request:ident) => {
        $(#[$doc])*
        pub async fn $name(
            &self,
            gid: impl Into<String>,
            reason: impl Into<String>,
        ) -> Result<Transaction, Error> {
            let request = $request {
                gid: gid.into(),
                reason: reason.into(),
            };
            let answer = self
                .caller
                .call(request, Repeat::IfNotDone, |channel, request| async move {
                    AdminServiceClient::new(channel).$method(request).await
                })
                .await?;
            answer.transaction.ok_or(Error::Malformed("the transaction"))
        }
    };
}

/// One call that names a participant and a reason.
macro_rules! participant_call {
    ($(#[$doc:meta])* $name:ident, $method:ident, $request:ident) => {
        $(#[$doc])*
        pub async fn $name(
            &self,
            participant: impl Into<String>,
            reason: impl Into<String>,
        ) -> Result<Participant, Error> {
            let request = $request {
                participant: participant.into(),
                reason: reason.into(),
            };
            let answer = self
                .caller
                .call(request, Repeat::IfNotDone, |channel, request| async move {
                    AdminServiceClient::new(channel).$method(request).await
                })
                .await?;
            answer.participant.ok_or(Error::Malformed("the participant"))
        }
    };
}

impl Admin {
    pub(crate) fn new(caller: Caller) -> Self {
        Self { caller }
    }

    /// Transactions, newest first.
    pub fn list_transactions(&self) -> ListTransactions {
        ListTransactions {
            caller: self.caller.clone(),
            request: ListTransactionsRequest::default(),
        }
    }

    transaction_call! {
        /// Makes every waiting call of the transaction due now.
        retry_transaction, retry_transaction, RetryTransactionRequest
    }
    transaction_call! {
        /// Stops the retries of phase two until resumed.
        park_transaction, park_transaction, ParkTransactionRequest
    }
    transaction_call! {
        /// Lets retries go on, with attempts anew for parked branches.
        resume_transaction, resume_transaction, ResumeTransactionRequest
    }
    participant_call! {
        /// Stops all calls to a participant.
        pause_participant, pause_participant, PauseParticipantRequest
    }
    participant_call! {
        /// Lets calls to a participant go on.
        resume_participant, resume_participant, ResumeParticipantRequest
    }

    /// Records a branch as done by hand.
    pub async fn force_branch(
        &self,
        gid: impl Into<String>,
        branch: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Transaction, Error> {
        let request = ForceBranchRequest {
            gid: gid.into(),
            branch_id: branch.into(),
            reason: reason.into(),
        };
        let answer = self
            .caller
            .call(request, Repeat::IfNotDone, |channel, request| async move {
                AdminServiceClient::new(channel).force_branch(request).await
            })
            .await?;
        answer
            .transaction
            .ok_or(Error::Malformed("the transaction"))
    }

    /// Every configured participant, by name.
    pub async fn list_participants(&self) -> Result<Vec<Participant>, Error> {
        let request = ListParticipantsRequest::default();
        let answer = self
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                AdminServiceClient::new(channel)
                    .list_participants(request)
                    .await
            })
            .await?;
        Ok(answer.participants)
    }

    /// How the coordinator that answers is doing.
    pub async fn status(&self) -> Result<GetStatusResponse, Error> {
        let request = GetStatusRequest::default();
        self.caller
            .call(request, Repeat::Safe, |channel, request| async move {
                AdminServiceClient::new(channel).get_status(request).await
            })
            .await
    }

    /// What people have done, newest first.
    pub fn list_audit(&self) -> ListAudit {
        ListAudit {
            caller: self.caller.clone(),
            request: ListAuditRecordsRequest::default(),
        }
    }
}

/// Which transactions to list; every condition must hold.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is sent"]
pub struct ListTransactions {
    caller: Caller,
    request: ListTransactionsRequest,
}

impl ListTransactions {
    /// Only those in this state, or in one of several when called again.
    pub fn state(mut self, state: TransactionState) -> Self {
        self.request.states.push(state.into());
        self
    }

    /// Only those with this label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.labels.insert(key.into(), value.into());
        self
    }

    /// Only those with a branch of this participant.
    pub fn participant(mut self, participant: impl Into<String>) -> Self {
        self.request.participant = participant.into();
        self
    }

    /// Only those begun at least this long ago.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.request.older_than = Some(proto_duration(age));
        self
    }

    /// Only those a person should look at.
    pub fn needs_attention(mut self) -> Self {
        self.request.needs_attention = true;
        self
    }

    /// Only those of these gids, 500 at most; none means all.
    pub fn gids(mut self, gids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.request.gids = gids.into_iter().map(Into::into).collect();
        self
    }

    /// At most this many a page, 500 at most; 0 means 100.
    pub fn page_size(mut self, size: i32) -> Self {
        self.request.page_size = size;
        self
    }

    /// The page after the one that ended with this token.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.page_token = token.into();
        self
    }

    /// One page, with the token of the next.
    pub async fn send(self) -> Result<ListTransactionsResponse, Error> {
        self.caller
            .call(self.request, Repeat::Safe, |channel, request| async move {
                AdminServiceClient::new(channel)
                    .list_transactions(request)
                    .await
            })
            .await
    }
}

/// Which audit records to list.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is sent"]
pub struct ListAudit {
    caller: Caller,
    request: ListAuditRecordsRequest,
}

impl ListAudit {
    /// Only those about this transaction.
    pub fn gid(mut self, gid: impl Into<String>) -> Self {
        self.request.gid = gid.into();
        self
    }

    /// Only those about this participant.
    pub fn participant(mut self, participant: impl Into<String>) -> Self {
        self.request.participant = participant.into();
        self
    }

    /// At most this many a page, 500 at most; 0 means 100.
    pub fn page_size(mut self, size: i32) -> Self {
        self.request.page_size = size;
        self
    }

    /// The page after the one that ended with this token.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.page_token = token.into();
        self
    }

    /// One page, with the token of the next.
    pub async fn send(self) -> Result<ListAuditRecordsResponse, Error> {
        self.caller
            .call(self.request, Repeat::Safe, |channel, request| async move {
                AdminServiceClient::new(channel)
                    .list_audit_records(request)
                    .await
            })
            .await
    }

    /// Every record, page after page, at most `limit`.
    pub async fn all(mut self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        let mut records = Vec::new();
        loop {
            let page = self.clone().send().await?;
            records.extend(page.records);
            records.truncate(limit);
            if page.next_page_token.is_empty() || records.len() >= limit {
                return Ok(records);
            }
            self.request.page_token = page.next_page_token;
        }
    }
}
