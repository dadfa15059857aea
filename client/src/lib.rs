//! The Rust client of Tercet.
//!
//! One order over three services, all or nothing:
//!
//! ```
//! use tercet_client::{Branch, Client, Outcome};
//! # use tercet_client::fake::Fake;
//! # #[tokio::main]
//! # async fn main() -> Result<(), tercet_client::Error> {
//! # let fake = Fake::start().await;
//! # let endpoint = fake.endpoint();
//! let client = Client::connect([endpoint]).await?;
//! let outcome = client
//!     .execute("order-4711")
//!     .branch(Branch::new("1", "order", "create").json(serde_json::json!({"sku": "tea"})))
//!     .branch(Branch::new("2", "stock", "reserve").json(serde_json::json!({"sku": "tea"})))
//!     .branch(Branch::new("3", "points", "spend").json(serde_json::json!({"points": 10})))
//!     .label("order_no", "4711")
//!     .send()
//!     .await?;
//! match outcome {
//!     Outcome::Confirmed(_) | Outcome::Confirming(_) => println!("the order is placed"),
//!     Outcome::Cancelled(refused) | Outcome::Cancelling(refused) => println!("no: {}", refused.cause),
//!     Outcome::Undecided(_) => println!("ask again with the same gid"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A business "no" is an [`Outcome`], not an error. An [`Error`] says that the call could not be served; its
//! [`Error::is_retryable`] says whether the same call again may help. The gid is the idempotency key, so the
//! client itself repeats what is safe to repeat, within its [`RetryPolicy`] and the caller's deadline.
//!
//! Where to go next: [`Client`] for the calls, [`OpenTransaction`] for step by step, [`Admin`] for operators,
//! `retry` for what is repeated and why.
//!
//! Must never: depend on the coordinator, or make up a gid where a repeat could become a second order.

mod admin;
mod branch;
mod call;
mod channels;
mod client;
mod context;
mod error;
mod execute;
mod outcome;
mod retry;
mod steps;
mod trace;
mod watch;

#[cfg(feature = "fake")]
pub mod fake;

pub use admin::{Admin, ListAudit, ListTransactions};
pub use branch::Branch;
pub use client::Client;
pub use context::CallContext;
pub use error::Error;
pub use execute::Execute;
pub use outcome::{Cancelled, Cause, Outcome};
pub use retry::RetryPolicy;
pub use steps::{Begin, CancelOutcome, OpenTransaction};
pub use watch::Watch;

/// The messages of the contract, as generated.
pub use tercet_proto::tercet::v1 as proto;
