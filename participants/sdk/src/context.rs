//! Who calls, for which branch, in which phase: read once from the call's metadata.
//!
//! [`BranchContextLayer`] sits in front of every action. It parses the metadata of the contract into a
//! [`BranchContext`], puts that into the request's extensions, and answers INVALID_ARGUMENT naming the key
//! when something is missing or malformed, before the action or the database is touched. Nothing behind it
//! looks at metadata again.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::HeaderMap;
use thiserror::Error;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::DOMAIN;
use crate::fence::Phase;

/// Metadata key of the global transaction's id.
pub const GID: &str = "tercet-gid";
/// Metadata key of the branch id.
pub const BRANCH: &str = "tercet-branch";
/// Metadata key of the phase.
pub const PHASE: &str = "tercet-phase";
/// Metadata key of the call's number, from 1.
pub const ATTEMPT: &str = "tercet-attempt";
/// Metadata key of the try deadline, in Unix milliseconds.
pub const TRY_DEADLINE: &str = "tercet-try-deadline";
/// Metadata key of the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

const GID_LENGTH_MAX: usize = 128;
const BRANCH_LENGTH_MAX: usize = 64;
/// As many headers as a transaction may have, so that a stranger's call can't make us keep more.
const HEADERS_MAX: usize = 32;

/// Which branch of which transaction a call is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchKey {
    /// The global transaction, 1 to 128 visible ASCII characters.
    pub gid: String,
    /// The branch, 1 to 64 visible ASCII characters, unique within the gid.
    pub branch: String,
}

impl BranchKey {
    /// Checks both ids and makes a key of them.
    pub fn new(gid: &str, branch: &str) -> Result<Self, ContextError> {
        Ok(Self {
            gid: visible(GID, gid, GID_LENGTH_MAX)?,
            branch: visible(BRANCH, branch, BRANCH_LENGTH_MAX)?,
        })
    }
}

/// Everything an action may know about the call it serves.
#[derive(Debug, Clone)]
pub struct BranchContext {
    /// The branch.
    pub key: BranchKey,
    /// Which verb is called.
    pub phase: Phase,
    /// The call's number, from 1; the resolver's own runs count from 1 too.
    pub attempt: NonZeroU32,
    /// When the try deadline is, in microseconds since the Unix epoch.
    pub try_deadline_micros: i64,
    /// The W3C trace context, where the caller sent one.
    pub traceparent: Option<String>,
    /// The transaction's own headers. Empty when the resolver runs the action.
    pub headers: Arc<BTreeMap<String, String>>,
}

impl BranchContext {
    /// The id of the trace that the call belongs to; empty where it has none.
    pub fn trace_id(&self) -> &str {
        let trace = self.traceparent.as_deref().and_then(|text| text.get(3..35));
        trace.unwrap_or_default()
    }

    /// The transaction's id.
    pub fn gid(&self) -> &str {
        &self.key.gid
    }

    /// The branch id.
    pub fn branch(&self) -> &str {
        &self.key.branch
    }

    /// The context of a first call, for whoever calls a participant's try itself after `RegisterBranch`.
    pub fn new(key: BranchKey, phase: Phase, try_deadline_micros: i64) -> Self {
        Self {
            key,
            phase,
            attempt: NonZeroU32::MIN,
            try_deadline_micros,
            traceparent: None,
            headers: Arc::default(),
        }
    }

    /// Writes the keys of the contract into the metadata of an outgoing call. The transaction's own headers and
    /// the trace are the caller's to add.
    pub fn write_to(&self, metadata: &mut tonic::metadata::MetadataMap) {
        let millis = self.try_deadline_micros.div_euclid(1000);
        let entries = [
            (GID, self.key.gid.clone()),
            (BRANCH, self.key.branch.clone()),
            (PHASE, self.phase.to_string()),
            (ATTEMPT, self.attempt.to_string()),
            (TRY_DEADLINE, millis.to_string()),
        ];
        for (key, value) in entries {
            // Keys hold visible ASCII only, so nothing is ever left out here.
            if let Ok(value) = value.parse() {
                metadata.insert(key, value);
            }
        }
    }

    /// Reads the metadata of a call.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, ContextError> {
        let key = BranchKey::new(required(headers, GID)?, required(headers, BRANCH)?)?;
        let word = required(headers, PHASE)?;
        let phase = Phase::from_word(word).ok_or(ContextError::Malformed {
            key: PHASE,
            why: "must be try, confirm or cancel",
        })?;
        let attempt = required(headers, ATTEMPT)?
            .parse::<NonZeroU32>()
            .map_err(|_| ContextError::Malformed {
                key: ATTEMPT,
                why: "must be a whole number from 1",
            })?;
        let try_deadline_micros = required(headers, TRY_DEADLINE)?
            .parse::<i64>()
            .ok()
            .filter(|millis| *millis >= 0)
            .and_then(|millis| millis.checked_mul(1000))
            .ok_or(ContextError::Malformed {
                key: TRY_DEADLINE,
                why: "must be a time in Unix milliseconds",
            })?;
        Ok(Self {
            key,
            phase,
            attempt,
            try_deadline_micros,
            traceparent: optional(headers, TRACEPARENT).map(str::to_owned),
            headers: Arc::new(own_headers(headers)),
        })
    }
}

/// What is wrong with a call's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContextError {
    /// A key of the contract isn't there.
    #[error("metadata key {0} is missing")]
    Missing(&'static str),
    /// A key's value isn't of its form.
    #[error("metadata key {key} {why}")]
    Malformed {
        /// The key.
        key: &'static str,
        /// What it should have been.
        why: &'static str,
    },
    /// The phase named in the metadata isn't the method that was called.
    #[error("metadata key {PHASE} says {said}, but the method called is {called}")]
    OtherPhase {
        /// What the metadata says.
        said: Phase,
        /// Which method was called.
        called: Phase,
    },
}

impl ContextError {
    /// The metadata key at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Missing(key) | Self::Malformed { key, .. } => key,
            Self::OtherPhase { .. } => PHASE,
        }
    }
}

impl From<ContextError> for Status {
    fn from(error: ContextError) -> Self {
        let mut details = ErrorDetails::new();
        details
            .set_error_info(
                "INVALID_CONTEXT",
                DOMAIN,
                [("key".to_owned(), error.key().to_owned())],
            )
            .add_bad_request_violation(error.key(), error.to_string());
        Self::with_error_details(tonic::Code::InvalidArgument, error.to_string(), details)
    }
}

fn required<'a>(headers: &'a HeaderMap, key: &'static str) -> Result<&'a str, ContextError> {
    headers
        .get(key)
        .ok_or(ContextError::Missing(key))?
        .to_str()
        .map_err(|_| ContextError::Malformed {
            key,
            why: "must be visible ASCII",
        })
}

fn optional<'a>(headers: &'a HeaderMap, key: &str) -> Option<&'a str> {
    headers.get(key).and_then(|value| value.to_str().ok())
}

fn visible(key: &'static str, value: &str, length_max: usize) -> Result<String, ContextError> {
    if value.is_empty() || value.len() > length_max {
        let why = match key {
            GID => "must be 1 to 128 characters long",
            _ => "must be 1 to 64 characters long",
        };
        return Err(ContextError::Malformed { key, why });
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ContextError::Malformed {
            key,
            why: "must be visible ASCII",
        });
    }
    Ok(value.to_owned())
}

/// The transaction's own headers: what is left when gRPC's, HTTP's and Tercet's own are taken away.
fn own_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| is_own_header(name.as_str()))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .take(HEADERS_MAX)
        .collect()
}

fn is_own_header(name: &str) -> bool {
    const FOREIGN: [&str; 8] = [
        "authorization",
        "content-type",
        "te",
        "host",
        "connection",
        "user-agent",
        TRACEPARENT,
        "tracestate",
    ];
    !(FOREIGN.contains(&name)
        || name.starts_with("tercet-")
        || name.starts_with("grpc-")
        || name.ends_with("-bin"))
}

/// Puts a [`BranchContext`] into the extensions of each request, or answers INVALID_ARGUMENT.
#[derive(Debug, Clone, Copy, Default)]
pub struct BranchContextLayer;

impl<S> tower::Layer<S> for BranchContextLayer {
    type Service = BranchContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BranchContextService { inner }
    }
}

/// The service made by [`BranchContextLayer`].
#[derive(Debug, Clone)]
pub struct BranchContextService<S> {
    inner: S,
}

impl<S, B, R> tower::Service<http::Request<B>> for BranchContextService<S>
where
    S: tower::Service<http::Request<B>, Response = http::Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Self::Response, Self::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match BranchContext::from_headers(request.headers()) {
            Ok(context) => {
                request.extensions_mut().insert(context);
                Either::Left(self.inner.call(request))
            }
            Err(error) => Either::Right(ready(Ok(Status::from(error).into_http()))),
        }
    }
}

#[cfg(test)]
mod tests;
