//! The payment service of an embedded system, and the provider that plays the bank. The order service is told where it is.

use tercet_participant::serve::{FenceSection, RunningParticipant};
use tercet_service::{
    Addresses, Drain, Endpoint, ListenAddress, Running,
    config::{Telemetry, Tls},
};

use super::{Files, ports::TillPorts};
use crate::failure::Failure;

/// Both, up.
#[derive(Debug)]
pub(super) struct Till {
    payment: RunningParticipant,
    provider: Running,
}

impl Till {
    /// Starts both; `order` and `coordinator` need not be there yet. The provider's key is made where there is none.
    pub(super) async fn start(
        files: &Files,
        ports: TillPorts,
        order: Endpoint,
        coordinator: Endpoint,
        drain: &Drain,
    ) -> Result<Self, Failure> {
        let public_key_file = files.folder().join("provider.der");
        let provider = shop_provider::ProviderConfig {
            listen: Some(ListenAddress::loopback(ports.provider)),
            http_listen: None,
            key_file: files.folder().join("provider.pem"),
            public_key_file: public_key_file.clone(),
            telemetry: Telemetry::default(),
        };
        let provider = shop_provider::serve(&provider, drain.clone()).await;
        let provider = provider.map_err(Failure::usage)?;
        let payment = shop_payment::PaymentConfig {
            listen: Some(ListenAddress::loopback(ports.payment)),
            // Where the provider's notices come.
            http_listen: Some(ListenAddress::loopback(ports.notices)),
            database: tercet_participant::serve::DatabaseSection {
                url: files.url("payment"),
            },
            coordinator: tercet_participant::serve::CoordinatorSection {
                endpoints: vec![coordinator],
            },
            provider: shop_payment::ProviderSection {
                endpoint: Endpoint::http("127.0.0.1", provider.addresses().grpc.port()),
                public_key_file,
            },
            order: shop_payment::PeerSection { endpoint: order },
            notify: shop_payment::NotifySection::default(),
            schedule: shop_payment::ScheduleSection::default(),
            fence: FenceSection::default(),
            telemetry: Telemetry::default(),
            tls: Tls::default(),
        };
        let payment = shop_payment::serve(&payment, drain.clone()).await;
        Ok(Self {
            payment: payment.map_err(Failure::usage)?,
            provider,
        })
    }

    pub(super) fn payment(&self) -> Addresses {
        self.payment.addresses()
    }

    pub(super) fn provider(&self) -> Addresses {
        self.provider.addresses()
    }

    /// Waits for their end after the drain has begun.
    pub(super) async fn wait(self) -> Result<(), Failure> {
        self.payment.wait().await.map_err(Failure::failed)?;
        self.provider.wait().await.map_err(Failure::failed)
    }
}
