//! `tercet audit`.

use tercet_client::proto::ListAuditRecordsResponse;

use super::Context;
use crate::{cli::Audit, failure::Failure, output, render::tables};

pub(super) async fn run(context: &Context, command: Audit) -> Result<(), Failure> {
    let mut list = context.client()?.admin().list_audit();
    if let Some(gid) = command.gid {
        list = list.gid(gid);
    }
    if let Some(participant) = command.participant {
        list = list.participant(participant);
    }
    let records = list.all(usize::from(command.limit)).await?;
    let response = ListAuditRecordsResponse {
        records,
        next_page_token: String::new(),
    };
    context.show("tercet.v1.ListAuditRecordsResponse", &response, |it| {
        tables::audit(&it.records, output::style())
    })
}
