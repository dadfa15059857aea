//! `ListTransactions`, `ListAuditRecords`, `ListParticipants` and `GetStatus`.

use std::collections::BTreeSet;
use std::time::Duration;

use tercet_core::{Gid, ParticipantName, Timestamp, TransactionState};
use tercet_log::{AuditFilter, AuditRecord, Filter, Page, PageToken};
use tercet_proto::tercet::v1 as pb;

use super::Api;
use crate::errors::{ApiError, Reason};
use crate::validate;
use crate::view::{self, Detail, Shown};

const PAGE_SIZE_DEFAULT: usize = 100;
const PAGE_SIZE_MAX: usize = 500;

fn bad(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::field(Reason::InvalidRequest, field, message)
}

fn page_size(sent: i32) -> Result<usize, ApiError> {
    match usize::try_from(sent) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(bad("page_size", format!("page_size {sent} is negative"))),
    }
}

fn page_token(sent: &str) -> Result<Option<PageToken>, ApiError> {
    if sent.is_empty() {
        return Ok(None);
    }
    let token = sent.parse();
    token
        .map(Some)
        .map_err(|error| bad("page_token", format!("{error}")))
}

fn next_token<T>(page: &Page<T>) -> String {
    page.next
        .as_ref()
        .map_or_else(String::new, ToString::to_string)
}

fn state(sent: i32) -> Result<TransactionState, ApiError> {
    TransactionState::ALL
        .into_iter()
        .find(|state| view::state(*state) as i32 == sent)
        .ok_or_else(|| bad("states", format!("{sent} is no state of a transaction")))
}

fn participant(sent: &str) -> Result<Option<ParticipantName>, ApiError> {
    if sent.is_empty() {
        return Ok(None);
    }
    let name = ParticipantName::parse(sent);
    name.map(Some)
        .map_err(|error| bad("participant", format!("participant {error}")))
}

impl Api {
    /// Transactions that meet every condition, newest first.
    pub(super) async fn list(
        &self,
        request: pb::ListTransactionsRequest,
    ) -> Result<pb::ListTransactionsResponse, ApiError> {
        let states = request.states.iter().map(|sent| state(*sent));
        let filter = Filter {
            states: states.collect::<Result<BTreeSet<_>, _>>()?,
            labels: request.labels.into_iter().collect(),
            participant: participant(&request.participant)?,
            begun_before: match request.older_than {
                Some(age) => Some(begun_before(age, self.now())?),
                None => None,
            },
            needs_attention: request.needs_attention,
        };
        let after = page_token(&request.page_token)?;
        let size = page_size(request.page_size)?;
        let shared = self.transactions.shared();
        let page = shared.log.list(&filter, after.as_ref(), size).await?;
        for damaged in &page.damaged {
            tracing::error!(gid = damaged.gid, error = %damaged.error, "a row of the log can't be read");
        }
        let session = shared.log.session().id;
        let next_page_token = next_token(&page);
        let transactions = page.items.iter().map(|stored| {
            let owner = if stored.owner == session {
                &*shared.advertised
            } else {
                ""
            };
            let shown = Shown {
                transaction: &stored.transaction,
                run: None,
                owner,
            };
            shown.message(Detail::Brief)
        });
        Ok(pb::ListTransactionsResponse {
            transactions: transactions.collect(),
            next_page_token,
        })
    }

    /// What people have done, newest first.
    pub(super) async fn list_audit(
        &self,
        request: pb::ListAuditRecordsRequest,
    ) -> Result<pb::ListAuditRecordsResponse, ApiError> {
        let gid = match request.gid.as_str() {
            "" => None,
            gid => {
                let gid = Gid::parse(gid);
                Some(gid.map_err(|error| bad("gid", format!("gid {error}")))?)
            }
        };
        let filter = AuditFilter {
            gid,
            participant: participant(&request.participant)?,
        };
        let after = page_token(&request.page_token)?;
        let size = page_size(request.page_size)?;
        let log = &self.transactions.shared().log;
        let page = log.list_audit(&filter, after.as_ref(), size).await?;
        Ok(pb::ListAuditRecordsResponse {
            next_page_token: next_token(&page),
            records: page.items.into_iter().map(audit_record).collect(),
        })
    }

    /// Every configured participant, by name.
    pub(super) fn list_participants(&self) -> pb::ListParticipantsResponse {
        let participants = self.transactions.shared().participants.iter();
        pb::ListParticipantsResponse {
            participants: participants
                .map(|participant| participant.message())
                .collect(),
        }
    }

    /// How this coordinator is doing.
    pub(super) fn status(&self) -> pb::GetStatusResponse {
        let shared = self.transactions.shared();
        let open = [
            TransactionState::Trying,
            TransactionState::Confirming,
            TransactionState::Cancelling,
        ];
        let metrics = shared.log.metrics();
        let handles = shared.registry.all();
        let oldest = handles
            .iter()
            .map(crate::transactions::Handle::begun_at)
            .min();
        pb::GetStatusResponse {
            coordinator_id: shared.log.session().id.0.to_string(),
            advertised_address: shared.advertised.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            draining: self.drain.is_draining(),
            open: open
                .into_iter()
                .map(|state| pb::StateCount {
                    state: view::state(state) as i32,
                    count: shared.gauges.count(state),
                })
                .collect(),
            oldest_unresolved_begun_at: oldest.map(view::timestamp),
            parked: shared.gauges.parked(),
            log_queue_depth: metrics.queue_depth,
            last_batch_entries: metrics.last_batch,
            log_batches: metrics.batches,
            log_entries: metrics.appended,
            last_batch_took: Some(view::duration(metrics.last_latency)),
            uptime: Some(view::duration(self.started_at.elapsed())),
            waiting: shared
                .participants
                .iter()
                .map(|participant| pb::ParticipantWaiting {
                    participant: participant.name.as_str().to_owned(),
                    waiting: participant.waiting(),
                })
                .collect(),
        }
    }

    /// The participant of that name, which must be configured.
    pub(super) fn known_participant(&self, name: &str) -> Result<(), ApiError> {
        let parsed = validate::participant_name(name)?;
        match self.transactions.shared().participants.get(&parsed) {
            Some(_) => Ok(()),
            None => Err(validate::unknown_participant(name)),
        }
    }
}

fn begun_before(older_than: prost_types::Duration, now: Timestamp) -> Result<Timestamp, ApiError> {
    let age =
        Duration::try_from(older_than).map_err(|_| bad("older_than", "older_than is negative"))?;
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let micros = now.as_micros().saturating_sub(age);
    Ok(Timestamp::from_micros(micros))
}

fn audit_record(record: AuditRecord) -> pb::AuditRecord {
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    pb::AuditRecord {
        time: Some(view::timestamp(record.at)),
        gid: text(record.gid.as_ref().map(Gid::as_str)),
        branch_id: text(record.branch.as_ref().map(tercet_core::BranchId::as_str)),
        participant: text(record.participant.as_ref().map(ParticipantName::as_str)),
        who: record.who,
        action: record.action,
        reason: record.reason,
    }
}
