//! `shop.stock.v1.StockService`: looking at stock, adding it.

use tercet_participant::{ActionError, HotRows, error_status, is_id, now_micros, page_size};
use tercet_proto::shop::stock::v1 as proto;
use tercet_proto::shop::stock::v1::stock_service_server::StockService;
use tonic::{Code, Request, Response, Status};

use super::Database;
use super::queries::{self, OrderStock, Restocked, Stock, Sums};
use super::table::SkuTable;

const DOMAIN: &str = "shop.stock.v1.StockService";
const SKU_LENGTH_MAX: usize = 64;
const ORDER_LENGTH_MAX: usize = 64;
/// Pieces in one call, so that sums stay far from overflow.
const QUANTITY_MAX: i64 = 1_000_000_000;

/// Serves the rpcs from the database.
#[derive(Debug)]
pub(super) struct Api {
    database: Database,
    /// Whose copies in memory must learn of a delivery.
    rows: HotRows<SkuTable>,
}

impl Api {
    pub(super) fn new(database: Database, rows: HotRows<SkuTable>) -> Self {
        Self { database, rows }
    }

    async fn read(&self, sku: &str) -> Result<proto::Sku, Status> {
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let stock = queries::get(&mut connection, sku).await.map_err(database)?;
        stock.map(to_proto).ok_or_else(|| unknown(sku))
    }
}

#[tonic::async_trait]
impl StockService for Api {
    async fn get_sku(
        &self,
        request: Request<proto::GetSkuRequest>,
    ) -> Result<Response<proto::GetSkuResponse>, Status> {
        let sku = checked(request.into_inner().sku)?;
        let sku = self.read(&sku).await?;
        Ok(Response::new(proto::GetSkuResponse { sku: Some(sku) }))
    }

    async fn list_skus(
        &self,
        request: Request<proto::ListSkusRequest>,
    ) -> Result<Response<proto::ListSkusResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = known_token(&request.page_token)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let mut skus = queries::list(&mut connection, after, i64::from(limit) + 1)
            .await
            .map_err(database)?;
        let has_more = skus.len() > limit as usize;
        skus.truncate(limit as usize);
        let next_page_token = skus
            .last()
            .filter(|_| has_more)
            .map(|stock| stock.sku.clone())
            .unwrap_or_default();
        let skus = skus.into_iter().map(to_proto).collect();
        Ok(Response::new(proto::ListSkusResponse {
            skus,
            next_page_token,
        }))
    }

    async fn list_order_stock(
        &self,
        request: Request<proto::ListOrderStockRequest>,
    ) -> Result<Response<proto::ListOrderStockResponse>, Status> {
        let proto::ListOrderStockRequest {
            order_no,
            page_size: size,
            page_token,
        } = request.into_inner();
        let limit = page_size(size).map_err(|message| invalid(&message))?;
        if !order_no.is_empty() && !is_id(&order_no, ORDER_LENGTH_MAX) {
            return Err(invalid(
                "order_no must be at most 64 visible ASCII characters",
            ));
        }
        let after = OrderToken::parse(&page_token)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let wanted = i64::from(limit) + 1;
        let rows = if order_no.is_empty() {
            let after = (after.order_no, after.sku);
            queries::list_order_stock(&mut connection, after, wanted).await
        } else {
            queries::list_stock_of_order(&mut connection, &order_no, after.sku, wanted).await
        };
        let mut rows = rows.map_err(database)?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_page_token = rows
            .last()
            .filter(|_| has_more)
            .map(|row| format!("{} {}", row.order_no, row.sku))
            .unwrap_or_default();
        let orders = rows.into_iter().map(order_to_proto).collect();
        Ok(Response::new(proto::ListOrderStockResponse {
            orders,
            next_page_token,
        }))
    }

    async fn list_sku_sums(
        &self,
        request: Request<proto::ListSkuSumsRequest>,
    ) -> Result<Response<proto::ListSkuSumsResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let after = known_token(&request.page_token)?;
        let mut connection = self.database.reader().acquire().await.map_err(database)?;
        let mut rows = queries::list_sums(&mut connection, after, i64::from(limit) + 1)
            .await
            .map_err(database)?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_page_token = rows
            .last()
            .filter(|_| has_more)
            .map(|row| row.sku.clone())
            .unwrap_or_default();
        let sums = rows.into_iter().map(sums_to_proto).collect();
        Ok(Response::new(proto::ListSkuSumsResponse {
            sums,
            next_page_token,
        }))
    }

    async fn seed_sku(
        &self,
        request: Request<proto::SeedSkuRequest>,
    ) -> Result<Response<proto::SeedSkuResponse>, Status> {
        let request = request.into_inner();
        let sku = checked(request.sku)?;
        if !(0..=QUANTITY_MAX).contains(&request.quantity) {
            return Err(invalid("quantity must be 0 to 1000000000"));
        }
        let mut transaction = self.database.begin().await.map_err(database)?;
        let created = queries::add(&mut transaction, &sku, request.quantity)
            .await
            .map_err(database)?;
        transaction.commit().await.map_err(database)?;
        let sku = self.read(&sku).await?;
        Ok(Response::new(proto::SeedSkuResponse {
            sku: Some(sku),
            created,
        }))
    }

    async fn restock(
        &self,
        request: Request<proto::RestockRequest>,
    ) -> Result<Response<proto::RestockResponse>, Status> {
        let proto::RestockRequest {
            sku,
            quantity,
            restock_id,
        } = request.into_inner();
        let sku = checked(sku)?;
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Err(invalid("quantity must be 1 to 1000000000"));
        }
        if !is_id(&restock_id, 64) {
            return Err(invalid(
                "restock_id must be 1 to 64 visible ASCII characters",
            ));
        }
        let mut transaction = self.database.begin().await.map_err(database)?;
        let restocked =
            queries::restock(&mut transaction, &restock_id, &sku, quantity, now_micros())
                .await
                .map_err(database)?;
        match restocked {
            Restocked::Added => transaction.commit().await.map_err(database)?,
            // The update of a repeated delivery goes with the roll-back.
            Restocked::Repeated => transaction.rollback().await.map_err(database)?,
            Restocked::OtherDelivery => {
                return Err(invalid("restock_id belongs to another delivery"));
            }
            Restocked::UnknownSku => return Err(unknown(&sku)),
        }
        self.rows.forget(&sku);
        let sku = self.read(&sku).await?;
        Ok(Response::new(proto::RestockResponse { sku: Some(sku) }))
    }
}

/// A token is the last name shown: it tells nothing that the page didn't.
fn known_token(token: &str) -> Result<&str, Status> {
    if token.is_empty() || is_id(token, SKU_LENGTH_MAX) {
        Ok(token)
    } else {
        Err(invalid("page_token wasn't made by this service"))
    }
}

fn checked(sku: String) -> Result<String, Status> {
    if is_id(&sku, SKU_LENGTH_MAX) {
        Ok(sku)
    } else {
        Err(invalid("sku must be 1 to 64 visible ASCII characters"))
    }
}

/// The last row shown: its order and its SKU with a space between, which neither can hold.
struct OrderToken<'a> {
    order_no: &'a str,
    sku: &'a str,
}

impl<'a> OrderToken<'a> {
    fn parse(token: &'a str) -> Result<Self, Status> {
        let parts = if token.is_empty() {
            Some(("", ""))
        } else {
            token.split_once(' ').filter(|(order_no, sku)| {
                (order_no.is_empty() || is_id(order_no, ORDER_LENGTH_MAX))
                    && is_id(sku, SKU_LENGTH_MAX)
            })
        };
        parts
            .map(|(order_no, sku)| Self { order_no, sku })
            .ok_or_else(|| invalid("page_token wasn't made by this service"))
    }
}

fn order_to_proto(row: OrderStock) -> proto::OrderStock {
    let OrderStock {
        order_no,
        sku,
        held,
        moving,
        sold,
    } = row;
    proto::OrderStock {
        order_no,
        sku,
        held,
        moving,
        sold,
    }
}

fn sums_to_proto(sums: Sums) -> proto::SkuSums {
    proto::SkuSums {
        sku: Some(proto::Sku {
            sku: sums.sku,
            available: sums.available,
            reserved: sums.reserved,
            held: sums.held,
            sold: sums.sold,
        }),
        delivered: sums.delivered,
        orders_held: sums.orders_held,
        orders_moving: sums.orders_moving,
        orders_sold: sums.orders_sold,
    }
}

fn to_proto(stock: Stock) -> proto::Sku {
    let Stock {
        sku,
        available,
        reserved,
        held,
        sold,
        version: _,
    } = stock;
    proto::Sku {
        sku,
        available,
        reserved,
        held,
        sold,
    }
}

fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn unknown(sku: &str) -> Status {
    error_status(
        Code::NotFound,
        "UNKNOWN_SKU",
        DOMAIN,
        format!("there is no SKU {sku}"),
    )
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "stock not served");
    ActionError::from(error).into_status(DOMAIN)
}
