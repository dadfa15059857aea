//! A payment provider for tests and demos.
//!
//! It does what outside providers do: makes payments known, signs notices with its RSA key and posts them, answers
//! questions, gives money back, and has a daily statement. And it does on request what they do at their worst: notices
//! are repeated, reordered, delayed, lost and forged ([`control`](tercet_proto::shop::provider::v1)).
//!
//! Payments are in memory: whoever ends the process ends them. Must never: be where real money is.
//!
//! Where next: `book.rs` for what it keeps, `notices.rs` for what it sends, `api.rs` for what it serves.

mod api;
mod book;
mod config;
mod key;
mod notices;

use std::sync::Arc;

use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::provider::v1::control_service_server::ControlServiceServer;
use tercet_proto::shop::provider::v1::provider_service_server::ProviderServiceServer;
use tercet_service::{Bound, Drain, ListenError, Running, ServeError, Services};

pub use config::ProviderConfig;
pub use key::{KeyError, SigningKey};

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7415;
/// The HTTP header of a notice that has its signature: RSA PKCS #1 v1.5 with SHA-256 over the body, in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-provider-signature";

/// Why it didn't start. One line each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its sockets.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its server.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Starts it. The key is made, and both files written, where there is none.
pub async fn serve(config: &ProviderConfig, drain: Drain) -> Result<Running, StartError> {
    let key = SigningKey::load_or_make(&config.key_file, &config.public_key_file)?;
    let bound = Bound::bind(&config.listen()).await?;
    let book = Arc::new(book::Book::default());
    let api = api::Api::new(book, notices::Sender::new(key));
    let services = Services::new()
        .grpc(ProviderServiceServer::new(api.clone()))
        .grpc(ControlServiceServer::new(api))
        .descriptors(FILE_DESCRIPTOR_SET);
    Ok(bound.start(services, drain)?)
}
