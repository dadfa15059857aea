//! From a request to what may begin: names, what participants are like now, JSON, overload; in this order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tercet_core::{BranchDefinition, Options, Phase, TriedBy};

use super::Api;
use crate::config::ActionConfig;
use crate::errors::{ApiError, Reason};
use crate::participants::Participant;
use crate::validate::{self, CheckedBranch, Payload};

/// When a caller may come again whose participant is paused. A person has to resume it, so this is a guess.
const PAUSED_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A branch whose names are configured.
struct Named<'a> {
    branch: CheckedBranch,
    participant: &'a Arc<Participant>,
    action: &'a ActionConfig,
}

impl Api {
    /// The definitions of branches whose shape is right.
    pub(super) async fn define(
        &self,
        branches: Vec<CheckedBranch>,
        tried_by: TriedBy,
    ) -> Result<Vec<Arc<BranchDefinition>>, ApiError> {
        let named = branches
            .into_iter()
            .map(|branch| self.named(branch))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_paused(&named)?;
        if tried_by == TriedBy::Coordinator {
            refuse_down(&named)?;
        }
        let mut definitions = Vec::with_capacity(named.len());
        for branch in &named {
            definitions.push(self.definition(branch, tried_by).await?);
        }
        let bytes = definitions
            .iter()
            .map(|definition| definition.payload.len());
        validate::payloads_within(bytes.sum(), &self.limits)?;
        for branch in &named {
            let admission = &self.transactions.shared().admission;
            admission.participant(branch.participant)?;
        }
        Ok(definitions)
    }

    fn named(&self, branch: CheckedBranch) -> Result<Named<'_>, ApiError> {
        let participants = &self.transactions.shared().participants;
        let Some(participant) = participants.get(&branch.participant) else {
            let unknown = validate::unknown_participant(branch.participant.as_str());
            let field = format!("{}.participant", branch.field);
            return Err(ApiError::field(unknown.reason, field, unknown.message));
        };
        let Some(action) = participant.action(&branch.action) else {
            let field = format!("{}.action", branch.field);
            let message = format!(
                "participant {} has no action {}",
                branch.participant, branch.action
            );
            return Err(ApiError::field(Reason::UnknownAction, field, message));
        };
        Ok(Named {
            branch,
            participant,
            action,
        })
    }

    async fn definition(
        &self,
        named: &Named<'_>,
        tried_by: TriedBy,
    ) -> Result<Arc<BranchDefinition>, ApiError> {
        let branch = &named.branch;
        Ok(Arc::new(BranchDefinition {
            id: branch.id.clone(),
            participant: branch.participant.clone(),
            action: branch.action.clone(),
            service: Arc::clone(&named.action.service),
            verbs: named.action.verbs,
            payload: self.payload(named).await?,
            content: branch.content,
            tried_by,
        }))
    }

    async fn payload(&self, named: &Named<'_>) -> Result<Bytes, ApiError> {
        match &named.branch.payload {
            Payload::Message(bytes) => Ok(bytes.clone()),
            Payload::Json(json) => {
                let field = &named.branch.field;
                let bytes = self
                    .schemas
                    .encode(named.participant, named.action, json, field)
                    .await?;
                validate::payload_within(bytes.len(), field, &self.limits)?;
                Ok(bytes)
            }
        }
    }

    /// Whether the initiator that is to be asked is configured.
    pub(super) fn initiator_is_known(&self, options: &Options) -> Result<(), ApiError> {
        let Some(initiator) = &options.initiator else {
            return Ok(());
        };
        if self
            .transactions
            .shared()
            .participants
            .get(&initiator.participant)
            .is_some()
        {
            Ok(())
        } else {
            let unknown = validate::unknown_participant(initiator.participant.as_str());
            let field = "options.initiator.participant";
            Err(ApiError::field(unknown.reason, field, unknown.message))
        }
    }
}

/// Refuses what names a participant that a person has paused.
fn refuse_paused(named: &[Named<'_>]) -> Result<(), ApiError> {
    for branch in named {
        if branch.participant.pause().is_some() {
            let message = format!("participant {} is paused", branch.participant.name);
            let paused = ApiError::new(Reason::ParticipantPaused, message);
            return Err(paused.after(PAUSED_RETRY_AFTER));
        }
    }
    Ok(())
}

/// Refuses while a participant that is to be tried doesn't answer. Each is asked once: a half-open breaker lets one
/// transaction through, not one branch.
fn refuse_down(named: &[Named<'_>]) -> Result<(), ApiError> {
    let mut asked: Vec<&Arc<Participant>> = Vec::with_capacity(named.len());
    for branch in named {
        let participant = branch.participant;
        let is_asked = asked.iter().any(|other| Arc::ptr_eq(other, participant));
        if is_asked || !branch.action.verbs.has(Phase::Try) {
            continue;
        }
        asked.push(participant);
        participant.admit().map_err(|retry_after| {
            let message = format!("participant {} doesn't answer", participant.name);
            ApiError::new(Reason::ParticipantDown, message).after(retry_after)
        })?;
    }
    Ok(())
}
