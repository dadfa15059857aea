//! `tercet.v1.InitiatorService`: the coordinator asks what became of the local transaction behind a message.
//!
//! The message's row is the answer. A row that waits means that the local transaction committed; but COMMITTED makes the
//! coordinator deliver what is registered, so the branch is registered first, and where that fails the answer is
//! UNKNOWN. Where there is no row, *aborted* is inserted before ABORTED is said: a local commit that comes later fails on
//! the key. Where a running local transaction holds the row, the insert waits for it, and gives up as UNKNOWN.

use std::sync::Arc;

use tercet_proto::tercet::v1::initiator_service_server::InitiatorService;
use tercet_proto::tercet::v1::{CheckOutcome, CheckTransactionRequest, CheckTransactionResponse};
use tonic::{Code, Request, Response, Status};

use super::courier::Courier;
use super::db::{MessageRow, MessageState, OutboxDb};
use super::{Outbox, segment_of};
use crate::DOMAIN;
use crate::check::is_id;
use crate::clock::now_micros;
use crate::error::error_status;
use crate::held::{Held, limited};

/// Answers the coordinator from an outbox.
#[derive(Debug)]
pub struct InitiatorCheck<D: OutboxDb, C: Courier> {
    outbox: Outbox<D>,
    courier: Arc<C>,
}

impl<D: OutboxDb, C: Courier> InitiatorCheck<D, C> {
    /// Answers from `outbox`; `courier` registers what was written and not registered yet.
    pub fn new(outbox: Outbox<D>, courier: Arc<C>) -> Self {
        Self { outbox, courier }
    }

    async fn check(&self, gid: &str) -> CheckOutcome {
        match self.fate(gid).await {
            Ok(Fate::Written(row)) => match self.courier.register(&row).await {
                Ok(()) => CheckOutcome::Committed,
                Err(error) => {
                    tracing::warn!(gid, %error, "asked about a message whose branch can't be registered");
                    CheckOutcome::Unknown
                }
            },
            Ok(Fate::Sent) => CheckOutcome::Committed,
            Ok(Fate::Aborted) => {
                self.outbox.shared.counters.aborted();
                tracing::info!(gid, "asked about a message that was never written");
                CheckOutcome::Aborted
            }
            Err(error) => {
                tracing::warn!(gid, %error, "asked about a message, and the outbox doesn't know");
                CheckOutcome::Unknown
            }
        }
    }

    async fn fate(&self, gid: &str) -> sqlx::Result<Fate> {
        let database = &self.outbox.shared.database;
        let mut reader = Held::of(database.reader()).await?;
        let row = limited(D::message(&mut reader, gid)).await;
        let row = reader.settle(row)?;
        if let Some(row) = row {
            return Ok(Fate::of(row));
        }
        let mut writer = Held::of(database.writer()).await?;
        let fate = limited(async {
            let mut transaction = database.begin_on(&mut writer).await?;
            let (segment, now) = (segment_of(gid), now_micros());
            if D::insert_aborted(&mut *transaction, gid, segment, now).await? {
                transaction.commit().await?;
                return Ok(Fate::Aborted);
            }
            // It was written between the look and the insert.
            let row = D::message(&mut *transaction, gid).await?;
            transaction.rollback().await?;
            row.map(Fate::of).ok_or(sqlx::Error::RowNotFound)
        })
        .await;
        let fate = writer.settle(fate)?;
        Ok(fate)
    }
}

/// What the outbox knows of a message.
enum Fate {
    Written(MessageRow),
    Sent,
    Aborted,
}

impl Fate {
    fn of(row: MessageRow) -> Self {
        match row.state {
            MessageState::Waiting | MessageState::Attention => Self::Written(row),
            MessageState::Sent => Self::Sent,
            MessageState::Aborted => Self::Aborted,
        }
    }
}

#[tonic::async_trait]
impl<D: OutboxDb, C: Courier> InitiatorService for InitiatorCheck<D, C> {
    async fn check_transaction(
        &self,
        request: Request<CheckTransactionRequest>,
    ) -> Result<Response<CheckTransactionResponse>, Status> {
        let gid = request.into_inner().gid;
        if !is_id(&gid, 128) {
            return Err(error_status(
                Code::InvalidArgument,
                "INVALID_GID",
                DOMAIN,
                "a gid is 1 to 128 visible ASCII characters",
            ));
        }
        let outcome = self.check(&gid).await;
        Ok(Response::new(CheckTransactionResponse {
            outcome: outcome.into(),
        }))
    }
}
