//! Which participants are paused: the log has it, and every coordinator on the log follows.
//!
//! Whoever changes it writes the log first. The others read the log with each beat, so a pause holds for all of them one
//! beat later. Must never: shut or open a gate that the log doesn't say is shut or open.

use tercet_core::ParticipantName;
use tercet_log::{AuditRecord, Log, LogError, Pause};
use tokio::sync::Mutex;

use crate::participants::Participants;

/// Between what the log says and the gates before the participants.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// Held from the reading of the log to the last gate, so that an older reading never undoes a newer one.
    turn: Mutex<()>,
}

impl Pauses {
    /// Reads the log, and shuts and opens gates as it says.
    pub(crate) async fn follow(
        &self,
        log: &Log,
        participants: &Participants,
    ) -> Result<(), LogError> {
        let _turn = self.turn.lock().await;
        let pauses = log.pauses().await?;
        let pause_of = |name: &ParticipantName| pauses.iter().find(|it| it.participant == *name);
        for participant in participants.iter() {
            let pause = pause_of(&participant.name);
            if participant.set_pause(pause) {
                say(&participant.name, pause);
            }
        }
        Ok(())
    }

    /// Records what a person wants, and makes it so here.
    pub(crate) async fn set(
        &self,
        log: &Log,
        participants: &Participants,
        record: &AuditRecord,
        is_paused: bool,
    ) -> Result<(), LogError> {
        log.set_paused(record, is_paused).await?;
        self.follow(log, participants).await
    }
}

fn say(participant: &ParticipantName, pause: Option<&Pause>) {
    let participant = participant.as_str();
    if let Some(Pause { who, reason, .. }) = pause {
        tracing::warn!(participant, who, reason, "paused: it gets no calls");
    } else {
        tracing::info!(participant, "resumed: it gets calls again");
    }
}
