//! The load: a closed loop of callers, each with one transaction at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use tercet_client::proto::{
    Branch, ExecuteTransactionRequest, TransactionState, branch,
    transaction_service_client::TransactionServiceClient,
};
use tokio::{task::JoinSet, time::Instant};
use tonic::transport::Channel;

use super::echo::PARTICIPANTS;
use crate::failure::Failure;

/// Latencies are kept from a microsecond to a minute, to three digits.
const LATENCY_MICROS_MAX: u64 = 60_000_000;
/// The bytes of each branch's payload.
const PAYLOAD_BYTES: usize = 64;

/// What one closed loop did.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Transactions that were answered.
    pub(super) answered: u64,
    /// Calls that failed, or were answered with a cancel; nothing here should be.
    pub(super) failed: u64,
    /// The first failure, for people.
    pub(super) failure: Option<String>,
    /// From the call to the answer, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// From the first call to the last answer.
    pub(super) took: Duration,
}

/// Names that no other call of this process, and no earlier process, has used.
#[derive(Debug)]
pub(super) struct Gids {
    prefix: String,
    next: AtomicU64,
}

impl Gids {
    pub(super) fn new() -> Self {
        Self {
            prefix: uuid::Uuid::now_v7().simple().to_string(),
            next: AtomicU64::new(0),
        }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.prefix)
    }
}

/// Keeps `in_flight` transactions going for `duration`.
pub(super) async fn run(
    channel: &Channel,
    gids: &Arc<Gids>,
    in_flight: usize,
    duration: Duration,
) -> Result<Loaded, Failure> {
    let begun = Instant::now();
    let until = begun + duration;
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        callers.spawn(caller(channel.clone(), Arc::clone(gids), until));
    }
    let mut all = Loaded::new()?;
    while let Some(one) = callers.join_next().await {
        all.add(one.map_err(Failure::failed)??)?;
    }
    all.took = begun.elapsed();
    Ok(all)
}

impl Loaded {
    fn new() -> Result<Self, Failure> {
        let latency = Histogram::new_with_max(LATENCY_MICROS_MAX, 3).map_err(Failure::failed)?;
        Ok(Self {
            answered: 0,
            failed: 0,
            failure: None,
            latency,
            took: Duration::ZERO,
        })
    }

    fn add(&mut self, other: Self) -> Result<(), Failure> {
        self.answered += other.answered;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        self.latency.add(other.latency).map_err(Failure::failed)
    }

    fn fail(&mut self, why: impl Into<String>) {
        self.failed += 1;
        self.failure.get_or_insert_with(|| why.into());
    }
}

async fn caller(channel: Channel, gids: Arc<Gids>, until: Instant) -> Result<Loaded, Failure> {
    let mut service = TransactionServiceClient::new(channel);
    let mut done = Loaded::new()?;
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(done);
        }
        let answer = service.execute_transaction(request(gids.next())).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        match answer.map(|answer| answer.into_inner().transaction.unwrap_or_default()) {
            Ok(transaction) if is_confirmed(transaction.state()) => {
                done.answered += 1;
                done.latency.saturating_record(micros);
            }
            Ok(transaction) => done.fail(format!("answered {:?}", transaction.state())),
            Err(status) => {
                done.fail(format!("{}: {}", status.code(), status.message()));
                // A subject that refuses at once would make this loop spin.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn is_confirmed(state: TransactionState) -> bool {
    matches!(
        state,
        TransactionState::Confirming | TransactionState::Confirmed
    )
}

/// One branch for each participant.
fn request(gid: String) -> ExecuteTransactionRequest {
    let branches = (0..PARTICIPANTS).map(|number| branch_at(number, "work"));
    ExecuteTransactionRequest {
        gid,
        branches: branches.collect(),
        ..ExecuteTransactionRequest::default()
    }
}

/// A branch at the participant of that number, with a payload of [`PAYLOAD_BYTES`].
pub(super) fn branch_at(number: usize, action: &str) -> Branch {
    let payload = prost::Message::encode_to_vec(&vec![b'x'; PAYLOAD_BYTES]);
    Branch {
        id: number.to_string(),
        participant: format!("bench-{number}"),
        action: action.to_owned(),
        payload: Some(branch::Payload::Message(payload.into())),
    }
}
