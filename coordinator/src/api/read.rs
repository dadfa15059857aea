//! `GetTransaction` and `ResolveBranch`.

use tercet_proto::tercet::v1 as pb;

use super::{Api, whole};
use crate::errors::ApiError;
use crate::transactions::Ask;
use crate::validate;
use crate::view::{self, Shown};

impl Api {
    /// One transaction, whole.
    pub(super) async fn get(&self, gid: &str) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(gid)?;
        self.transactions.ask(&gid, Ask::now(whole)).await
    }

    /// What became of a branch that its participant holds in doubt.
    pub(super) async fn resolve(
        &self,
        request: &pb::ResolveBranchRequest,
    ) -> Result<pb::Verdict, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let id = match validate::branch_id(&request.branch_id) {
            Ok(id) => id,
            Err(refusal) => return Err(self.refuse_if_known(&gid, refusal).await),
        };
        let resolve = move |shown: Shown<'_>| view::verdict(shown.transaction.resolve(&id));
        self.transactions.ask(&gid, Ask::now(resolve)).await
    }
}
