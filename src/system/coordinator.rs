//! The coordinator of an embedded system: its configuration made in code, and its life.

use tercet_coordinator::{Config, Coordinator, config::ActionConfig, config::ParticipantConfig};
use tercet_service::{Addresses, Drain, Endpoint, ListenAddress};

use super::{
    Files,
    participants::{ShopParticipant, shop_participants},
};
use crate::failure::Failure;

/// Where the shop's services really listen.
pub(super) struct Shop {
    pub(super) order: Addresses,
    pub(super) points: Addresses,
    pub(super) stock: Addresses,
    /// None where there is no payment service.
    pub(super) payment: Option<Addresses>,
}

impl Shop {
    /// The coordinator's configuration with the shop in it. What `config` says about the shop's names is
    /// replaced; its own participants stay.
    pub(super) fn add_to(
        &self,
        mut config: Config,
        files: &Files,
        port: u16,
        http_port: u16,
    ) -> Result<Config, Failure> {
        config.listen = ListenAddress::loopback(port);
        config.http_listen = ListenAddress::loopback(http_port);
        config.log.url = format!("sqlite:{}", files.path("coordinator").display());
        for ShopParticipant { name, actions } in shop_participants() {
            let addresses = match name {
                "order" => self.order,
                "points" => self.points,
                "stock" => self.stock,
                _ => match self.payment {
                    Some(addresses) => addresses,
                    None => continue,
                },
            };
            let endpoint = Endpoint::http(addresses.grpc.ip().to_string(), addresses.grpc.port());
            let mut participant = ParticipantConfig::new(vec![endpoint]);
            for (action, service, verbs) in actions {
                let action_config = ActionConfig::new(service, *verbs);
                participant = participant
                    .with_action(action, action_config)
                    .map_err(Failure::failed)?;
            }
            config
                .add_participant(name, participant)
                .map_err(Failure::failed)?;
        }
        Ok(config)
    }
}

/// A coordinator that is up.
#[derive(Debug)]
pub(super) struct RunningCoordinator {
    running: tercet_coordinator::Running,
    drain: Drain,
}

impl RunningCoordinator {
    pub(super) async fn start(config: Config) -> Result<Self, Failure> {
        let drain = Drain::new();
        let running = Coordinator::start(config, drain.clone()).await;
        Ok(Self {
            running: running.map_err(Failure::usage)?,
            drain,
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.running.addresses()
    }

    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.drain.begin();
        self.running.wait().await.map_err(Failure::failed)
    }
}
