//! What one transaction has told already.

use std::sync::Arc;

use tercet_core::{Attention, GlobalTransaction};

use super::{Alerts, Cause, Raised};
use crate::participants::Participants;

/// How far something has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Flag {
    #[default]
    Nothing,
    Attention,
    Parked,
}

impl Flag {
    fn of(attention: Option<&Attention>) -> Self {
        match attention {
            None => Self::Nothing,
            Some(attention) if attention.parked => Self::Parked,
            Some(_) => Self::Attention,
        }
    }
}

/// What has been told of one transaction. Empty, and free, as long as nothing is the matter.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    own: Flag,
    branches: Vec<Flag>,
}

impl Flags {
    /// Raises what is new.
    pub(crate) fn look(
        &mut self,
        transaction: &GlobalTransaction,
        participants: &Participants,
        alerts: &Alerts,
    ) {
        let is_flagged = transaction.oldest_attention().is_some();
        if !is_flagged && self.own == Flag::Nothing && self.branches.is_empty() {
            return;
        }
        let own = Flag::of(transaction.attention.as_ref());
        if let Some(attention) = &transaction.attention
            && own > self.own
        {
            alerts.raise(about_itself(transaction, attention, participants));
        }
        self.own = own;
        self.branches
            .resize(transaction.branches.len(), Flag::Nothing);
        for (told, branch) in self.branches.iter_mut().zip(&transaction.branches) {
            let flag = Flag::of(branch.attention.as_ref());
            if let Some(attention) = &branch.attention
                && flag > *told
            {
                let name = &branch.definition.participant;
                let is_configured = participants.get(name).is_some();
                alerts.raise(Raised {
                    gid: transaction.gid.clone(),
                    branch: Some(branch.definition.id.clone()),
                    participant: label(name.as_str(), is_configured),
                    cause: Cause::of(transaction, branch, is_configured),
                    why: attention.why.clone(),
                });
            }
            *told = flag;
        }
    }
}

fn about_itself(
    transaction: &GlobalTransaction,
    attention: &Attention,
    participants: &Participants,
) -> Raised {
    let initiator = transaction.options.initiator.as_ref();
    let participant = initiator.map(|initiator| &initiator.participant);
    let is_configured = participant.is_some_and(|name| participants.get(name).is_some());
    Raised {
        gid: transaction.gid.clone(),
        branch: None,
        participant: label(participant.map_or("", |name| name.as_str()), is_configured),
        cause: if initiator.is_some() {
            Cause::Initiator
        } else {
            Cause::Other
        },
        why: attention.why.clone(),
    }
}

/// Names that aren't configured have one group and one series together: there may be any number of them.
fn label(name: &str, is_configured: bool) -> Arc<str> {
    if is_configured {
        name.into()
    } else {
        "".into()
    }
}
