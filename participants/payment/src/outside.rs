//! Those outside of this process: the test provider by gRPC, and the order service.
//!
//! Every call has a time-out, shorter than the lease of whoever makes it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tercet_proto::shop::order::v1 as order;
use tercet_proto::shop::order::v1::payment_event_service_client::PaymentEventServiceClient;
use tercet_proto::shop::payment::v1::StatementLine;
use tercet_proto::shop::provider::v1 as proto;
use tercet_proto::shop::provider::v1::ChargeState;
use tercet_proto::shop::provider::v1::provider_service_client::ProviderServiceClient;
use tercet_service::Endpoint;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::provider::{Asked, Charge, Charged, Provider, ProviderError, StatementPage};
use crate::signature::PublicKey;
use crate::words::Outcome;
use crate::{PaymentConfig, PaymentStartError};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Everybody that this service talks to.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) orders: Orders,
    pub(crate) key: PublicKey,
}

impl Outside {
    /// Connects when first used.
    pub(crate) fn new(config: &PaymentConfig) -> Result<Self, PaymentStartError> {
        let key = PublicKey::load(&config.provider.public_key_file)?;
        let provider = GrpcProvider {
            client: ProviderServiceClient::new(channel(
                "provider.endpoint",
                &config.provider.endpoint,
            )?),
            notify_url: config.notify_url().ok_or(PaymentStartError::NoNotifyUrl)?,
        };
        Ok(Self {
            provider: Arc::new(provider),
            orders: Orders(PaymentEventServiceClient::new(channel(
                "order.endpoint",
                &config.order.endpoint,
            )?)),
            key,
        })
    }
}

fn channel(key: &'static str, endpoint: &Endpoint) -> Result<Channel, PaymentStartError> {
    let endpoint = tonic::transport::Endpoint::new(endpoint.to_string());
    Ok(endpoint
        .map_err(|source| PaymentStartError::Peer { key, source })?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .connect_lazy())
}

/// What the order service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Refund,
    Wait,
}

/// The order service.
#[derive(Debug, Clone)]
pub(crate) struct Orders(PaymentEventServiceClient<Channel>);

impl Orders {
    /// Tells it how a payment ended.
    pub(crate) async fn report(
        &self,
        payment_no: &str,
        order_no: &str,
        amount_cents: i64,
        outcome: Outcome,
    ) -> Result<Answer, Status> {
        let outcome = match outcome {
            Outcome::Succeeded => order::PaymentOutcome::Succeeded,
            Outcome::Failed => order::PaymentOutcome::Failed,
        };
        let request = order::ReportPaymentRequest {
            payment_no: payment_no.to_owned(),
            order_no: order_no.to_owned(),
            amount_cents,
            outcome: outcome.into(),
        };
        let reply = self.0.clone().report_payment(request).await?.into_inner();
        match reply.verdict() {
            order::PaymentVerdict::Accepted => Ok(Answer::Accepted),
            order::PaymentVerdict::Refund => Ok(Answer::Refund),
            order::PaymentVerdict::Wait => Ok(Answer::Wait),
            order::PaymentVerdict::Unspecified => {
                Err(Status::internal("a verdict that this version doesn't know"))
            }
        }
    }
}

/// The test provider.
#[derive(Debug, Clone)]
struct GrpcProvider {
    client: ProviderServiceClient<Channel>,
    notify_url: String,
}

impl Provider for GrpcProvider {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Charged, ProviderError>> {
        async move {
            let request = proto::CreateChargeRequest {
                payment_no: charge.payment_no,
                order_no: charge.order_no,
                amount_cents: charge.amount_cents,
                notify_url: self.notify_url.clone(),
            };
            let reply = self.client.clone().create_charge(request).await;
            let charge = reply.map_err(|status| failed(&status))?.into_inner().charge;
            let charge = charge.unwrap_or_default();
            Ok(Charged {
                provider_no: charge.provider_no,
                redirect_url: charge.redirect_url,
            })
        }
        .boxed()
    }

    fn ask(&self, payment_no: &str) -> BoxFuture<'_, Result<Asked, ProviderError>> {
        let payment_no = payment_no.to_owned();
        async move {
            let request = proto::GetChargeRequest { payment_no };
            let charge = match self.client.clone().get_charge(request).await {
                Ok(reply) => reply.into_inner().charge.unwrap_or_default(),
                Err(status) if status.code() == Code::NotFound => return Ok(Asked::Unknown),
                Err(status) => return Err(failed(&status)),
            };
            match charge.state() {
                ChargeState::Pending => Ok(Asked::Pending),
                ChargeState::Succeeded => Ok(Asked::Succeeded {
                    amount_cents: charge.amount_cents,
                }),
                ChargeState::Failed => Ok(Asked::Failed),
                ChargeState::Unspecified => {
                    Err(ProviderError::Unavailable("an unknown state".to_owned()))
                }
            }
        }
        .boxed()
    }

    fn refund(
        &self,
        payment_no: &str,
        refund_no: &str,
        amount_cents: i64,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        let request = proto::CreateRefundRequest {
            payment_no: payment_no.to_owned(),
            refund_no: refund_no.to_owned(),
            amount_cents,
        };
        async move {
            let reply = self.client.clone().create_refund(request).await;
            reply.map(|_| ()).map_err(|status| failed(&status))
        }
        .boxed()
    }

    fn statement(
        &self,
        date: &str,
        page_size: i32,
        page_token: &str,
    ) -> BoxFuture<'_, Result<StatementPage, ProviderError>> {
        let request = proto::GetStatementRequest {
            date: date.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        async move {
            let reply = self.client.clone().get_statement(request).await;
            let page = reply.map_err(|status| failed(&status))?.into_inner();
            let lines = page.lines.into_iter().map(|line| StatementLine {
                payment_no: line.payment_no,
                refund_no: line.refund_no,
                amount_cents: line.amount_cents,
                booked_at: line.booked_at,
            });
            Ok(StatementPage {
                lines: lines.collect(),
                next_page_token: page.next_page_token,
            })
        }
        .boxed()
    }
}

fn failed(status: &Status) -> ProviderError {
    let message = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented => ProviderError::Refused(message),
        _ => ProviderError::Unavailable(message),
    }
}
