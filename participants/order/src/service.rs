//! The service put together. Mounted once for each database, with everything that touches one.

mod actions;
mod api;
mod attempt;
mod campaign;
mod chores;
mod close;
mod create;
mod deadline;
mod desk;
mod events;
mod flow;
mod handover;
mod look;
mod patience;
mod payment;
mod place;
mod points;
mod queries;
mod queue;
mod refund;
mod retention;
mod submitted;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

use futures::FutureExt;
use tercet_client::Client;
use tercet_database::{Schema, SchemaState};
use tercet_participant::outbox::{Outbox, OutboxOptions};
use tercet_participant::serve::{self, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant, micros};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::order::v1::campaign_service_server::CampaignServiceServer;
use tercet_proto::shop::order::v1::order_service_server::OrderServiceServer;
use tercet_proto::shop::order::v1::payment_event_service_server::PaymentEventServiceServer;
use tercet_service::Drain;

use super::{OWN, database};
use crate::peer::PaymentPeer;
use crate::{OrderConfig, OrderStartError};
use database::{Connection, Database, Db, Location};

/// This service's name in the coordinator's configuration.
const PARTICIPANT: &str = "order";

fn schema() -> Schema {
    database::schema("order", &OWN)
}

/// What the rpcs and the timer share.
struct Parts {
    desk: desk::Desk,
    closer: close::Closer,
    handover: handover::Handover,
    points: points::PointsPay,
}

impl Parts {
    fn new(desk: desk::Desk, client: Client) -> Self {
        let flows = flow::Flows {
            database: desk.database.clone(),
            client,
        };
        Self {
            closer: close::Closer {
                desk: desk.clone(),
                flows: flows.clone(),
            },
            points: points::PointsPay {
                desk: desk.clone(),
                flows,
            },
            handover: handover::Handover { desk: desk.clone() },
            desk,
        }
    }

    /// What each deadline does.
    fn fire(&self) -> deadline::Fire {
        let (closer, handover) = (self.closer.clone(), self.handover.clone());
        Arc::new(move |kind, order_no| {
            let (closer, handover) = (closer.clone(), handover.clone());
            async move {
                let done = match kind {
                    deadline::Kind::Payment => closer.time_out(&order_no).await,
                    deadline::Kind::Hold => closer.end_hold(&order_no).await,
                    deadline::Kind::Receipt => handover.assume_received(&order_no).await,
                    deadline::Kind::Completion => handover.complete(&order_no).await,
                };
                if let Err(status) = done {
                    let why = status.message();
                    tracing::warn!(order_no, ?kind, why, "a deadline is not met; again later");
                }
            }
            .boxed()
        })
    }
}

pub(in super::super) async fn serve(
    location: &Location,
    config: &OrderConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, OrderStartError> {
    let payment = config.payment.as_ref();
    let service = payment
        .map(|payment| PaymentPeer::new(&payment.endpoint))
        .transpose()?;
    let keep = config.retention.clone();
    let payment_micros = micros(config.payment_time.get());
    let config = config.participant();
    let database = database::open(&schema(), location)
        .await
        .map_err(StartError::from)?;
    let client = config.client()?;
    let (timer, hints) = deadline::Timer::new();
    let outbox = Outbox::new(database.clone(), OutboxOptions::new(PARTICIPANT));
    let desk = desk::Desk {
        database: database.clone(),
        outbox: outbox.clone(),
        timer,
        changes: watch::Changes::default(),
        payment_micros,
    };
    let parts = Parts::new(desk, client.clone());
    let turning = deadline::run(database.clone(), hints, parts.fire());
    let Parts {
        desk,
        closer,
        handover,
        points,
    } = parts;
    let place = Arc::new(place::Place {
        submissions: submitted::Submissions {
            database: database.clone(),
            kept: keep.submissions.get(),
        },
        client: client.clone(),
    });
    let retention = retention::Retention {
        database: database.clone(),
        keep,
    };
    let (queue, line) = queue::Queue::new(Arc::clone(&place), drain.clone());
    let payments = payment::Payments {
        desk: desk.clone(),
        client: client.clone(),
        service,
    };
    let refunds = refund::Refunds {
        desk: desk.clone(),
        client: client.clone(),
    };
    let api = api::Api {
        payments: payments.clone(),
        refunds: refunds.clone(),
        look: look::Look {
            database: database.clone(),
        },
        place,
        queue,
        points,
        watchers: watch::Watchers::new(desk.clone(), drain.clone()),
        closer,
        handover,
    };
    let campaigns = campaign::Campaigns {
        database: database.clone(),
    };
    let participant = Participant::new(database, (&config.fence).into())
        .named("order")
        .layer(layer)
        .action(create::Create(desk.clone()))
        .action(actions::Close(desk.clone()))
        .action(actions::ReleaseHold(desk.clone()))
        .action(payment::action::Pay(desk.clone()))
        .action(refund::action::Refund(desk.clone()))
        .action(refund::action::Return(desk))
        .grpc(OrderServiceServer::new(api))
        .grpc(CampaignServiceServer::new(campaigns))
        .grpc(PaymentEventServiceServer::new(events::Events(
            payments.clone(),
        )))
        .outbox(&outbox, &client)
        .background(turning)
        .background(line.run())
        .background(chores::run(payments, refunds))
        .background(retention.run())
        .descriptors(FILE_DESCRIPTOR_SET);
    Ok(serve::start(participant, &config, crate::PORT, drain).await?)
}

pub(in super::super) async fn migrate(location: &Location) -> Result<SchemaState, StartError> {
    Ok(database::migrate(&schema(), location).await?)
}
