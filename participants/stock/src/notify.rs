//! The action `stock.notify`: a message to the warehouse, written once, after the decision.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, Verbs, now_micros};
use tercet_proto::shop::stock::v1::NotifyRequest;

use super::{Connection, Db, queries};

const SUBJECT_LENGTH_MAX: usize = 128;
/// Bytes.
const TEXT_LENGTH_MAX: usize = 1000;

/// Writes a notice.
#[derive(Debug)]
pub(super) struct Notify;

impl Action for Notify {
    type Db = Db;
    type Request = NotifyRequest;
    type Reply = ();
    const SERVICE: &'static str = crate::NOTIFY;
    const VERBS: Verbs = Verbs::Confirm;

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: NotifyRequest,
    ) -> Result<(), ActionError> {
        let NotifyRequest { subject, text } = request;
        // Can't be refused any more: the coordinator flags the branch for a person.
        if !tercet_participant::is_id(&subject, SUBJECT_LENGTH_MAX) || text.len() > TEXT_LENGTH_MAX
        {
            let message =
                "subject must be 1 to 128 visible ASCII characters, text at most 1000 bytes";
            return Err(Refusal::invalid("INVALID_NOTICE", message).into());
        }
        queries::insert_notice(connection, context, &subject, &text, now_micros()).await?;
        Ok(())
    }
}
