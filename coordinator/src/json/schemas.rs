//! The request messages of actions, read once from each participant and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prost_reflect::MessageDescriptor;
use prost_types::Struct;
use tercet_core::{ParticipantName, Phase, Verbs};
use tokio::time::Instant;

use super::convert::{JsonError, encode};
use super::reflection;
use crate::config::{ActionConfig, phases};
use crate::errors::{ApiError, Reason};
use crate::participants::Participant;

/// A schema younger than this isn't read again because a payload doesn't fit it.
const REFRESH_AFTER: Duration = Duration::from_secs(5);

/// One for each service of each participant that JSON was sent for: the configuration bounds them.
type Kept = HashMap<(ParticipantName, Arc<str>), Schema>;

#[derive(Clone, Debug)]
struct Schema {
    message: MessageDescriptor,
    read_at: Instant,
}

/// The schemas that are known.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    kept: Mutex<Kept>,
}

impl Schemas {
    /// The JSON value as the action's request message, encoded.
    pub(crate) async fn encode(
        &self,
        participant: &Participant,
        action: &ActionConfig,
        json: &Struct,
        field: &str,
    ) -> Result<Bytes, ApiError> {
        let schema = match self.kept(participant, action) {
            Some(schema) => schema,
            None => self.read(participant, action).await?,
        };
        let refusal = match encode(&schema.message, json) {
            Ok(bytes) => return Ok(bytes),
            Err(refusal) => refusal,
        };
        // The participant may have learnt new fields since. If it can't be asked now, the old answer stands.
        if schema.read_at.elapsed() >= REFRESH_AFTER
            && let Ok(fresh) = self.read(participant, action).await
        {
            return encode(&fresh.message, json).map_err(|refusal| invalid(field, &refusal));
        }
        Err(invalid(field, &refusal))
    }

    fn kept(&self, participant: &Participant, action: &ActionConfig) -> Option<Schema> {
        let key = (participant.name.clone(), Arc::clone(&action.service));
        self.lock().get(&key).cloned()
    }

    async fn read(
        &self,
        participant: &Participant,
        action: &ActionConfig,
    ) -> Result<Schema, ApiError> {
        let read = reflection::request_message(
            participant.channel(),
            &action.service,
            method_of(action.verbs),
        );
        let message = match tokio::time::timeout(participant.timeout(), read).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return Err(unavailable(participant, action, &error.to_string())),
            Err(_) => return Err(unavailable(participant, action, "no answer in time")),
        };
        let schema = Schema {
            message,
            read_at: Instant::now(),
        };
        let key = (participant.name.clone(), Arc::clone(&action.service));
        self.lock().insert(key, schema.clone());
        Ok(schema)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing panics while it is held.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All verbs take the same message; the first one that the action has tells which.
fn method_of(verbs: Verbs) -> &'static str {
    match phases(verbs).next() {
        Some(Phase::Try) => "Try",
        Some(Phase::Cancel) => "Cancel",
        Some(Phase::Confirm) | None => "Confirm",
    }
}

fn invalid(field: &str, error: &JsonError) -> ApiError {
    let path = if error.path.is_empty() {
        format!("{field}.json")
    } else {
        format!("{field}.json.{}", error.path)
    };
    let message = format!("{path}: {}", error.problem);
    ApiError::field(Reason::InvalidPayload, path, message)
}

fn unavailable(participant: &Participant, action: &ActionConfig, why: &str) -> ApiError {
    let message = format!(
        "the schema of {} can't be read from participant {} now: {why}",
        action.service, participant.name
    );
    ApiError::new(Reason::SchemaUnavailable, message)
}
