//! The request that a participant sees: path, headers, time-out (contract, section 4).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE};
use http::{Method, Request, Uri, Version};
use http_body_util::Full;
use tercet_core::{BranchDefinition, Call, Gid, Options, Phase, Timestamp};

use super::order::{Leaves, TryDeadline};
use super::unary::frame;

const GID: HeaderName = HeaderName::from_static("tercet-gid");
const BRANCH: HeaderName = HeaderName::from_static("tercet-branch");
const PHASE: HeaderName = HeaderName::from_static("tercet-phase");
const ATTEMPT: HeaderName = HeaderName::from_static("tercet-attempt");
const TRY_DEADLINE: HeaderName = HeaderName::from_static("tercet-try-deadline");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// A call that is to be made, with everything that its request is made of.
#[derive(Clone, Debug)]
pub(crate) struct CallOrder {
    pub(crate) gid: Gid,
    pub(crate) call: Call,
    pub(crate) definition: Arc<BranchDefinition>,
    pub(crate) options: Arc<Options>,
    pub(crate) trace_parent: Arc<str>,
    pub(crate) try_deadline: TryDeadline,
    /// Told when the call goes out.
    pub(crate) leaves: Leaves,
}

/// A request can't be made of it: a name that isn't one, which the border lets nobody send.
#[derive(Debug, thiserror::Error)]
#[error("no request can be made of the branch: {0}")]
pub(crate) struct RequestError(String);

impl CallOrder {
    /// The call must not last longer than until then, if there is such a time.
    pub(super) fn not_after(&self) -> Option<Timestamp> {
        let not_after = self.call.not_after?;
        Some(not_after.max(self.try_deadline.get()))
    }

    /// The request for one attempt, which may take as long as `timeout`.
    pub(crate) fn request(&self, timeout: Duration) -> Result<Request<Full<Bytes>>, RequestError> {
        let method = match self.call.phase {
            Phase::Try => "Try",
            Phase::Confirm => "Confirm",
            Phase::Cancel => "Cancel",
        };
        let mut request = unary(
            &self.definition.service,
            method,
            &self.definition.payload,
            timeout,
        )?;
        let headers = request.headers_mut();
        for (name, value) in &self.options.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|error| RequestError(error.to_string()))?;
            headers.insert(name, text(value)?);
        }
        headers.insert(GID, text(self.gid.as_str())?);
        headers.insert(BRANCH, text(self.definition.id.as_str())?);
        headers.insert(PHASE, HeaderValue::from_static(self.call.phase.as_str()));
        headers.insert(ATTEMPT, HeaderValue::from(self.call.number));
        let deadline = self.try_deadline.get().as_millis();
        headers.insert(TRY_DEADLINE, HeaderValue::from(deadline));
        headers.insert(TRACE_PARENT, text(&self.trace_parent)?);
        Ok(request)
    }
}

/// A unary gRPC request, without anything of Tercet's own.
pub(crate) fn unary(
    service: &str,
    method: &str,
    message: &[u8],
    timeout: Duration,
) -> Result<Request<Full<Bytes>>, RequestError> {
    let uri = Uri::try_from(format!("/{service}/{method}"))
        .map_err(|error| RequestError(error.to_string()))?;
    let mut request = Request::new(Full::new(frame(message)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.reserve(16);
    headers.insert(TE, TRAILERS);
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(GRPC_TIMEOUT, grpc_timeout(timeout)?);
    Ok(request)
}

/// Adds a `traceparent` to a request.
pub(crate) fn with_trace(
    mut request: Request<Full<Bytes>>,
    trace_parent: &str,
) -> Result<Request<Full<Bytes>>, RequestError> {
    request
        .headers_mut()
        .insert(TRACE_PARENT, text(trace_parent)?);
    Ok(request)
}

fn text(value: &str) -> Result<HeaderValue, RequestError> {
    HeaderValue::from_str(value).map_err(|error| RequestError(error.to_string()))
}

/// At most eight digits and a unit; the finest unit that fits.
fn grpc_timeout(timeout: Duration) -> Result<HeaderValue, RequestError> {
    const DIGITS_MAX: u128 = 99_999_999;
    let micros = timeout.as_micros().max(1);
    let value = if micros <= DIGITS_MAX {
        format!("{micros}u")
    } else if timeout.as_millis() <= DIGITS_MAX {
        format!("{}m", timeout.as_millis())
    } else {
        format!("{}S", u128::from(timeout.as_secs()).min(DIGITS_MAX))
    };
    text(&value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        let written = |timeout| grpc_timeout(timeout).unwrap();
        assert_eq!(written(Duration::from_secs(3)), "3000000u");
        assert_eq!(written(Duration::from_secs(100)), "100000m");
        assert_eq!(written(Duration::from_secs(200_000)), "200000S");
        assert_eq!(written(Duration::ZERO), "1u");
    }
}
