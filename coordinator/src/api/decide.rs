//! `ConfirmTransaction` and `CancelTransaction`.

use std::sync::Arc;

use tercet_core::{Begun, CancelCause, CancelReason, Command, ContentHash, Gid, Mode, Options};
use tercet_log::AuditRecord;
use tercet_proto::tercet::v1 as pb;

use super::{Api, Caller, wait_of, whole};
use crate::errors::ApiError;
use crate::transactions::{Ask, Begin};
use crate::validate;
use crate::view::{Detail, Shown};

/// How often a cancel of an unknown gid looks again when a begin comes in between. The second look finds that.
const LOOKS_MAX: usize = 4;

impl Api {
    /// The initiator's decision to confirm.
    pub(super) async fn confirm(
        &self,
        caller: &Caller,
        request: pb::ConfirmTransactionRequest,
    ) -> Result<pb::Transaction, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let wait_for = match validate::wait_for(request.wait_for) {
            Ok(wait_for) => wait_for,
            Err(refusal) => return Err(self.refuse_if_known(&gid, refusal).await),
        };
        let ask = Ask::after(wait_of(wait_for), whole);
        let audit = self.decided_by(caller, "ConfirmTransaction", &gid, "");
        let work = async {
            let answer = self
                .transactions
                .command(&gid, Command::Confirm, audit, ask.clone())
                .await?;
            answer.ok_or_else(|| ApiError::unknown_transaction(&gid))
        };
        self.in_time(caller, &gid, &ask, work).await
    }

    /// The initiator's decision to cancel. An unknown gid is recorded as cancelled.
    pub(super) async fn cancel(
        &self,
        caller: &Caller,
        request: pb::CancelTransactionRequest,
    ) -> Result<pb::CancelTransactionResponse, ApiError> {
        let gid = validate::gid(&request.gid)?;
        let wait_for = match validate::wait_for(request.wait_for) {
            Ok(wait_for) => wait_for,
            Err(refusal) => return Err(self.refuse_new_or(&gid, refusal).await),
        };
        let reason = validate::cut_reason(request.reason);
        let ask = Ask::after(wait_of(wait_for), cancelled);
        let audit = self.decided_by(caller, "CancelTransaction", &gid, &reason);
        let work = async {
            for _ in 0..LOOKS_MAX {
                let command = Command::Cancel {
                    reason: reason.clone(),
                };
                let known = self
                    .transactions
                    .command(&gid, command, audit.clone(), ask.clone())
                    .await?;
                if let Some(answer) = known {
                    return Ok(answer);
                }
                let begin = self.prepare_cancelled(&gid, &reason, audit.clone())?;
                let answer = self.transactions.begin(begin, Ask::now(cancelled)).await?;
                // Otherwise a begin has come first, and that is what is to be cancelled.
                if answer.was_unknown {
                    return Ok(answer);
                }
            }
            Err(ApiError::draining())
        };
        self.in_time(caller, &gid, &ask, work).await
    }

    /// Why a request with a bad field is refused: that this coordinator drains comes first where the gid is new.
    async fn refuse_new_or(&self, gid: &Gid, refusal: ApiError) -> ApiError {
        let known = self.transactions.join(gid, Ask::now(|_: Shown<'_>| ()));
        match known.await {
            Ok(Some(())) => refusal,
            Ok(None) => self.refuse_new_while_draining().err().unwrap_or(refusal),
            Err(error) => error,
        }
    }

    /// A decision is recorded where a person takes it, which is when somebody says a name; an initiator's own stands in the
    /// transaction alone.
    fn decided_by(
        &self,
        caller: &Caller,
        action: &str,
        gid: &Gid,
        reason: &str,
    ) -> Option<AuditRecord> {
        let is_named = caller.operator().is_named();
        is_named.then(|| self.record(caller, action, gid, None, reason.to_owned()))
    }

    fn prepare_cancelled(
        &self,
        gid: &Gid,
        reason: &str,
        audit: Option<AuditRecord>,
    ) -> Result<Begin, ApiError> {
        self.refuse_new_while_draining()?;
        let slot = self.transactions.shared().admission.undecided()?;
        let begun = Begun {
            gid: gid.clone(),
            mode: Mode::CancelledUnknown,
            content: ContentHash::default(),
            options: Arc::new(Options::default()),
            // It calls nobody.
            trace_parent: Arc::from(""),
            at: self.now(),
            cause: Some(CancelCause {
                reason: CancelReason::Requested,
                branch: None,
                error: None,
                note: reason.to_owned(),
            }),
            branches: Vec::new(),
        };
        let audit = audit.map(Box::new);
        Ok(Begin { begun, slot, audit })
    }
}

fn cancelled(shown: Shown<'_>) -> pb::CancelTransactionResponse {
    pb::CancelTransactionResponse {
        transaction: Some(shown.message(Detail::Whole)),
        was_unknown: shown.transaction.mode == Mode::CancelledUnknown,
    }
}
