//! The whole system in one process: a coordinator and the demo shop, each with a database file of its own, talking
//! over real gRPC on loopback. What `demo` and `dev` stand on.
//!
//! Must never: take a short cut around the wire. What runs here is what runs as processes of their own.

mod coordinator;
mod participants;
mod ports;
mod till;

use std::path::{Path, PathBuf};

use tercet_database::DatabaseUrl;
use tercet_participant::{
    CallLayer,
    serve::{ParticipantConfig, RunningParticipant},
};
use tercet_service::{Addresses, Drain, Endpoint, ListenAddress};

use crate::failure::Failure;
use coordinator::RunningCoordinator;
use till::Till;

pub(crate) use participants::shop_participants;
pub(crate) use ports::{Ports, free as free_port};
pub(crate) use tercet_coordinator::Config as CoordinatorConfig;

/// The services of the shop, in the order in which they are shown.
pub(crate) const SERVICES: [&str; 3] = ["order", "points", "stock"];

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) struct Files(PathBuf);

impl Files {
    /// In this folder.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The database of `coordinator`, `order`, `payment`, `points` or `stock`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.db"))
    }

    fn url(&self, name: &str) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.path(name))
    }
}

/// Everything up.
#[derive(Debug)]
pub(crate) struct System {
    files: Files,
    coordinator: RunningCoordinator,
    coordinator_at: Endpoint,
    order: RunningParticipant,
    points: RunningParticipant,
    stock: Option<RunningParticipant>,
    stock_at: Addresses,
    till: Option<Till>,
    shop_drain: Drain,
}

impl System {
    /// Starts the shop, then the coordinator: by then it knows where the shop really listens. `config` is what the
    /// coordinator has besides; `layer` goes around the actions of stock.
    pub(crate) async fn start(
        files: Files,
        ports: Ports,
        config: CoordinatorConfig,
        layer: CallLayer,
    ) -> Result<Self, Failure> {
        let ports = ports.settled()?;
        let coordinator_at = Endpoint::http("127.0.0.1", ports.coordinator);
        let shop_drain = Drain::new();
        let config_of = |name, port| participant(&files, name, port, &coordinator_at);

        let mut order = shop_order::OrderConfig::from(config_of("order", ports.order));
        let mut till = None;
        if let Some(ports_of_till) = ports.till {
            let order_at = Endpoint::http("127.0.0.1", ports.order);
            let started = Till::start(
                &files,
                ports_of_till,
                order_at,
                coordinator_at.clone(),
                &shop_drain,
            );
            let started = started.await?;
            let endpoint = Endpoint::http("127.0.0.1", started.payment().grpc.port());
            order.payment = Some(shop_order::PaymentSection { endpoint });
            till = Some(started);
        }
        let order = shop_order::serve(&order, shop_drain.clone()).await;
        let order = order.map_err(Failure::usage)?;
        let points = config_of("points", ports.points);
        let points = shop_points::serve(&points, shop_drain.clone()).await;
        let points = points.map_err(Failure::usage)?;
        let stock = config_of("stock", ports.stock);
        let stock = shop_stock::serve_with(&stock, shop_drain.clone(), layer).await;
        let stock = stock.map_err(Failure::usage)?;

        let stock_at = stock.addresses();
        let config = coordinator::Shop {
            order: order.addresses(),
            points: points.addresses(),
            stock: stock_at,
            payment: till.as_ref().map(Till::payment),
        }
        .add_to(config, &files, ports.coordinator, ports.http)?;
        let coordinator = RunningCoordinator::start(config).await?;
        Ok(Self {
            files,
            coordinator,
            coordinator_at,
            order,
            points,
            stock: Some(stock),
            stock_at,
            till,
            shop_drain,
        })
    }

    /// Where the files are.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Where the coordinator listens.
    pub(crate) fn coordinator(&self) -> Addresses {
        self.coordinator.addresses()
    }

    /// Where a service of the shop listens, by name.
    pub(crate) fn service(&self, name: &str) -> Addresses {
        match name {
            "order" => self.order.addresses(),
            "points" => self.points.addresses(),
            _ => self.stock_at,
        }
    }

    /// Where the payment service and its provider listen, if there are any.
    pub(crate) fn till(&self) -> Option<(Addresses, Addresses)> {
        let till = self.till.as_ref()?;
        Some((till.payment(), till.provider()))
    }

    /// The stock service dies as a killed process does: listener, connections and database pool are gone.
    pub(crate) async fn kill_stock(&mut self) {
        if let Some(stock) = self.stock.take() {
            stock.abort().await;
        }
    }

    /// It comes back from its file, on its old address.
    pub(crate) async fn revive_stock(&mut self) -> Result<(), Failure> {
        let port = self.stock_at.grpc.port();
        let config = participant(&self.files, "stock", port, &self.coordinator_at);
        let stock = shop_stock::serve(&config, self.shop_drain.clone()).await;
        self.stock = Some(stock.map_err(Failure::usage)?);
        Ok(())
    }

    /// Stops gently: the coordinator first, so that it can still finish what it has begun.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.coordinator.stop().await?;
        self.shop_drain.begin();
        let shop = [Some(self.order), Some(self.points), self.stock];
        for service in shop.into_iter().flatten() {
            service.wait().await.map_err(Failure::failed)?;
        }
        if let Some(till) = self.till {
            till.wait().await?;
        }
        Ok(())
    }
}

fn participant(files: &Files, name: &str, port: u16, coordinator: &Endpoint) -> ParticipantConfig {
    let mut config = ParticipantConfig::embedded(files.url(name), vec![coordinator.clone()]);
    config.listen = Some(ListenAddress::loopback(port));
    config
}
