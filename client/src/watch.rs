//! Watching a transaction over connections that come and go.

use tokio::time::Instant;
use tonic::{Request, Status, Streaming, transport::Channel};

use crate::{
    Error, Outcome,
    call::{Caller, Rounds},
    channels::Used,
    client::service,
    outcome,
    proto::{Transaction, WatchTransactionRequest, WatchTransactionResponse},
    retry::Repeat,
};

/// The states of one transaction as they come. A broken stream, or a coordinator that drains, is watched
/// again elsewhere; what was already seen isn't shown twice in a row.
#[derive(Debug)]
pub struct Watch {
    caller: Caller,
    gid: String,
    stream: Option<(Used, Streaming<WatchTransactionResponse>)>,
    last: Option<Transaction>,
    is_over: bool,
}

impl Watch {
    pub(crate) fn new(caller: Caller, gid: String) -> Self {
        Self {
            caller,
            gid,
            stream: None,
            last: None,
            is_over: false,
        }
    }

    /// The next state; `None` after the end state. There is no deadline but the caller's own.
    pub async fn next(&mut self) -> Result<Option<Outcome>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let caller = self.caller.clone();
        let mut rounds = Rounds::new(&caller, Repeat::Safe);
        // A caller that set no deadline watches for as long as it takes; the pauses need some instant.
        let far = Instant::now() + std::time::Duration::from_hours(24 * 365);
        let deadline = caller.context.deadline_at().unwrap_or(far);
        loop {
            let message = tokio::time::timeout_at(deadline, self.message())
                .await
                .map_err(|_| Error::Deadline)?;
            match message {
                Ok(transaction) if self.last.as_ref() == Some(&transaction) => rounds.succeeded(),
                Ok(transaction) => {
                    self.last = Some(transaction.clone());
                    let outcome = outcome::outcome(Some(transaction))?;
                    self.is_over = outcome.is_ended();
                    return Ok(Some(outcome));
                }
                Err((used, status)) => {
                    self.stream = None;
                    rounds.failed(used, status, deadline).await?;
                }
            }
        }
    }

    /// One message of the stream, which is opened if need be.
    async fn message(&mut self) -> Result<Transaction, (Used, Status)> {
        if self.stream.is_none() {
            let (used, channel) = self.caller.channels.current();
            let stream = self.open(channel).await.map_err(|status| (used, status))?;
            self.stream = Some((used, stream));
        }
        let Some((used, stream)) = &mut self.stream else {
            return Err((
                self.caller.channels.current().0,
                Status::internal("no stream"),
            ));
        };
        match stream.message().await {
            Ok(Some(WatchTransactionResponse {
                transaction: Some(transaction),
            })) => Ok(transaction),
            // The contract ends the stream only after the end state: anything else is a broken one.
            Ok(_) => Err((*used, Status::unavailable("the stream ended early"))),
            Err(status) => Err((*used, status)),
        }
    }

    async fn open(&self, channel: Channel) -> Result<Streaming<WatchTransactionResponse>, Status> {
        let mut request = Request::new(WatchTransactionRequest {
            gid: self.gid.clone(),
        });
        self.caller.context.trace_into(request.metadata_mut());
        let answer = service(channel).watch_transaction(request).await?;
        Ok(answer.into_inner())
    }
}
