//! Names of endpoints, resolved again and again: instances come, go and move.
//!
//! Nobody waits for a look-up, and none is made where no call is: whoever picks an endpoint has one started when the last
//! is old enough, or sooner after a failure, and goes on with the addresses that are known. A look-up that fails or finds
//! nothing changes nothing. Numbers are never looked up.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tercet_service::Endpoint as Address;
use tokio::time::{Instant, timeout};
use tonic::transport::Endpoint as Target;

use super::{Endpoint, Endpoints, settings};
use crate::surroundings::Resolve;

/// Between two look-ups.
const EVERY: Duration = Duration::from_secs(5);
/// The same after a call has failed.
const EVERY_IN_DOUBT: Duration = Duration::from_millis(500);
/// A look-up that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(2);
/// Addresses of one name that are used; a participant with more instances needs a balancer.
const ADDRESSES_MAX: usize = 64;

/// An address that no channel can be made for.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {source}")]
pub(crate) struct AddressError {
    address: String,
    source: tonic::transport::Error,
}

/// A configured endpoint.
#[derive(Debug)]
pub(super) struct Name {
    address: Address,
    target: Target,
}

impl Name {
    pub(super) fn new(
        address: &Address,
        settings: impl Fn(Target) -> Target,
    ) -> Result<Self, AddressError> {
        let target = Target::from_shared(address.to_string());
        let target = target.map_err(|source| AddressError {
            address: address.to_string(),
            source,
        })?;
        Ok(Self {
            address: address.clone(),
            target: settings(target),
        })
    }

    /// It at one of its addresses, where it is still called by its name.
    fn at(&self, address: SocketAddr, settings: impl Fn(Target) -> Target) -> Option<Target> {
        let scheme = if self.address.is_tls() {
            "https"
        } else {
            "http"
        };
        let target = Target::from_shared(format!("{scheme}://{address}")).ok()?;
        Some(settings(target).origin(self.target.uri().clone()))
    }

    fn is_number(&self) -> bool {
        self.address.host().parse::<IpAddr>().is_ok()
    }
}

/// When names are looked up.
#[derive(Debug, Default)]
struct Schedule {
    /// When the last look-up was begun.
    last: Option<Instant>,
    is_under_way: bool,
    is_in_doubt: bool,
}

/// All configured endpoints, and when they are looked up.
#[derive(Debug)]
pub(super) struct Names {
    all: Vec<Name>,
    schedule: Mutex<Schedule>,
}

impl Names {
    pub(super) fn new(all: Vec<Name>) -> Self {
        Self {
            all,
            schedule: Mutex::default(),
        }
    }

    /// Each of them by its name.
    pub(super) fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.all.iter().map(|name| name.target.clone())
    }

    /// The address of the name of that number, as configured.
    pub(super) fn address(&self, number: usize) -> String {
        let name = self.all.get(number);
        name.map_or_else(String::new, |name| name.address.to_string())
    }

    /// A call has failed: addresses may have changed.
    pub(super) fn doubt(&self) {
        self.schedule().is_in_doubt = true;
    }

    /// Whether it is time; then it is taken for begun.
    fn begin(&self, now: Instant) -> bool {
        if self.all.iter().all(Name::is_number) {
            return false;
        }
        let mut schedule = self.schedule();
        let every = if schedule.is_in_doubt {
            EVERY_IN_DOUBT
        } else {
            EVERY
        };
        let is_old = |last| now.saturating_duration_since(last) >= every;
        if schedule.is_under_way || !schedule.last.is_none_or(is_old) {
            return false;
        }
        *schedule = Schedule {
            last: Some(now),
            is_under_way: true,
            is_in_doubt: false,
        };
        true
    }

    /// The addresses of each name, in order; none where nothing is to change.
    async fn look_up(&self, resolve: &Resolve) -> Vec<Option<Vec<SocketAddr>>> {
        let look_up = |name: &Name| {
            let looked_up = (!name.is_number()).then(|| {
                timeout(
                    LIMIT,
                    resolve.look_up(name.address.host(), name.address.port()),
                )
            });
            let name = name.address.to_string();
            async move {
                match looked_up?.await {
                    Ok(Ok(found)) => kept(found),
                    Ok(Err(error)) => {
                        tracing::debug!(endpoint = name, %error, "can't be resolved");
                        None
                    }
                    Err(_) => None,
                }
            }
        };
        futures::future::join_all(self.all.iter().map(look_up)).await
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // Whole between its changes.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In an order of their own, so that all coordinators and all answers agree on which are left out.
fn kept(mut found: Vec<SocketAddr>) -> Option<Vec<SocketAddr>> {
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES_MAX);
    (!found.is_empty()).then_some(found)
}

impl Endpoints {
    /// Has the names looked up if it is time. Doesn't wait for that.
    pub(super) fn resolve_when_due(self: &Arc<Self>, now: Instant) {
        let Some(resolve) = self.connect.resolve() else {
            return;
        };
        if !self.names.begin(now) {
            return;
        }
        let (this, resolve) = (Arc::clone(self), resolve.clone());
        tokio::spawn(async move {
            let found = this.names.look_up(&resolve).await;
            this.replace(&found);
            this.names.schedule().is_under_way = false;
        });
    }

    /// Takes in what was found. Endpoints that are still there stay as they are, with their channels and failures.
    fn replace(&self, found: &[Option<Vec<SocketAddr>>]) {
        let before = self.all();
        let mut after: Vec<Arc<Endpoint>> = Vec::new();
        for (number, (name, found)) in self.names.all.iter().zip(found).enumerate() {
            let mut known = before.iter().filter(|endpoint| endpoint.name == number);
            let Some(found) = found else {
                after.extend(known.cloned());
                continue;
            };
            for address in found {
                let same = |endpoint: &&Arc<Endpoint>| endpoint.address == Some(*address);
                if let Some(endpoint) = known.clone().find(same) {
                    after.push(Arc::clone(endpoint));
                } else if let Some(target) = name.at(*address, settings(self.timeout)) {
                    after.push(Arc::new(self.endpoint(number, Some(*address), target)));
                }
            }
            // Nothing that can be used is no reason to use nothing.
            if after.iter().all(|endpoint| endpoint.name != number) {
                after.extend(known.by_ref().cloned());
            }
        }
        let is_same = |(a, b): (&Arc<Endpoint>, &Arc<Endpoint>)| Arc::ptr_eq(a, b);
        if before.len() == after.len() && before.iter().zip(&after).all(is_same) {
            return;
        }
        let addresses: Vec<_> = after.iter().map(|endpoint| endpoint.address).collect();
        tracing::info!(?addresses, "a participant's instances have changed");
        self.set(after);
    }
}
