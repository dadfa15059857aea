//! `shop.order.v1.OrderService`: placing orders and looking at them.

use tercet_client::{CallContext, Client};
use tercet_participant::{ActionError, error_status, is_id, page_size};
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::order::v1::get_order_request::Key;
use tercet_proto::shop::order::v1::order_service_server::OrderService;
use tonic::{Code, Request, Response, Status};

use super::Database;
use super::order::Order;
use super::place::Place;
use super::queries::{self, Position};

const DOMAIN: &str = "shop.order.v1.OrderService";

/// Serves the rpcs.
#[derive(Debug)]
pub(super) struct Api {
    database: Database,
    place: Place,
}

impl Api {
    pub(super) fn new(database: Database, client: Client) -> Self {
        let place = Place::new(database.clone(), client);
        Self { database, place }
    }
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn place_order(
        &self,
        request: Request<proto::PlaceOrderRequest>,
    ) -> Result<Response<proto::PlaceOrderResponse>, Status> {
        let context = CallContext::of(&request);
        let answer = self
            .place
            .place(request.into_inner().into(), context)
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_order(
        &self,
        request: Request<proto::GetOrderRequest>,
    ) -> Result<Response<proto::GetOrderResponse>, Status> {
        let key = request
            .into_inner()
            .key
            .ok_or_else(|| invalid("order_no or request_id must be set"))?;
        let (Key::OrderNo(text) | Key::RequestId(text)) = &key;
        if !is_id(text, 64) {
            return Err(invalid("the key must be 1 to 64 visible ASCII characters"));
        }
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let order = match &key {
            Key::OrderNo(order_no) => queries::by_number(&mut connection, order_no).await,
            Key::RequestId(request_id) => queries::by_request(&mut connection, request_id).await,
        };
        let order = order.map_err(database)?.ok_or_else(|| {
            error_status(
                Code::NotFound,
                "UNKNOWN_ORDER",
                DOMAIN,
                format!("there is no order {text}"),
            )
        })?;
        Ok(Response::new(proto::GetOrderResponse {
            order: Some(order.into()),
        }))
    }

    async fn list_orders(
        &self,
        request: Request<proto::ListOrdersRequest>,
    ) -> Result<Response<proto::ListOrdersResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = parse_token(&request.page_token)?;
        let user_id = match request.user_id.as_str() {
            "" => None,
            id if is_id(id, 64) => Some(id),
            _ => {
                return Err(invalid(
                    "user_id must be at most 64 visible ASCII characters",
                ));
            }
        };
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let mut orders = queries::list(
            &mut connection,
            user_id,
            after.as_ref(),
            i64::from(limit) + 1,
        )
        .await
        .map_err(database)?;
        let has_more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next_page_token = orders
            .last()
            .filter(|_| has_more)
            .map(token)
            .unwrap_or_default();
        let orders = orders.into_iter().map(proto::Order::from).collect();
        Ok(Response::new(proto::ListOrdersResponse {
            orders,
            next_page_token,
        }))
    }

    async fn queue_order(
        &self,
        _: Request<proto::QueueOrderRequest>,
    ) -> Result<Response<proto::QueueOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn wait_for_ticket(
        &self,
        _: Request<proto::WaitForTicketRequest>,
    ) -> Result<Response<proto::WaitForTicketResponse>, Status> {
        Err(not_yet())
    }

    async fn pay_order(
        &self,
        _: Request<proto::PayOrderRequest>,
    ) -> Result<Response<proto::PayOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn cancel_order(
        &self,
        _: Request<proto::CancelOrderRequest>,
    ) -> Result<Response<proto::CancelOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn request_refund(
        &self,
        _: Request<proto::RequestRefundRequest>,
    ) -> Result<Response<proto::RequestRefundResponse>, Status> {
        Err(not_yet())
    }

    async fn approve_refund(
        &self,
        _: Request<proto::ApproveRefundRequest>,
    ) -> Result<Response<proto::ApproveRefundResponse>, Status> {
        Err(not_yet())
    }

    async fn reject_refund(
        &self,
        _: Request<proto::RejectRefundRequest>,
    ) -> Result<Response<proto::RejectRefundResponse>, Status> {
        Err(not_yet())
    }

    async fn return_order(
        &self,
        _: Request<proto::ReturnOrderRequest>,
    ) -> Result<Response<proto::ReturnOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn ship_order(
        &self,
        _: Request<proto::ShipOrderRequest>,
    ) -> Result<Response<proto::ShipOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn receive_order(
        &self,
        _: Request<proto::ReceiveOrderRequest>,
    ) -> Result<Response<proto::ReceiveOrderResponse>, Status> {
        Err(not_yet())
    }

    async fn extend_receipt(
        &self,
        _: Request<proto::ExtendReceiptRequest>,
    ) -> Result<Response<proto::ExtendReceiptResponse>, Status> {
        Err(not_yet())
    }

    type WatchOrderStream = tokio_stream::Empty<Result<proto::WatchOrderResponse, Status>>;

    async fn watch_order(
        &self,
        _: Request<proto::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        Err(not_yet())
    }
}

fn not_yet() -> Status {
    Status::unimplemented("this server doesn't offer it yet")
}

/// A token names the last order shown.
fn token(order: &Order) -> String {
    format!("{} {}", order.created_at, order.number)
}

fn parse_token(token: &str) -> Result<Option<Position>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let position = token.split_once(' ').and_then(|(created_at, order_no)| {
        let created_at = created_at.parse().ok()?;
        Some(Position {
            created_at,
            order_no: order_no.to_owned(),
        })
    });
    position
        .map(Some)
        .ok_or_else(|| invalid("page_token wasn't made by this service"))
}

fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "orders not served");
    ActionError::from(error).into_status(DOMAIN)
}
