//! `tercet participants`.

use tercet_client::proto::{
    ListParticipantsResponse, Participant, PauseParticipantResponse, ResumeParticipantResponse,
};

use super::Context;
use crate::{
    cli::{ParticipantAction, Participants},
    clock,
    failure::Failure,
    output,
    render::tables,
};

pub(super) async fn run(context: &Context, command: Participants) -> Result<(), Failure> {
    let admin = context.client()?.admin();
    match command.action.unwrap_or(ParticipantAction::List) {
        ParticipantAction::List => {
            let participants = admin.list_participants().await?;
            let response = ListParticipantsResponse { participants };
            context.show("tercet.v1.ListParticipantsResponse", &response, |it| {
                table(&it.participants)
            })
        }
        ParticipantAction::Pause { name, reason } => {
            let participant = Some(admin.pause_participant(name, reason).await?);
            let response = PauseParticipantResponse { participant };
            context.show("tercet.v1.PauseParticipantResponse", &response, |it| {
                table(it.participant.as_slice())
            })
        }
        ParticipantAction::Resume { name, reason } => {
            let participant = Some(admin.resume_participant(name, reason).await?);
            let response = ResumeParticipantResponse { participant };
            context.show("tercet.v1.ResumeParticipantResponse", &response, |it| {
                table(it.participant.as_slice())
            })
        }
    }
}

fn table(participants: &[Participant]) -> String {
    tables::participants(participants, clock::now(), output::style())
}
