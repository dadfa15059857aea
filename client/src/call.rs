//! One call: attempts, pauses and deadline around a generated client's method.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status, metadata::AsciiMetadataValue, transport::Channel};

use crate::{
    CallContext, Error, RetryPolicy,
    channels::{Channels, Used},
    retry::{self, Jitter, Next, Repeat},
    trace::CallSpan,
};

/// The metadata that says who acts.
const OPERATOR: &str = "tercet-operator";

/// What a call needs: connections, policy and the caller's context. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) channels: Arc<Channels>,
    pub(crate) policy: Arc<RetryPolicy>,
    pub(crate) context: CallContext,
    /// Who acts, for the audit.
    pub(crate) operator: Option<AsciiMetadataValue>,
    pub(crate) jitter: Jitter,
}

impl Caller {
    /// Sends `request` until there is an answer, the attempts are used up or the deadline is over.
    pub(crate) async fn call<Q, R, F, Fut>(
        &self,
        request: Q,
        repeat: Repeat,
        send: F,
    ) -> Result<R, Error>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<R>, Status>>,
    {
        let mut span = CallSpan::begin::<Q>(self.context.traceparent_text());
        let answer = self.attempts(request, repeat, send, span.as_ref()).await;
        if let (Some(span), Err(error)) = (&mut span, &answer) {
            span.fail(error.to_string());
        }
        answer
    }

    async fn attempts<Q, R, F, Fut>(
        &self,
        request: Q,
        repeat: Repeat,
        send: F,
        span: Option<&CallSpan>,
    ) -> Result<R, Error>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<R>, Status>>,
    {
        let deadline = self.deadline();
        let mut rounds = Rounds::new(self, repeat);
        loop {
            let (used, channel) = self.channels.current();
            let mut outgoing = Request::new(request.clone());
            self.context.trace_into(outgoing.metadata_mut());
            if let Some(span) = span {
                span.trace_into(outgoing.metadata_mut());
            }
            if let Some(operator) = &self.operator {
                outgoing.metadata_mut().insert(OPERATOR, operator.clone());
            }
            let since = Instant::now();
            outgoing.set_timeout(deadline.saturating_duration_since(since));
            let status = match timeout_at(deadline, send(channel, outgoing)).await {
                Ok(Ok(response)) => {
                    self.channels.heard(used);
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => status,
                Err(_) => {
                    self.channels.silent(used, since);
                    return Err(Error::Deadline);
                }
            };
            // Where a connection breaks, the channel makes another by itself.
            if retry::is_out_of_time(&status) {
                self.channels.silent(used, since);
            } else {
                self.channels.heard(used);
            }
            rounds.failed(used, status, deadline).await?;
        }
    }

    /// The caller's, or the policy's from now.
    fn deadline(&self) -> Instant {
        let own = Instant::now() + self.policy.timeout;
        self.context.deadline_at().unwrap_or(own)
    }
}

/// Counts the attempts of one call and paces them.
pub(crate) struct Rounds<'a> {
    caller: &'a Caller,
    repeat: Repeat,
    attempts: u32,
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(caller: &'a Caller, repeat: Repeat) -> Self {
        Self {
            caller,
            repeat,
            attempts: 0,
        }
    }

    /// Progress was made: failures count anew.
    pub(crate) fn succeeded(&mut self) {
        self.attempts = 0;
    }

    /// Takes note of a failed attempt. Returns when it is time for the next one, or with what the caller is
    /// to be told.
    pub(crate) async fn failed(
        &mut self,
        used: Used,
        status: Status,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Caller {
            channels,
            policy,
            jitter,
            ..
        } = self.caller;
        self.attempts += 1;
        let after = match retry::next(&status, self.repeat) {
            Next::Again { after } => after,
            Next::Answer => return Err(Error::Rejected(Box::new(status))),
            Next::Deadline => return Err(Error::Deadline),
        };
        channels.leave(used);
        if self.attempts >= policy.attempts_max.max(1) {
            return Err(match crate::error::reason(&status) {
                Some(_) => Error::Rejected(Box::new(status)),
                None => Error::Unreachable {
                    endpoint: channels.url(used),
                    attempts: self.attempts,
                    source: Box::new(status),
                },
            });
        }
        // Every endpoint gets its turn at once; a pause comes when all of them have failed.
        let count = u32::try_from(channels.len()).unwrap_or(u32::MAX);
        let pause = match after {
            Some(asked) => asked.min(policy.backoff_max),
            None if !self.attempts.is_multiple_of(count) => return Ok(()),
            None => policy.pause(self.attempts / count, jitter.next()),
        };
        tracing::debug!(attempt = self.attempts, ?pause, %status, "repeating");
        let resume = Instant::now() + pause;
        if resume >= deadline {
            return Err(Error::Deadline);
        }
        tokio::time::sleep_until(resume).await;
        Ok(())
    }
}
