//! One message: its gid, its receiver and what it says.

use bytes::Bytes;
use tercet_database::classify;
use thiserror::Error;

use super::SEGMENTS;
use crate::check::is_id;
use crate::error::ActionError;

/// The longest gid.
const GID_LENGTH_MAX: usize = 128;
/// The longest name of a participant or an action.
const NAME_LENGTH_MAX: usize = 64;
/// The largest payload, as the coordinator takes it unless told otherwise.
const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// A message for one action of one participant, which has confirm as its only verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    gid: String,
    participant: String,
    action: String,
    payload: Bytes,
}

/// Why a message isn't written.
#[derive(Debug, Error)]
pub enum MessageError {
    /// A part of it can't be right.
    #[error("{0}")]
    Invalid(&'static str),
    /// The coordinator asked about this gid before it was written, and was told that it never will be. Roll back.
    #[error("the message {gid} came too late: the coordinator was told that it won't be sent")]
    Aborted {
        /// The message's gid.
        gid: String,
    },
    /// The database.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl MessageError {
    /// Whether the same business change may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Aborted { .. } => false,
            Self::Database(error) => classify(error).is_retryable(),
        }
    }
}

impl From<MessageError> for ActionError {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Database(error) => Self::Database(error),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl Message {
    /// A message under the global transaction `gid`, which names it for good: the same gid is the same message.
    /// `participant` and `action` are the names in the coordinator's configuration.
    ///
    /// # Errors
    ///
    /// [`MessageError::Invalid`] for a name that the coordinator would refuse.
    pub fn new(
        gid: impl Into<String>,
        participant: impl Into<String>,
        action: impl Into<String>,
    ) -> Result<Self, MessageError> {
        let (gid, participant, action) = (gid.into(), participant.into(), action.into());
        if !is_id(&gid, GID_LENGTH_MAX) {
            return Err(MessageError::Invalid(
                "a message's gid is 1 to 128 visible ASCII characters",
            ));
        }
        if !is_id(&participant, NAME_LENGTH_MAX) || !is_id(&action, NAME_LENGTH_MAX) {
            return Err(MessageError::Invalid(
                "a message's participant and action are 1 to 64 visible ASCII characters",
            ));
        }
        Ok(Self {
            gid,
            participant,
            action,
            payload: Bytes::new(),
        })
    }

    /// What it says: the request message of the action.
    ///
    /// # Errors
    ///
    /// [`MessageError::Invalid`] when it is larger than a payload may be.
    pub fn saying(mut self, request: &impl prost::Message) -> Result<Self, MessageError> {
        let payload = request.encode_to_vec();
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(MessageError::Invalid("a message says at most 1 MiB"));
        }
        self.payload = payload.into();
        Ok(self)
    }

    /// The same with a payload that was written before.
    pub(super) fn with_payload(mut self, payload: Bytes) -> Self {
        self.payload = payload;
        self
    }

    /// Its global transaction.
    pub fn gid(&self) -> &str {
        &self.gid
    }

    /// Whose action it is for.
    pub fn participant(&self) -> &str {
        &self.participant
    }

    /// The action it is for.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The action's request, encoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// The segment of a gid: the same in every version, since it is stored (FNV-1a).
pub fn segment_of(gid: &str) -> u8 {
    let mut hash = 0x811c_9dc5_u32;
    for byte in gid.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let [first, second, third, fourth] = hash.to_be_bytes();
    (first ^ second ^ third ^ fourth) % SEGMENTS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn names_are_those_that_the_coordinator_takes() {
        Message::new("g", "p", "a").unwrap();
        for (gid, participant, action) in [
            ("", "p", "a"),
            ("a b", "p", "a"),
            ("g", "", "a"),
            ("g", "p", "é"),
        ] {
            let error = Message::new(gid, participant, action).unwrap_err();
            assert!(matches!(error, MessageError::Invalid(_)) && !error.is_retryable());
        }
        Message::new("g".repeat(128), "p", "a").unwrap();
        Message::new("g".repeat(129), "p", "a").unwrap_err();
    }

    #[test]
    fn segments_are_stored_and_stay_and_spread() {
        assert_eq!(segment_of("notify-1-paid"), segment_of("notify-1-paid"));
        assert_eq!((segment_of("a"), segment_of("")), (45, 5));
        let mut counts = [0_u32; SEGMENTS as usize];
        for number in 0..64_000 {
            counts[usize::from(segment_of(&format!("notify-{number}-paid")))] += 1;
        }
        assert!(
            counts.iter().all(|count| (700..1_300).contains(count)),
            "{counts:?}"
        );
    }
}
