//! Calls about transactions that other coordinators own: forwarded once, or their transactions taken over.
//!
//! Every rpc about one gid is tried here first. What it says is another coordinator's goes there, with everything that
//! its caller has sent along and a mark; a marked call that meets no owner is `NOT_OWNER` and goes no further, so there
//! are no rings. A transaction whose owner is fenced is adopted on the spot.
//!
//! Must never: forward what was forwarded; send a call again that its owner may have carried out (its caller does that,
//! with the same gid).

use tercet_core::Gid;
use tercet_core::cluster::{LOOKS_MAX, OwnedBy, Route, route};
use tercet_failpoints::failpoint;
use tercet_log::{Owner, SessionId};
use tonic::metadata::{KeyAndValueRef, MetadataMap, MetadataValue};
use tonic::{Code, ConnectError, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::caller::FORWARDED;
use super::{Api, Caller};
use crate::cluster::{Cluster, Peer};
use crate::errors::{ApiError, DOMAIN, Reason};
use crate::transactions::Stage;

/// Metadata that belongs to a connection or to a message, not to its caller.
const NOT_FORWARDED: [&str; 9] = [
    "content-type",
    "te",
    "host",
    "connection",
    "user-agent",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    FORWARDED,
];

/// Where a call belongs.
enum Place {
    /// Here, now.
    Here,
    /// There.
    There(Owner),
    /// There, and nobody answers there.
    Away(Owner),
}

/// What became of a forwarded call.
enum Forwarded<T> {
    /// The owner has answered.
    Answered(Result<T, Status>),
    /// The owner isn't there, or isn't the owner: nothing has happened.
    NotThere,
}

impl Api {
    /// Has `local` answer, or the coordinator that owns the transaction.
    pub(super) async fn routed<Q, A, L, R>(
        &self,
        request: Request<Q>,
        gid_of: fn(&Q) -> &str,
        local: impl Fn(Caller, Q) -> L,
        remote: impl Fn(Peer, Request<Q>) -> R,
    ) -> Result<Response<A>, Status>
    where
        Q: Clone,
        L: Future<Output = Result<A, ApiError>>,
        R: Future<Output = Result<Response<A>, Status>>,
    {
        let answer = self.route(request, gid_of, local, remote).await;
        failpoint!("reply::before")?;
        answer
    }

    async fn route<Q, A, L, R>(
        &self,
        request: Request<Q>,
        gid_of: fn(&Q) -> &str,
        local: impl Fn(Caller, Q) -> L,
        remote: impl Fn(Peer, Request<Q>) -> R,
    ) -> Result<Response<A>, Status>
    where
        Q: Clone,
        L: Future<Output = Result<A, ApiError>>,
        R: Future<Output = Result<Response<A>, Status>>,
    {
        let peer = request.remote_addr();
        let (metadata, _, message) = request.into_parts();
        let caller = Caller::of(&metadata, peer);
        let Some(cluster) = &self.transactions.shared().cluster else {
            return Ok(Response::new(local(caller, message).await?));
        };
        let mut unreachable: Option<SessionId> = None;
        let mut looks = 0;
        loop {
            let refusal = match local(caller.clone(), message.clone()).await {
                Err(refusal) if refusal.reason == Reason::NotOwner => refusal,
                answer => return Ok(Response::new(answer?)),
            };
            looks += 1;
            let Ok(gid) = Gid::parse(gid_of(&message)) else {
                return Err(refusal.into());
            };
            if caller.is_forwarded() || looks > LOOKS_MAX {
                return Err(refusal.into());
            }
            let owner = match self.place_of(cluster, &gid, looks, unreachable).await? {
                Place::Here => continue,
                Place::Away(owner) => return Err(away(&owner.endpoint).into()),
                Place::There(owner) => owner,
            };
            let mut request = Request::new(message.clone());
            *request.metadata_mut() = forwarded(&metadata, &caller);
            if let Some(left) = caller.time_left() {
                request.set_timeout(left);
            }
            let peer = cluster.peers.at(&owner.endpoint);
            let peer = peer.map_err(|_| Status::from(away(&owner.endpoint)))?;
            match outcome(remote(peer, request).await, &owner.endpoint) {
                Forwarded::Answered(answer) => return answer,
                Forwarded::NotThere => unreachable = Some(owner.session),
            }
        }
    }

    /// Where the transaction belongs, by the rule of `tercet_core::cluster`; one whose owner is fenced belongs here from
    /// now on.
    async fn place_of(
        &self,
        cluster: &Cluster,
        gid: &Gid,
        looks: usize,
        gone: Option<SessionId>,
    ) -> Result<Place, ApiError> {
        let shared = self.transactions.shared();
        let Some(log) = shared.log.shared() else {
            return Ok(Place::Here);
        };
        let owner = log.owner(gid).await?;
        let owned_by = match &owner {
            None => OwnedBy::Nobody,
            Some(owner) if owner.session == shared.log.session().id => OwnedBy::Us,
            Some(owner) if owner.is_fenced => OwnedBy::Fenced,
            Some(owner) => OwnedBy::Other(owner.session),
        };
        match (route(false, looks, owned_by, gone.as_ref()), owner) {
            (Route::Adopt, _) if shared.stage.get() >= Stage::Draining => Err(ApiError::draining()),
            (Route::Adopt, _) => {
                let adopted = log.adopt_one(gid).await.inspect_err(|_| {
                    // It may have happened all the same.
                    cluster.look_through();
                })?;
                if let Some(stored) = adopted {
                    cluster.count_adopted(1);
                    self.transactions.take_in(vec![stored], &[]);
                }
                Ok(Place::Here)
            }
            (Route::Forward(_), Some(owner)) => Ok(Place::There(owner)),
            (Route::NotOwner, Some(owner)) => Ok(Place::Away(owner)),
            (Route::Here | Route::Forward(_) | Route::NotOwner, _) => Ok(Place::Here),
        }
    }
}

/// What the owner is to see: everything that the caller has sent along, and the mark, which says where the call came from.
fn forwarded(metadata: &MetadataMap, caller: &Caller) -> MetadataMap {
    let mut forwarded = MetadataMap::with_capacity(metadata.len() + 1);
    for entry in metadata.iter() {
        match entry {
            KeyAndValueRef::Ascii(key, value) => {
                let name = key.as_str();
                if !NOT_FORWARDED.contains(&name) && !name.starts_with("grpc-") {
                    forwarded.append(key.clone(), value.clone());
                }
            }
            KeyAndValueRef::Binary(key, value) => {
                if !key.as_str().starts_with("grpc-") {
                    forwarded.append_bin(key.clone(), value.clone());
                }
            }
        }
    }
    let mark = caller.operator().address().map(|from| from.to_string());
    let mark = mark.and_then(|from| MetadataValue::try_from(from).ok());
    forwarded.insert(
        FORWARDED,
        mark.unwrap_or_else(|| MetadataValue::from_static("1")),
    );
    forwarded
}

fn outcome<A>(answer: Result<Response<A>, Status>, endpoint: &str) -> Forwarded<Response<A>> {
    let status = match answer {
        // Its own metadata is about the connection between the two coordinators.
        Ok(answer) => return Forwarded::Answered(Ok(Response::new(answer.into_inner()))),
        Err(status) => status,
    };
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .filter(|info| info.domain == DOMAIN)
        .map(|info| info.reason.as_str());
    match (reason, status.code()) {
        (Some(reason), _) if reason == Reason::NotOwner.as_str() => Forwarded::NotThere,
        (None, _) if is_unconnected(&status) => Forwarded::NotThere,
        // The connection broke, or the owner has died over it: the caller repeats it with the same gid.
        (None, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal) => {
            Forwarded::Answered(Err(away(endpoint).into()))
        }
        _ => Forwarded::Answered(Err(passed_on(&status))),
    }
}

/// A status without what its connection has added.
pub(super) fn passed_on(status: &Status) -> Status {
    let details = bytes::Bytes::copy_from_slice(status.details());
    Status::with_details(status.code(), status.message(), details)
}

/// Whether no connection could be made, so that the call never left.
fn is_unconnected(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn away(endpoint: &str) -> ApiError {
    let message = format!("the coordinator that owns it, {endpoint}, can't be reached");
    ApiError::new(Reason::NotOwner, message)
}
