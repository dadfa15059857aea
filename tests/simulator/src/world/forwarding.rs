//! Requests about transactions that another coordinator owns: sent on, once, or their transactions taken over.

use tercet_core::Rejection;
use tercet_core::cluster::{OwnedBy, Route, route};

use super::World;
use super::event::{Event, Request};
use crate::bugs::Bug;
use crate::observation::{Observed, Refusal};
use crate::run::Shape;

impl World {
    /// Deals with a request about an open transaction that this coordinator doesn't drive, if it belongs elsewhere.
    pub(super) fn is_elsewhere(&mut self, request: &Request) -> bool {
        let Some(row) = self.log.row(&request.gid) else {
            return false;
        };
        if self.shape == Shape::One || row.state.state.is_ended() {
            return false;
        }
        let owner = row.owner;
        let owned_by = if owner == self.session() {
            OwnedBy::Us
        } else if !self.log.holds(owner) || self.bug == Some(Bug::AdoptsFromLiving) {
            OwnedBy::Fenced
        } else {
            OwnedBy::Other(owner)
        };
        let is_forwarded = request.hops > 0 && self.bug != Some(Bug::ForwardedAgain);
        let at = self.at_session(owner);
        // Nobody answers where the process has gone.
        let gone = at
            .is_none_or(|at| !self.coordinators[at].up)
            .then_some(&owner);
        match route(is_forwarded, 1, owned_by, gone) {
            Route::Here => false,
            Route::Adopt if self.log.up => {
                self.adopt_one(&request.gid);
                false
            }
            Route::Adopt => {
                let why = Rejection::LogUnavailable("no connection".to_owned());
                self.refuse(request, Refusal::Core(why));
                true
            }
            Route::Forward(_) => {
                self.forward(request, at.unwrap_or(self.me));
                true
            }
            Route::NotOwner => {
                self.refuse(request, Refusal::Core(Rejection::NotOwner));
                true
            }
        }
    }

    fn forward(&mut self, request: &Request, to: usize) {
        let to = if self.rng.chance(self.cluster.moved) {
            self.any_coordinator()
        } else {
            to
        };
        let mut request = request.clone();
        request.hops += 1;
        self.stats.forwarded += 1;
        self.observe(Observed::Forwarded {
            gid: request.gid.clone(),
            hops: request.hops,
        });
        if self.rng.chance(self.faults.lost) {
            return;
        }
        let at = self.now + self.delay();
        let request = Box::new(request);
        self.queue
            .schedule(at, Event::RequestArrives { to, request });
    }
}
