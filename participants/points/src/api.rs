//! `shop.points.v1.PointsService`: looking at accounts and their ledger, opening one.

use tercet_participant::{ActionError, error_status, is_id, now_micros, page_size, timestamp};
use tercet_proto::shop::points::v1 as proto;
use tercet_proto::shop::points::v1::points_service_server::PointsService;
use tonic::{Code, Request, Response, Status};

use super::queries::{self, Account, LedgerEntry, OrderPoints, Sums};
use super::{Connection, Database};
use crate::ledger::{Kind, POINTS_MAX};

const DOMAIN: &str = "shop.points.v1.PointsService";
const USER_LENGTH_MAX: usize = 64;
/// An order may be known by an older, longer key.
const ORDER_LENGTH_MAX: usize = 128;

/// Serves the rpcs from the database.
#[derive(Debug)]
pub(super) struct Api {
    database: Database,
}

impl Api {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl PointsService for Api {
    async fn get_account(
        &self,
        request: Request<proto::GetAccountRequest>,
    ) -> Result<Response<proto::GetAccountResponse>, Status> {
        let user_id = checked(request.into_inner().user_id)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let account = read(&mut connection, &user_id).await?;
        Ok(Response::new(proto::GetAccountResponse {
            account: Some(account),
        }))
    }

    async fn list_ledger(
        &self,
        request: Request<proto::ListLedgerRequest>,
    ) -> Result<Response<proto::ListLedgerResponse>, Status> {
        let request = request.into_inner();
        let user_id = checked(request.user_id)?;
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let before = parse_token(&request.page_token)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        read(&mut connection, &user_id).await?;
        let mut entries = queries::entries(&mut connection, &user_id, before, i64::from(limit) + 1)
            .await
            .map_err(database)?;
        let has_more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next_page_token = entries
            .last()
            .filter(|_| has_more)
            .map(|entry| entry.id.to_string())
            .unwrap_or_default();
        let entries = entries.into_iter().map(entry_to_proto).collect();
        Ok(Response::new(proto::ListLedgerResponse {
            entries,
            next_page_token,
        }))
    }

    async fn list_order_points(
        &self,
        request: Request<proto::ListOrderPointsRequest>,
    ) -> Result<Response<proto::ListOrderPointsResponse>, Status> {
        let proto::ListOrderPointsRequest {
            order_no,
            page_size: size,
            page_token,
        } = request.into_inner();
        let limit = page_size(size).map_err(|message| invalid(&message))?;
        if !order_no.is_empty() && !is_id(&order_no, ORDER_LENGTH_MAX) {
            return Err(invalid(
                "order_no must be at most 128 visible ASCII characters",
            ));
        }
        let after = parse_order_token(&page_token)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let wanted = i64::from(limit) + 1;
        let rows = if order_no.is_empty() {
            queries::list_order_points(&mut connection, after, wanted).await
        } else {
            queries::list_points_of_order(&mut connection, &order_no, after.1, wanted).await
        };
        let mut rows = rows.map_err(database)?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_page_token = rows
            .last()
            .filter(|_| has_more)
            .map(|row| format!("{} {}", row.order_no, row.user_id))
            .unwrap_or_default();
        let orders = rows.into_iter().map(order_to_proto).collect();
        Ok(Response::new(proto::ListOrderPointsResponse {
            orders,
            next_page_token,
        }))
    }

    async fn list_account_sums(
        &self,
        request: Request<proto::ListAccountSumsRequest>,
    ) -> Result<Response<proto::ListAccountSumsResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = request.page_token;
        if !after.is_empty() && !is_id(&after, USER_LENGTH_MAX) {
            return Err(invalid("page_token wasn't made by this service"));
        }
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let mut rows = queries::list_sums(&mut connection, &after, i64::from(limit) + 1)
            .await
            .map_err(database)?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_page_token = rows
            .last()
            .filter(|_| has_more)
            .map(|row| row.user_id.clone())
            .unwrap_or_default();
        let sums = rows.into_iter().map(sums_to_proto).collect();
        Ok(Response::new(proto::ListAccountSumsResponse {
            sums,
            next_page_token,
        }))
    }

    async fn seed_account(
        &self,
        request: Request<proto::SeedAccountRequest>,
    ) -> Result<Response<proto::SeedAccountResponse>, Status> {
        let request = request.into_inner();
        let user_id = checked(request.user_id)?;
        if !(0..=POINTS_MAX).contains(&request.points) {
            return Err(invalid("points must be 0 to 1000000000000"));
        }
        let mut transaction = self.database.begin().await.map_err(database)?;
        let created = queries::open(&mut transaction, &user_id, request.points, now_micros())
            .await
            .map_err(database)?;
        let account = read(&mut transaction, &user_id).await?;
        transaction.commit().await.map_err(database)?;
        Ok(Response::new(proto::SeedAccountResponse {
            account: Some(account),
            created,
        }))
    }
}

async fn read(connection: &mut Connection, user_id: &str) -> Result<proto::Account, Status> {
    let account = queries::account(connection, user_id)
        .await
        .map_err(database)?;
    account.map(to_proto).ok_or_else(|| {
        error_status(
            Code::NotFound,
            "UNKNOWN_ACCOUNT",
            DOMAIN,
            format!("{user_id} has no account"),
        )
    })
}

/// A token is the id of the last row shown.
fn parse_token(token: &str) -> Result<i64, Status> {
    if token.is_empty() {
        return Ok(i64::MAX);
    }
    token
        .parse()
        .map_err(|_| invalid("page_token wasn't made by this service"))
}

/// A token is the order and the account of the last row shown, with a space between, which neither can hold.
fn parse_order_token(token: &str) -> Result<(&str, &str), Status> {
    if token.is_empty() {
        return Ok(("", ""));
    }
    token
        .split_once(' ')
        .filter(|(order_no, user_id)| {
            is_id(order_no, ORDER_LENGTH_MAX) && is_id(user_id, USER_LENGTH_MAX)
        })
        .ok_or_else(|| invalid("page_token wasn't made by this service"))
}

fn order_to_proto(row: OrderPoints) -> proto::OrderPoints {
    let OrderPoints {
        order_no,
        user_id,
        spent,
        refunding,
        refunded,
    } = row;
    proto::OrderPoints {
        order_no,
        user_id,
        spent,
        refunding,
        refunded,
    }
}

fn checked(user_id: String) -> Result<String, Status> {
    if is_id(&user_id, USER_LENGTH_MAX) {
        Ok(user_id)
    } else {
        Err(invalid("user_id must be 1 to 64 visible ASCII characters"))
    }
}

fn sums_to_proto(sums: Sums) -> proto::AccountSums {
    proto::AccountSums {
        account: Some(proto::Account {
            user_id: sums.user_id,
            available: sums.available,
            frozen: sums.frozen,
        }),
        ledger_available: sums.ledger_available,
        ledger_frozen: sums.ledger_frozen,
    }
}

fn to_proto(account: Account) -> proto::Account {
    let Account {
        user_id,
        available,
        frozen,
    } = account;
    proto::Account {
        user_id,
        available,
        frozen,
    }
}

fn entry_to_proto(entry: LedgerEntry) -> proto::LedgerEntry {
    proto::LedgerEntry {
        id: entry.id,
        user_id: entry.user_id,
        order_ref: entry.order_ref.unwrap_or_default(),
        kind: Kind::proto(entry.kind).into(),
        number: entry.number,
        entry_no: entry.entry_no,
        available_delta: entry.available_delta,
        frozen_delta: entry.frozen_delta,
        created_at: Some(timestamp(entry.created_at)),
    }
}

fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "points not served");
    ActionError::from(error).into_status(DOMAIN)
}
