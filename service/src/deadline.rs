//! The caller's `grpc-timeout`, answered with the right code.
//!
//! tonic drops the handler when the time is over and answers CANCELLED "Timeout expired", which no client
//! takes for a deadline. This layer sits below tonic's own and is a little earlier, so that the answer is
//! `DEADLINE_EXCEEDED`. Like tonic's it drops the handler: durable steps must run in a task that the handler
//! only waits for.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

/// How much earlier than tonic's own timer this one fires. Tokio's timers have a resolution of 1 ms.
const EARLIER: Duration = Duration::from_millis(2);

/// Adds [`Deadline`] to a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let timeout = timeout(request.headers());
        let answer = self.inner.call(request);
        let Some(timeout) = timeout else {
            return Box::pin(answer);
        };
        Box::pin(async move {
            match tokio::time::timeout(timeout.saturating_sub(EARLIER), answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    Ok(Status::deadline_exceeded("the caller's deadline is over").into_http())
                }
            }
        })
    }
}

/// How long the caller of a request waits for its answer; none if it didn't say.
pub fn caller_timeout(headers: &HeaderMap) -> Option<Duration> {
    timeout(headers)
}

/// The `grpc-timeout` header: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn read(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn reads_the_units_of_the_grpc_specification() {
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_hours(99_999_999)));
    }

    #[test]
    fn leaves_out_what_is_no_timeout() {
        for text in ["", "S", "3", "-3S", "123456789S", "3s", "3.5S"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn an_expired_call_is_deadline_exceeded() {
        let never = tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let mut request = Request::new(Body::empty());
        request
            .headers_mut()
            .insert("grpc-timeout", "20m".parse().unwrap());
        let answer = DeadlineLayer.layer(never).call(request).await.unwrap();
        let code = Status::from_header_map(answer.headers()).map(|status| status.code());
        assert_eq!(code, Some(tonic::Code::DeadlineExceeded));
    }
}
