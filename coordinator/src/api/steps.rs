//! `TryBranch`, `RegisterBranch` and `RenewTransaction`.

use std::sync::Arc;

use tercet_core::{
    BranchDefinition, BranchId, Command, ContentHash, Gid, Mode, Rejection, TriedBy,
};
use tercet_proto::tercet::v1 as pb;

use super::{Api, whole};
use crate::errors::{ApiError, Reason};
use crate::transactions::{Ask, Wait};
use crate::validate::{self, content};
use crate::view::{Detail, Shown};

/// The branch's path in the request.
const FIELD: &str = "branch";

/// What is known of a branch before it is looked at more closely.
enum Known {
    /// The same branch is there already.
    Repeated,
    /// It can't be added, and why.
    Rejected(Rejection),
    /// It is new.
    New,
}

impl Api {
    /// Adds a branch durably; one that the coordinator tries is answered once its try has an outcome.
    pub(super) async fn add_branch(
        &self,
        gid: &str,
        sent: Option<pb::Branch>,
        tried_by: TriedBy,
    ) -> Result<pb::BranchStatus, ApiError> {
        let gid = validate::gid(gid)?;
        let Some(sent) = sent else {
            let refusal = ApiError::field(Reason::InvalidBranch, FIELD, "branch is not set");
            return Err(self.refuse_if_known(&gid, refusal).await);
        };
        let content = content::of_branch(&sent);
        let id = match validate::new_branch_id(&sent, FIELD) {
            Ok(id) => id,
            // No branch has such an id, whatever the transaction is like.
            Err(refusal) => return Err(self.refuse_if_known(&gid, refusal).await),
        };
        // Reading a participant's descriptors may take long, and a repetition needs none.
        let is_json = matches!(sent.payload, Some(pb::branch::Payload::Json(_)));
        if is_json && self.is_repeated(&gid, &id, content).await? {
            return self.settled(&gid, id).await;
        }
        match self.define_branch(sent, tried_by).await {
            Ok(definition) => self.register(&gid, definition).await,
            Err(refusal) => {
                // Also one that is too large by now was once taken, under other limits.
                if self.is_repeated(&gid, &id, content).await? {
                    return self.settled(&gid, id).await;
                }
                Err(refusal)
            }
        }
    }

    async fn define_branch(
        &self,
        sent: pb::Branch,
        tried_by: TriedBy,
    ) -> Result<Arc<BranchDefinition>, ApiError> {
        let checked = validate::branch(sent, FIELD.to_owned(), &self.limits)?;
        let mut defined = self.define(vec![checked], tried_by).await?;
        let one = defined.pop();
        one.ok_or_else(|| ApiError::new(Reason::InvalidBranch, "no branch was defined"))
    }

    async fn register(
        &self,
        gid: &Gid,
        definition: Arc<BranchDefinition>,
    ) -> Result<pb::BranchStatus, ApiError> {
        let id = definition.id.clone();
        let ask = Ask::after(Wait::Tried(id.clone()), status_of(id.clone()));
        let command = Command::Register(definition);
        let answer = self.transactions.command(gid, command, None, ask).await?;
        let status = answer.ok_or_else(|| ApiError::unknown_transaction(gid))?;
        status.ok_or_else(|| Rejection::UnknownBranch(id).into())
    }

    /// Whether the same branch is there already; an error if it can't be added at all.
    async fn is_repeated(
        &self,
        gid: &Gid,
        id: &BranchId,
        content: ContentHash,
    ) -> Result<bool, ApiError> {
        let id = id.clone();
        let branches_max = self.limits.branches;
        let look = move |shown: Shown<'_>| {
            let transaction = shown.transaction;
            if transaction.mode == Mode::OneCall {
                return Known::Rejected(Rejection::OneCall);
            }
            match (transaction.branch(&id), transaction.state.decision()) {
                (Some((_, known)), _) if known.definition.content == content => Known::Repeated,
                (Some(_), _) => Known::Rejected(Rejection::BranchConflict(id)),
                (None, Some(decision)) => Known::Rejected(Rejection::AlreadyDecided(decision)),
                (None, None) if transaction.branches.len() >= branches_max => {
                    Known::Rejected(Rejection::TooManyBranches(transaction.branches.len()))
                }
                (None, None) => Known::New,
            }
        };
        match self.transactions.ask(gid, Ask::now(look)).await? {
            Known::Repeated => Ok(true),
            Known::New => Ok(false),
            Known::Rejected(rejection) => Err(rejection.into()),
        }
    }

    async fn settled(&self, gid: &Gid, id: BranchId) -> Result<pb::BranchStatus, ApiError> {
        let ask = Ask::after(Wait::Tried(id.clone()), status_of(id.clone()));
        let status = self.transactions.ask(gid, ask).await?;
        status.ok_or_else(|| Rejection::UnknownBranch(id).into())
    }

    /// Moves the deadline of an undecided transaction later.
    pub(super) async fn renew(
        &self,
        request: pb::RenewTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let timeout = match validate::renewal(request.try_timeout.as_ref()) {
            Ok(timeout) => timeout,
            Err(refusal) => return Err(self.refuse_if_known(&gid, refusal).await),
        };
        let ask = Ask::now(whole);
        let answer = self
            .transactions
            .command(&gid, Command::Renew(timeout), None, ask)
            .await?;
        answer.ok_or_else(|| ApiError::unknown_transaction(&gid))
    }
}

fn status_of(
    id: BranchId,
) -> impl FnOnce(Shown<'_>) -> Option<pb::BranchStatus> + Clone + Send + 'static {
    move |shown| {
        let (index, _) = shown.transaction.branch(&id)?;
        shown.branch(index, Detail::Whole)
    }
}
