//! `shop.payment.v1.PaymentService`: starting payments, and looking at them.

use tercet_participant::{ActionError, error_status, is_id, micros, now_micros, page_size};
use tercet_proto::shop::payment::v1 as proto;
use tercet_proto::shop::payment::v1::payment_service_server::PaymentService;
use tonic::{Code, Request, Response, Status};

use super::queries::{self, Payment};
use super::settle::again;
use super::shown;
use super::worker::Worker;
use crate::words::{AMOUNT_MAX, ID_LENGTH_MAX, PENDING};

const DOMAIN: &str = "shop.payment.v1.PaymentService";
/// Refunds shown with a payment.
const REFUNDS_MAX: i64 = 500;

/// Serves the rpcs from the database.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) worker: Worker,
}

#[tonic::async_trait]
impl PaymentService for Api {
    async fn start_payment(
        &self,
        request: Request<proto::StartPaymentRequest>,
    ) -> Result<Response<proto::StartPaymentResponse>, Status> {
        let request = checked(request.into_inner())?;
        // A caller that goes away must not leave the provider half told.
        let api = self.clone();
        let started = tokio::spawn(async move { api.start(request).await });
        let payment = started
            .await
            .map_err(|_| Status::unavailable("the service is stopping"))??;
        Ok(Response::new(proto::StartPaymentResponse {
            payment: Some(payment),
        }))
    }

    async fn get_payment(
        &self,
        request: Request<proto::GetPaymentRequest>,
    ) -> Result<Response<proto::GetPaymentResponse>, Status> {
        let payment_no = known_id("payment_no", request.into_inner().payment_no)?;
        let payment = shown::payment(self.read(&payment_no).await?);
        let mut connection = self.reader().await?;
        let refunds = queries::refunds(&mut connection, &payment_no, REFUNDS_MAX)
            .await
            .map_err(database)?;
        Ok(Response::new(proto::GetPaymentResponse {
            payment: Some(payment),
            refunds: refunds.into_iter().map(shown::refund).collect(),
        }))
    }

    async fn list_payments(
        &self,
        request: Request<proto::ListPaymentsRequest>,
    ) -> Result<Response<proto::ListPaymentsResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let (only_flagged, after) = (request.needs_attention, request.page_token.as_str());
        if !after.is_empty() && !is_id(after, ID_LENGTH_MAX) {
            return Err(invalid("page_token wasn't made by this service"));
        }
        let wanted = i64::from(limit) + 1;
        let mut connection = self.reader().await?;
        let rows = if request.order_no.is_empty() {
            queries::payments(&mut connection, only_flagged, after, wanted).await
        } else {
            let order_no = known_id("order_no", request.order_no)?;
            queries::payments_of_order(&mut connection, &order_no, only_flagged, after, wanted)
                .await
        };
        let (rows, is_last) = page(rows.map_err(database)?, limit);
        let next_page_token = rows
            .last()
            .filter(|_| !is_last)
            .map(|row| row.payment_no.clone())
            .unwrap_or_default();
        Ok(Response::new(proto::ListPaymentsResponse {
            payments: rows.into_iter().map(shown::payment).collect(),
            next_page_token,
        }))
    }

    async fn list_notices(
        &self,
        request: Request<proto::ListNoticesRequest>,
    ) -> Result<Response<proto::ListNoticesResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let before = match request.page_token.as_str() {
            "" => i64::MAX,
            token => token
                .parse()
                .map_err(|_| invalid("page_token wasn't made by this service"))?,
        };
        if !request.payment_no.is_empty() {
            known_id("payment_no", request.payment_no.clone())?;
        }
        let mut connection = self.reader().await?;
        let wanted = i64::from(limit) + 1;
        let rows = queries::notices(&mut connection, &request.payment_no, before, wanted).await;
        let (rows, is_last) = page(rows.map_err(database)?, limit);
        let next_page_token = rows
            .last()
            .filter(|_| !is_last)
            .map(|row| row.id.to_string())
            .unwrap_or_default();
        Ok(Response::new(proto::ListNoticesResponse {
            notices: rows.into_iter().map(shown::notice).collect(),
            next_page_token,
        }))
    }

    async fn retry_payment(
        &self,
        request: Request<proto::RetryPaymentRequest>,
    ) -> Result<Response<proto::RetryPaymentResponse>, Status> {
        let payment_no = known_id("payment_no", request.into_inner().payment_no)?;
        let store = &self.worker.store;
        again(|| async {
            let mut transaction = store.database.begin().await?;
            queries::retry(&mut transaction, &payment_no, now_micros()).await?;
            transaction.commit().await
        })
        .await
        .map_err(database)?;
        store.ring();
        let payment = Some(shown::payment(self.read(&payment_no).await?));
        Ok(Response::new(proto::RetryPaymentResponse { payment }))
    }

    async fn get_statement(
        &self,
        request: Request<proto::GetStatementRequest>,
    ) -> Result<Response<proto::GetStatementResponse>, Status> {
        let request = request.into_inner();
        page_size(request.page_size).map_err(|message| invalid(&message))?;
        let page = self.worker.outside.provider.statement(
            &request.date,
            request.page_size,
            &request.page_token,
        );
        let page = page.await.map_err(|error| {
            if error.is_retryable() {
                let (code, reason) = (Code::Unavailable, "PROVIDER_UNAVAILABLE");
                error_status(code, reason, DOMAIN, error.to_string())
            } else {
                invalid(&error.to_string())
            }
        })?;
        Ok(Response::new(proto::GetStatementResponse {
            lines: page.lines,
            next_page_token: page.next_page_token,
        }))
    }
}

type Reader = sqlx::pool::PoolConnection<super::Db>;

impl Api {
    async fn reader(&self) -> Result<Reader, Status> {
        let database = &self.worker.store.database;
        database.reader().acquire().await.map_err(self::database)
    }

    async fn read(&self, payment_no: &str) -> Result<Payment, Status> {
        let mut connection = self.reader().await?;
        let payment = queries::payment(&mut connection, payment_no)
            .await
            .map_err(database)?;
        payment.ok_or_else(|| {
            let message = format!("{payment_no} isn't a payment");
            error_status(Code::NotFound, "UNKNOWN_PAYMENT", DOMAIN, message)
        })
    }

    /// Writes the payment, then tells the provider. If that fails or this process dies, the worker tells it.
    async fn start(&self, request: proto::StartPaymentRequest) -> Result<proto::Payment, Status> {
        let now = now_micros();
        let worker = &self.worker;
        let payment = Payment {
            payment_no: request.payment_no,
            order_no: request.order_no,
            user_id: request.user_id,
            amount_cents: request.amount_cents,
            state: PENDING,
            provider_no: String::new(),
            redirect_url: String::new(),
            refunding_cents: 0,
            refunded_cents: 0,
            asks: 0,
            ask_at: Some(now + micros(worker.schedule.lease.get())),
            reports: 0,
            report_at: None,
            verdict: 0,
            attention: None,
            created_at: now,
            ended_at: None,
        };
        let is_new = again(|| async {
            let mut connection = worker.store.database.writer().acquire().await?;
            queries::insert_payment(&mut connection, &payment).await
        });
        let is_new = is_new.await.map_err(database)?;
        let stored = self.read(&payment.payment_no).await?;
        let is_same = (&stored.order_no, &stored.user_id, stored.amount_cents)
            == (&payment.order_no, &payment.user_id, payment.amount_cents);
        if !is_same {
            let message = format!("{} is another payment", payment.payment_no);
            let (code, reason) = (Code::AlreadyExists, "PAYMENT_CONFLICT");
            return Err(error_status(code, reason, DOMAIN, message));
        }
        let is_untold = stored.provider_no.is_empty() && stored.state == PENDING;
        if !(is_new || is_untold) {
            return Ok(shown::payment(stored));
        }
        match worker.charge(&payment).await {
            Ok(()) => worker.store.ring(),
            Err(error) => {
                let payment_no = payment.payment_no.as_str();
                tracing::warn!(payment_no, %error, "the provider will be told later");
            }
        }
        self.read(&payment.payment_no).await.map(shown::payment)
    }
}

/// One page of rows, of which one more than wanted was read; whether it is the last.
fn page<T>(mut rows: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let is_last = rows.len() <= limit as usize;
    rows.truncate(limit as usize);
    (rows, is_last)
}

fn known_id(name: &str, id: String) -> Result<String, Status> {
    if is_id(&id, ID_LENGTH_MAX) {
        return Ok(id);
    }
    let message = format!("{name} must be 1 to 64 visible ASCII characters");
    Err(invalid(&message))
}

fn checked(request: proto::StartPaymentRequest) -> Result<proto::StartPaymentRequest, Status> {
    known_id("payment_no", request.payment_no.clone())?;
    known_id("order_no", request.order_no.clone())?;
    known_id("user_id", request.user_id.clone())?;
    if !(1..=AMOUNT_MAX).contains(&request.amount_cents) {
        return Err(invalid("amount_cents must be 1 to 1000000000000"));
    }
    Ok(request)
}

fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "payments not served");
    ActionError::from(error).into_status(DOMAIN)
}
