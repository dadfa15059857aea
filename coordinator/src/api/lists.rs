//! `ListTransactions`, `ListAuditRecords` and `ListParticipants`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;
use tercet_core::{Gid, ParticipantName, Timestamp, TransactionState};
use tercet_log::{AuditFilter, AuditRecord, Filter, GIDS_MAX, Page, PageToken, SessionId, Stored};
use tercet_proto::tercet::v1 as pb;

use super::Api;
use crate::errors::{ApiError, Reason};
use crate::participants::Participant;
use crate::validate;
use crate::view::{self, Detail, Shown};

const PAGE_SIZE_DEFAULT: usize = 100;
const PAGE_SIZE_MAX: usize = 500;
/// A page of transactions ends before it has more bytes: clients decode messages of up to 4 MiB.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

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

fn gids(sent: &[String]) -> Result<BTreeSet<Gid>, ApiError> {
    if sent.len() > GIDS_MAX {
        return Err(bad("gids", format!("more than {GIDS_MAX} gids")));
    }
    let gids = sent.iter().map(|sent| Gid::parse(sent));
    gids.collect::<Result<_, _>>()
        .map_err(|error| bad("gids", format!("gids: one {error}")))
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
            gids: gids(&request.gids)?,
        };
        let after = page_token(&request.page_token)?;
        let size = page_size(request.page_size)?;
        let shared = self.transactions.shared();
        let page = shared.log.list(&filter, after.as_ref(), size).await?;
        for damaged in &page.damaged {
            tracing::error!(gid = damaged.gid, error = %damaged.error, "a row of the log can't be read");
        }
        let owners = self.owners(&page.items).await?;
        let mut transactions = Vec::with_capacity(page.items.len());
        let mut bytes = 0;
        for (index, stored) in page.items.iter().enumerate() {
            let owner = owners.get(&stored.owner);
            let shown = Shown {
                transaction: &stored.transaction,
                calls: None,
                owner: owner.map_or("", String::as_str),
            };
            let message = shown.message(Detail::Brief);
            bytes += message.encoded_len();
            if bytes > PAGE_BYTES_MAX
                && let Some(last) = index.checked_sub(1).and_then(|last| page.items.get(last))
            {
                return Ok(pb::ListTransactionsResponse {
                    transactions,
                    next_page_token: PageToken::after(&last.transaction).to_string(),
                });
            }
            transactions.push(message);
        }
        Ok(pb::ListTransactionsResponse {
            transactions,
            next_page_token: next_token(&page),
        })
    }

    /// Where the owners of those that are open are reached.
    async fn owners(&self, listed: &[Stored]) -> Result<BTreeMap<SessionId, String>, ApiError> {
        let shared = self.transactions.shared();
        let own = shared.log.session().id;
        let mut owners = BTreeMap::from([(own, shared.advertised.to_string())]);
        let is_others =
            |stored: &Stored| stored.owner != own && !stored.transaction.state.is_ended();
        if let Some(log) = shared.log.shared()
            && listed.iter().any(is_others)
        {
            for session in log.sessions().await? {
                owners.entry(session.id).or_insert(session.endpoint);
            }
        }
        Ok(owners)
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

    /// The participant of that name, which must be configured.
    pub(super) fn known_participant(&self, name: &str) -> Result<&Participant, ApiError> {
        let parsed = validate::participant_name(name)?;
        let participant = self.transactions.shared().participants.get(&parsed);
        participant
            .map(|participant| &**participant)
            .ok_or_else(|| validate::unknown_participant(name))
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
        before: record.before,
        after: record.after,
    }
}
