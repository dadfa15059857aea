//! `shop.order.v1.OrderService`: what customers and the merchant may ask of orders. Everything is done elsewhere; here
//! requests are taken apart and answers put together.

use std::sync::Arc;

use tercet_client::CallContext;
use tercet_participant::is_id;
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::order::v1::order_service_server::OrderService;
use tonic::{Request, Response, Status};

use super::close::Closer;
use super::handover::Handover;
use super::look::{Look, invalid, user};
use super::payment::Payments;
use super::place::Place;
use super::points::PointsPay;
use super::queue::Queue;
use super::refund::{Give, Refunds};
use super::watch::{Watchers, Watching};

/// Serves the rpcs.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) look: Look,
    pub(super) place: Arc<Place>,
    pub(super) queue: Queue,
    pub(super) points: PointsPay,
    pub(super) watchers: Watchers,
    pub(super) closer: Closer,
    pub(super) handover: Handover,
    pub(super) payments: Payments,
    pub(super) refunds: Refunds,
}

/// The owner, who must be named.
fn owner(user_id: &str) -> Result<&str, Status> {
    user(user_id)?.ok_or_else(|| invalid("user_id must be set"))
}

fn order_no(order_no: &str) -> Result<&str, Status> {
    if is_id(order_no, 64) {
        return Ok(order_no);
    }
    Err(invalid("order_no must be 1 to 64 visible ASCII characters"))
}

fn refund_no(refund_no: &str) -> Result<&str, Status> {
    if is_id(refund_no, 64) {
        return Ok(refund_no);
    }
    Err(invalid(
        "refund_no must be 1 to 64 visible ASCII characters",
    ))
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn place_order(
        &self,
        request: Request<proto::PlaceOrderRequest>,
    ) -> Result<Response<proto::PlaceOrderResponse>, Status> {
        let context = CallContext::of(&request);
        let submission = request.into_inner().into();
        let answer = self.place.place(submission, context).await?;
        Ok(Response::new(answer.response))
    }

    async fn get_order(
        &self,
        request: Request<proto::GetOrderRequest>,
    ) -> Result<Response<proto::GetOrderResponse>, Status> {
        self.look.get(request.into_inner()).await.map(Response::new)
    }

    async fn list_orders(
        &self,
        request: Request<proto::ListOrdersRequest>,
    ) -> Result<Response<proto::ListOrdersResponse>, Status> {
        self.look
            .list(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn cancel_order(
        &self,
        request: Request<proto::CancelOrderRequest>,
    ) -> Result<Response<proto::CancelOrderResponse>, Status> {
        let context = CallContext::of(&request);
        let request = request.into_inner();
        let (number, owner) = (order_no(&request.order_no)?, owner(&request.user_id)?);
        let order = self.closer.cancel(number, owner, context).await?;
        Ok(Response::new(proto::CancelOrderResponse {
            order: Some(order.into()),
        }))
    }

    async fn ship_order(
        &self,
        request: Request<proto::ShipOrderRequest>,
    ) -> Result<Response<proto::ShipOrderResponse>, Status> {
        let request = request.into_inner();
        let order = self.handover.ship(order_no(&request.order_no)?).await?;
        Ok(Response::new(proto::ShipOrderResponse {
            order: Some(order.into()),
        }))
    }

    async fn receive_order(
        &self,
        request: Request<proto::ReceiveOrderRequest>,
    ) -> Result<Response<proto::ReceiveOrderResponse>, Status> {
        let request = request.into_inner();
        let (number, owner) = (order_no(&request.order_no)?, owner(&request.user_id)?);
        let order = self.handover.receive(number, owner).await?;
        Ok(Response::new(proto::ReceiveOrderResponse {
            order: Some(order.into()),
        }))
    }

    async fn extend_receipt(
        &self,
        request: Request<proto::ExtendReceiptRequest>,
    ) -> Result<Response<proto::ExtendReceiptResponse>, Status> {
        let request = request.into_inner();
        let (number, buyer) = (order_no(&request.order_no)?, user(&request.user_id)?);
        let order = self.handover.extend(number, buyer).await?;
        Ok(Response::new(proto::ExtendReceiptResponse {
            order: Some(order.into()),
        }))
    }

    async fn request_refund(
        &self,
        request: Request<proto::RequestRefundRequest>,
    ) -> Result<Response<proto::RequestRefundResponse>, Status> {
        let request = request.into_inner();
        let (number, owner) = (order_no(&request.order_no)?, owner(&request.user_id)?);
        let (key, reason) = (&request.request_id, &request.reason);
        let (order, refund_no) = self.refunds.ask(number, owner, key, reason).await?;
        Ok(Response::new(proto::RequestRefundResponse {
            order: Some(order.into()),
            refund_no,
        }))
    }

    async fn approve_refund(
        &self,
        request: Request<proto::ApproveRefundRequest>,
    ) -> Result<Response<proto::ApproveRefundResponse>, Status> {
        let context = CallContext::of(&request);
        let request = request.into_inner();
        let give = Give::Amount {
            cents: request.amount_cents,
            points: request.points,
        };
        let number = refund_no(&request.refund_no)?;
        let order = self.refunds.give(number, give, context).await?;
        Ok(Response::new(proto::ApproveRefundResponse {
            order: Some(order.into()),
        }))
    }

    async fn reject_refund(
        &self,
        request: Request<proto::RejectRefundRequest>,
    ) -> Result<Response<proto::RejectRefundResponse>, Status> {
        let request = request.into_inner();
        let order = self.refunds.reject(refund_no(&request.refund_no)?).await?;
        Ok(Response::new(proto::RejectRefundResponse {
            order: Some(order.into()),
        }))
    }

    async fn return_order(
        &self,
        request: Request<proto::ReturnOrderRequest>,
    ) -> Result<Response<proto::ReturnOrderResponse>, Status> {
        let context = CallContext::of(&request);
        let request = request.into_inner();
        let number = refund_no(&request.refund_no)?;
        let give = Give::Pieces(request.pieces);
        let order = self.refunds.give(number, give, context).await?;
        Ok(Response::new(proto::ReturnOrderResponse {
            order: Some(order.into()),
        }))
    }

    async fn list_refunds(
        &self,
        request: Request<proto::ListRefundsRequest>,
    ) -> Result<Response<proto::ListRefundsResponse>, Status> {
        let listed = self.refunds.list(request.into_inner()).await?;
        Ok(Response::new(listed))
    }

    async fn queue_order(
        &self,
        request: Request<proto::QueueOrderRequest>,
    ) -> Result<Response<proto::QueueOrderResponse>, Status> {
        let order = request.into_inner().order;
        let order = order.ok_or_else(|| invalid("order must be set"))?;
        self.queue.queue(order.into()).map(Response::new)
    }

    async fn wait_for_ticket(
        &self,
        request: Request<proto::WaitForTicketRequest>,
    ) -> Result<Response<proto::WaitForTicketResponse>, Status> {
        let context = CallContext::of(&request);
        let placed = self
            .queue
            .wait(&request.into_inner().ticket, context)
            .await?;
        Ok(Response::new(proto::WaitForTicketResponse {
            placed: Some(placed),
        }))
    }

    async fn pay_order(
        &self,
        request: Request<proto::PayOrderRequest>,
    ) -> Result<Response<proto::PayOrderResponse>, Status> {
        let context = CallContext::of(&request);
        let request = request.into_inner();
        let (number, owner) = (order_no(&request.order_no)?, owner(&request.user_id)?);
        let (order, redirect_url) = match request.method() {
            proto::PaymentMethod::Points => {
                let order = self.points.pay(number, owner, context).await?;
                (order, String::new())
            }
            proto::PaymentMethod::Outside => self.payments.pay(number, owner).await?,
            proto::PaymentMethod::Unspecified => return Err(invalid("method must be set")),
        };
        Ok(Response::new(proto::PayOrderResponse {
            order: Some(order.into()),
            redirect_url,
        }))
    }

    type WatchOrderStream = Watching;

    async fn watch_order(
        &self,
        request: Request<proto::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let request = request.into_inner();
        let (number, owner) = (order_no(&request.order_no)?, owner(&request.user_id)?);
        self.watchers.watch(number, owner).await.map(Response::new)
    }
}
