//! Looking at orders: by number, by request, and in pages.

use tercet_participant::{ActionError, error_status, is_id, page_size};
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::order::v1::get_order_request::Key;
use tonic::{Code, Status};

use super::Database;
use super::desk::DOMAIN;
use super::queries::{self, Position};
use crate::order::Order;

/// Reads orders.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) database: Database,
}

impl Look {
    /// One order. Somebody else's is not told from one that isn't there.
    pub(super) async fn get(
        &self,
        request: proto::GetOrderRequest,
    ) -> Result<proto::GetOrderResponse, Status> {
        let owner = user(&request.user_id)?;
        let key = request
            .key
            .ok_or_else(|| invalid("order_no or request_id must be set"))?;
        let (Key::OrderNo(text) | Key::RequestId(text)) = &key;
        if !is_id(text, 64) {
            return Err(invalid("the key must be 1 to 64 visible ASCII characters"));
        }
        let mut connection = self.reader().await?;
        let order = match &key {
            Key::OrderNo(order_no) => queries::by_number(&mut connection, order_no).await,
            Key::RequestId(request_id) => queries::by_request(&mut connection, request_id).await,
        };
        let order = order.map_err(database)?;
        let is_theirs = |order: &Order| owner.is_none_or(|owner| owner == order.submission.user_id);
        let order = order.filter(is_theirs).ok_or_else(|| {
            let message = format!("there is no order {text}");
            error_status(Code::NotFound, "UNKNOWN_ORDER", DOMAIN, message)
        })?;
        Ok(proto::GetOrderResponse {
            order: Some(order.into()),
        })
    }

    /// A page of orders, newest first.
    pub(super) async fn list(
        &self,
        request: proto::ListOrdersRequest,
    ) -> Result<proto::ListOrdersResponse, Status> {
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = parse_token(&request.page_token)?;
        let user_id = user(&request.user_id)?;
        let mut connection = self.reader().await?;
        let listed = queries::list(
            &mut connection,
            user_id,
            after.as_ref(),
            i64::from(limit) + 1,
        );
        let mut orders = listed.await.map_err(database)?;
        let has_more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next_page_token = orders
            .last()
            .filter(|_| has_more)
            .map(token)
            .unwrap_or_default();
        Ok(proto::ListOrdersResponse {
            orders: orders.into_iter().map(proto::Order::from).collect(),
            next_page_token,
        })
    }

    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<super::Db>, Status> {
        self.database.reader().acquire().await.map_err(database)
    }
}

/// A user, or none where the field is empty.
pub(super) fn user(user_id: &str) -> Result<Option<&str>, Status> {
    match user_id {
        "" => Ok(None),
        id if is_id(id, 64) => Ok(Some(id)),
        _ => Err(invalid(
            "user_id must be at most 64 visible ASCII characters",
        )),
    }
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

pub(super) fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "orders not served");
    ActionError::from(error).into_status(DOMAIN)
}
