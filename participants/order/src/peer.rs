//! The payment service, as the order service calls it. Every call has a time-out, shorter than the lease of whoever makes it.

use std::time::Duration;

use tercet_proto::shop::payment::v1::payment_service_client::PaymentServiceClient;
use tercet_proto::shop::payment::v1::{PaymentState, StartPaymentRequest};
use tercet_service::Endpoint;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How long a connection may take, and a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// The payment service. Connects when first used; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PaymentPeer(PaymentServiceClient<Channel>);

/// What the payment service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// Where the buyer pays; empty while the provider can't be reached.
    pub(crate) redirect_url: String,
    /// It has ended: nobody needs to be told where to pay.
    pub(crate) is_over: bool,
}

/// Why a payment isn't started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartPaymentError {
    /// It never will be: no money can be taken under this number.
    #[error("{0}")]
    Never(String),
    /// It may be or may not: tell it again.
    #[error("{0}")]
    InDoubt(String),
}

impl PaymentPeer {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, tonic::transport::Error> {
        let channel = tonic::transport::Endpoint::new(endpoint.to_string())?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .connect_lazy();
        Ok(Self(PaymentServiceClient::new(channel)))
    }

    /// Starts an attempt; the same again is harmless.
    pub(crate) async fn start(
        &self,
        request: StartPaymentRequest,
    ) -> Result<Started, StartPaymentError> {
        let reply = self.0.clone().start_payment(request).await;
        let payment = reply
            .map_err(|status| failed(&status))?
            .into_inner()
            .payment;
        let payment = payment.unwrap_or_default();
        Ok(Started {
            is_over: payment.state() != PaymentState::Pending,
            redirect_url: payment.redirect_url,
        })
    }
}

/// Only the payment service's own words are final; the same codes come from proxies and older versions too.
fn failed(status: &Status) -> StartPaymentError {
    let message = format!("{:?}: {}", status.code(), status.message());
    let reason = status.get_details_error_info().map(|info| info.reason);
    match (status.code(), reason.as_deref()) {
        (Code::InvalidArgument, Some("INVALID_REQUEST"))
        | (Code::AlreadyExists, Some("PAYMENT_CONFLICT")) => StartPaymentError::Never(message),
        _ => StartPaymentError::InDoubt(message),
    }
}
