//! Calls to participants: the directory of the configured ones, and everything on the way to them.
//!
//! ```text
//! Participants::call   by name; one that isn't configured any more is flagged, not dropped
//!   Participant::call  an endpoint in turn, the time-out
//!     Turns::take      the gate (paused or not), the share of retries, a permit (max_in_flight)
//!     unary::exchange  one call, from bytes to bytes
//!   classify           what the answer means: done, refused, in doubt
//! ```
//!
//! A slow or dead participant holds up nobody but those who wait for it: turns, breaker and endpoints are its
//! own. Must never: decide what follows from an answer; that is the core's.

mod breaker;
mod classify;
mod endpoints;
mod fences;
mod gate;
mod initiator;
mod metadata;
mod order;
mod participant;
mod turns;
mod unary;

use std::collections::BTreeMap;
use std::sync::Arc;

use tercet_core::{BranchIndex, CallReport, Gid, ParticipantName};

pub(crate) use breaker::BreakerState;
pub(crate) use classify::outcome_of;
use endpoints::Endpoints;
pub(crate) use endpoints::{AddressError, EndpointNow};
pub(crate) use metadata::CallOrder;
pub(crate) use order::{CallsOut, TryDeadline};
pub(crate) use participant::{Participant, Waiting};

use crate::Connect;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::CallFamilies;

/// The configured participants.
#[derive(Debug)]
pub(crate) struct Participants {
    all: BTreeMap<ParticipantName, Arc<Participant>>,
    clock: Clock,
}

impl Participants {
    /// Opens no connection yet.
    pub(crate) fn new(
        config: &Config,
        connect: &Connect,
        clock: &Clock,
        families: &CallFamilies,
    ) -> Result<Self, AddressError> {
        let max = config.limits.try_response_bytes;
        let all = config
            .participants
            .iter()
            .map(|(key, participant)| {
                let endpoints = Endpoints::new(participant, connect)?;
                let name = key.0.clone();
                let meters = families.of(name.as_str());
                let participant = participant.clone();
                let made = Participant::new(name, participant, endpoints, max, clock, meters);
                Ok((key.0.clone(), Arc::new(made)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            all,
            clock: clock.clone(),
        })
    }

    /// The participant of that name.
    pub(crate) fn get(&self, name: &ParticipantName) -> Option<&Arc<Participant>> {
        self.all.get(name)
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Participant>> {
        self.all.values()
    }

    /// The call of that branch needn't wait until its participant is resumed, if it does.
    pub(crate) fn let_go(&self, name: &ParticipantName, gid: &Gid, branch: BranchIndex) {
        if let Some(participant) = self.get(name) {
            participant.let_go(gid, branch);
        }
    }

    /// Makes one call of a branch, however it ends.
    pub(crate) async fn call(&self, order: CallOrder) -> CallReport {
        match self.get(&order.definition.participant) {
            Some(participant) => participant.call(&order).await,
            None => participant::unconfigured(&order, self.clock.now()),
        }
    }
}
