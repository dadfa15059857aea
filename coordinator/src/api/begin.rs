//! `ExecuteTransaction` and `BeginTransaction`.

use std::sync::Arc;

use tercet_core::{Begun, ContentHash, Gid, Mode, TriedBy};
use tercet_proto::tercet::v1 as pb;
use uuid::Uuid;

use super::{Api, Caller, wait_of, whole};
use crate::errors::ApiError;
use crate::transactions::{Ask, Begin, Wait};
use crate::validate::{self, content};

impl Api {
    /// The whole thing in one call.
    pub(super) async fn execute(
        &self,
        caller: &Caller,
        request: pb::ExecuteTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let content = content::of_execute(&request.branches, request.options.as_ref());
        let wait_for = match validate::wait_for(request.wait_for) {
            Ok(wait_for) => wait_for,
            Err(refusal) => {
                // Other content, and that this coordinator drains, come first.
                let ask = Ask::now(whole).about(content);
                if self.repeated(&gid, content, &ask).await?.is_none() {
                    self.refuse_new_while_draining()?;
                }
                return Err(refusal);
            }
        };
        let ask = Ask::after(wait_of(wait_for), whole).about(content);
        let work = async {
            if let Some(handle) = self.transactions.running(&gid)
                && let Ok(answer) = handle.ask(ask.clone()).await
            {
                return answer;
            }
            // Reading a participant's descriptors may take long, and a repetition needs none.
            let is_json =
                |branch: &pb::Branch| matches!(branch.payload, Some(pb::branch::Payload::Json(_)));
            if request.branches.iter().any(is_json)
                && let Some(answer) = self.repeated(&gid, content, &ask).await?
            {
                return Ok(answer);
            }
            match self.prepare_execute(caller, &gid, content, request).await {
                Ok(begin) => self.transactions.begin(begin, ask.clone()).await,
                Err(refusal) => {
                    let answer = self.repeated(&gid, content, &ask).await?;
                    answer.ok_or(refusal)
                }
            }
        };
        self.in_time(caller, &gid, &ask, work).await
    }

    async fn prepare_execute(
        &self,
        caller: &Caller,
        gid: &Gid,
        content: ContentHash,
        request: pb::ExecuteTransactionRequest,
    ) -> Result<Begin, ApiError> {
        self.refuse_new_while_draining()?;
        let branches = validate::branches(request.branches, &self.limits)?;
        let options = validate::options(request.options, true, &self.limits)?;
        let branches = self.define(branches, TriedBy::Coordinator).await?;
        let slot = self.transactions.shared().admission.undecided()?;
        let begun = Begun {
            gid: gid.clone(),
            mode: Mode::OneCall,
            content,
            options: Arc::new(options),
            trace_parent: caller.trace_parent(gid, self.sample_ratio),
            at: self.now(),
            cause: None,
            branches,
        };
        Ok(Begin {
            begun,
            slot,
            audit: None,
        })
    }

    /// Opens a transaction for step-by-step use.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        request: pb::BeginTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = if request.gid.is_empty() {
            validate::gid(&Uuid::now_v7().to_string())?
        } else {
            validate::gid(&request.gid)?
        };
        let content = content::of_begin(request.options.as_ref());
        let ask = Ask::after(Wait::Begun, whole).about(content);
        if let Some(handle) = self.transactions.running(&gid)
            && let Ok(answer) = handle.ask(ask.clone()).await
        {
            return answer;
        }
        match self.prepare_begin(caller, &gid, content, request.options) {
            Ok(begin) => self.transactions.begin(begin, ask).await,
            Err(refusal) => {
                let answer = self.repeated(&gid, content, &ask).await?;
                answer.ok_or(refusal)
            }
        }
    }

    fn prepare_begin(
        &self,
        caller: &Caller,
        gid: &Gid,
        content: ContentHash,
        options: Option<pb::TransactionOptions>,
    ) -> Result<Begin, ApiError> {
        self.refuse_new_while_draining()?;
        let options = validate::options(options, false, &self.limits)?;
        self.initiator_is_known(&options)?;
        let slot = self.transactions.shared().admission.undecided()?;
        let begun = Begun {
            gid: gid.clone(),
            mode: Mode::StepByStep,
            content,
            options: Arc::new(options),
            trace_parent: caller.trace_parent(gid, self.sample_ratio),
            at: self.now(),
            cause: None,
            branches: Vec::new(),
        };
        Ok(Begin {
            begun,
            slot,
            audit: None,
        })
    }
}
