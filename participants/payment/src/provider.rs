//! What the service needs of an outside provider. Another provider is another implementation of [`Provider`]; the rest of
//! the service doesn't change.
//!
//! Every call is idempotent and may be repeated; an error means that nothing is known.

use futures::future::BoxFuture;
use tercet_proto::shop::payment::v1::StatementLine;

/// A payment, as the provider is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The attempt's number: the idempotency key.
    pub payment_no: String,
    /// The order.
    pub order_no: String,
    /// Money in cents.
    pub amount_cents: i64,
}

/// The provider knows a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// Its own number.
    pub provider_no: String,
    /// Where the customer pays.
    pub redirect_url: String,
}

/// What the provider says when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The customer hasn't paid yet.
    Pending,
    /// So much was paid, in cents.
    Succeeded {
        /// Cents.
        amount_cents: i64,
    },
    /// It won't be paid.
    Failed,
    /// It has never heard of it.
    Unknown,
}

/// One page of a daily statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatementPage {
    /// In the order they were booked.
    pub lines: Vec<StatementLine>,
    /// Empty after the last page.
    pub next_page_token: String,
}

/// Why a call to the provider wasn't answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No answer, or none that says anything.
    #[error("the provider can't be reached: {0}")]
    Unavailable(String),
    /// It says no: repeating won't help without a person.
    #[error("the provider refuses: {0}")]
    Refused(String),
}

impl ProviderError {
    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// An outside provider.
pub trait Provider: Send + Sync + 'static {
    /// Makes a payment known. The same number again answers the same.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Charged, ProviderError>>;
    /// What became of a payment.
    fn ask(&self, payment_no: &str) -> BoxFuture<'_, Result<Asked, ProviderError>>;
    /// Gives money back, once for each (payment, refund number).
    fn refund(
        &self,
        payment_no: &str,
        refund_no: &str,
        amount_cents: i64,
    ) -> BoxFuture<'_, Result<(), ProviderError>>;
    /// What was booked on one day in UTC (`YYYY-MM-DD`).
    fn statement(
        &self,
        date: &str,
        page_size: i32,
        page_token: &str,
    ) -> BoxFuture<'_, Result<StatementPage, ProviderError>>;
}
