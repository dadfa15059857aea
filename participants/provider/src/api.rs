//! The provider's two gRPC services: what a shop calls, and how a test plays the customer.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tercet_participant::{is_id, page_size};
use tercet_proto::shop::provider::v1 as proto;
use tercet_proto::shop::provider::v1::control_service_server::ControlService;
use tercet_proto::shop::provider::v1::provider_service_server::ProviderService;
use tonic::{Request, Response, Status};

use crate::book::Book;
use crate::notices::Sender;

const ID_LENGTH_MAX: usize = 64;
const REFUND_NO_LENGTH_MAX: usize = 80;
const NOTICES_MAX: usize = 100;
const DELAY_MS_MAX: u64 = 3_600_000;

/// Serves both from one book.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    book: Arc<Book>,
    sender: Sender,
}

impl Api {
    pub(crate) fn new(book: Arc<Book>, sender: Sender) -> Self {
        Self { book, sender }
    }
}

#[tonic::async_trait]
impl ProviderService for Api {
    async fn create_charge(
        &self,
        request: Request<proto::CreateChargeRequest>,
    ) -> Result<Response<proto::CreateChargeResponse>, Status> {
        let request = request.into_inner();
        let is_right = is_id(&request.payment_no, ID_LENGTH_MAX)
            && is_id(&request.order_no, ID_LENGTH_MAX)
            && request.amount_cents > 0
            && request.notify_url.starts_with("http://");
        if !is_right {
            return Err(Status::invalid_argument("not a payment"));
        }
        let charge = Some(self.book.create(request)?.to_proto());
        Ok(Response::new(proto::CreateChargeResponse { charge }))
    }

    async fn get_charge(
        &self,
        request: Request<proto::GetChargeRequest>,
    ) -> Result<Response<proto::GetChargeResponse>, Status> {
        let charge = Some(self.book.get(&request.into_inner().payment_no)?.to_proto());
        Ok(Response::new(proto::GetChargeResponse { charge }))
    }

    async fn create_refund(
        &self,
        request: Request<proto::CreateRefundRequest>,
    ) -> Result<Response<proto::CreateRefundResponse>, Status> {
        let request = request.into_inner();
        if !is_id(&request.refund_no, REFUND_NO_LENGTH_MAX) || request.amount_cents < 1 {
            return Err(Status::invalid_argument("not a refund"));
        }
        self.book.refund(&request)?;
        Ok(Response::new(proto::CreateRefundResponse {}))
    }

    async fn get_statement(
        &self,
        request: Request<proto::GetStatementRequest>,
    ) -> Result<Response<proto::GetStatementResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(Status::invalid_argument)?;
        let day = day(&request.date)
            .ok_or_else(|| Status::invalid_argument("date must be a day, YYYY-MM-DD"))?;
        let skip = match request.page_token.as_str() {
            "" => 0,
            token => token
                .parse()
                .map_err(|_| Status::invalid_argument("page_token wasn't made by this service"))?,
        };
        let (lines, next) = self.book.bookings(day, skip, limit as usize);
        Ok(Response::new(proto::GetStatementResponse {
            lines,
            next_page_token: next.map(|place| place.to_string()).unwrap_or_default(),
        }))
    }
}

#[tonic::async_trait]
impl ControlService for Api {
    async fn end_charge(
        &self,
        request: Request<proto::EndChargeRequest>,
    ) -> Result<Response<proto::EndChargeResponse>, Status> {
        let request = request.into_inner();
        if request.notices.len() > NOTICES_MAX {
            return Err(Status::invalid_argument("at most 100 notices"));
        }
        let charge = self.book.end(&request.payment_no, request.outcome())?;
        for plan in request.notices {
            let (book, sender) = (Arc::clone(&self.book), self.sender.clone());
            let payment_no = request.payment_no.clone();
            let delay = u64::try_from(plan.delay_ms).unwrap_or(0).min(DELAY_MS_MAX);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                if let Ok(charge) = book.get(&payment_no) {
                    sender.send(charge, plan).await;
                }
            });
        }
        let charge = Some(charge.to_proto());
        Ok(Response::new(proto::EndChargeResponse { charge }))
    }
}

/// A day in UTC as microseconds since the Unix epoch, its end left out.
fn day(text: &str) -> Option<(i64, i64)> {
    let date: Date = text.parse().ok()?;
    let micros = |date: Date| {
        let start = date.to_zoned(TimeZone::UTC).ok()?;
        Some(start.timestamp().as_microsecond())
    };
    Some((micros(date)?, micros(date.tomorrow().ok()?)?))
}
