//! `shop.order.v1.PaymentEventService`: what the payment service tells this one.

use tercet_client::CallContext;
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::order::v1::payment_event_service_server::PaymentEventService;
use tonic::{Request, Response, Status};

use super::payment::Payments;

/// Serves the rpc.
#[derive(Debug)]
pub(super) struct Events(pub(super) Payments);

#[tonic::async_trait]
impl PaymentEventService for Events {
    async fn report_payment(
        &self,
        request: Request<proto::ReportPaymentRequest>,
    ) -> Result<Response<proto::ReportPaymentResponse>, Status> {
        let context = CallContext::of(&request);
        let verdict = self.0.report(request.get_ref(), context).await?;
        Ok(Response::new(proto::ReportPaymentResponse {
            verdict: verdict.into(),
        }))
    }
}
