//! The web console, on the HTTP port: what is stuck and why, every attempt of a transaction, and what a person may do
//! about it.
//!
//! Pages are written on the server and can be read, and acted from, without a script; a small script keeps an open page
//! current by server-sent events. Whatever a person does goes through the rpcs of [`Service`](crate::api::Service), as a
//! call over gRPC does: the same checks, the same way to the owning replica, the same audit record before the effect.
//!
//! - [`safety`] stands before every page: whose page may ask, and the content policy; [`visitor`]: who sits there;
//! - [`page`] is the frame, [`words`], [`badges`] and [`plots`] are what it is filled with;
//! - [`overview`], [`list`], [`transaction`], [`participants`], [`coordinators`] and [`audit`] are the pages;
//! - [`acting`] and [`bulk`] take what a person has asked for; [`live`] sends what has changed;
//! - [`history`] is what the plots are drawn from.
//!
//! Must never: show a payload, a try response or a secret; read the log for a page that nobody asks for (an open overview
//! reads memory alone); change anything but through an rpc; take markup from a string.

mod acting;
mod assets;
mod audit;
mod badges;
mod bulk;
mod coordinators;
mod fields;
mod figures;
mod filter;
mod find;
mod history;
mod list;
mod live;
mod overview;
mod page;
mod participants;
mod plots;
mod safety;
mod transaction;
mod visitor;
mod words;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::api::Service;
use crate::metrics::LogMeters;
use crate::transactions::Shared;
use history::History;

/// A form holds a gid, a name and a reason.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Pages that are kept current at the same time; further ones say that they aren't.
const STREAMS_MAX: usize = 32;

/// The console of one coordinator. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    history: History,
    /// Where it is served: decides by which names it may be asked for.
    address: SocketAddr,
    streams: Arc<Semaphore>,
    /// One bulk action at a time.
    bulk: Semaphore,
}

impl Console {
    /// A console that is served at `address`.
    pub(crate) fn new(service: Service, log_meters: Arc<LogMeters>, address: SocketAddr) -> Self {
        Self(Arc::new(Inner {
            service,
            history: History::new(log_meters),
            address,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            bulk: Semaphore::new(1),
        }))
    }

    /// Its routes.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/", get(overview::show))
            .route("/transactions", get(list::show))
            .route("/transaction", get(transaction::show))
            .route("/transaction/{action}", post(acting::on_transaction))
            .route("/find", get(find::find))
            .route("/bulk", get(bulk::ask).post(bulk::act))
            .route("/participants", get(participants::show))
            .route("/participants/{action}", post(acting::on_participant))
            .route("/coordinators", get(coordinators::show))
            .route("/audit", get(audit::show))
            .route("/live/overview", get(live::overview))
            .route("/live/participants", get(live::participants))
            .route("/live/transactions", get(live::transactions))
            .route("/live/transaction", get(live::transaction))
            .route("/console.css", get(assets::style))
            .route("/console.js", get(assets::script))
            .route("/console.svg", get(assets::icon))
            .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
            .layer(from_fn_with_state(self.clone(), safety::guard))
            .with_state(self.clone())
    }

    /// Notes how things are, again and again, for the plots. Reads memory alone; never ends.
    pub(crate) async fn keep_history(self) {
        self.0.history.keep(self.shared()).await;
    }

    fn service(&self) -> &Service {
        &self.0.service
    }

    fn shared(&self) -> &Shared {
        self.0.service.0.transactions.shared()
    }
}
