//! Several coordinators on one log, between the same two participants.

use std::sync::Arc;
use std::time::Duration;

use tercet_coordinator::{Config, Coordinator, Running, StopError, Surroundings};
use tercet_core::Timestamp;
use tercet_log::{MemoryDisk, MemoryStore};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_service::{ConfigDuration, Drain, ListenAddress};
use tonic::transport::Channel;

use super::freezable::{Freezable, Freezer};
use super::world::{NAMES, participant};
use super::{Fake, soon};

/// What several coordinators stand on.
pub(crate) struct Replicas {
    pub(crate) a: Fake,
    pub(crate) b: Fake,
    pub(crate) disk: MemoryDisk,
    config: Config,
}

/// One of them.
pub(crate) struct Replica {
    pub(crate) client: TransactionServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
    pub(crate) address: String,
    pub(crate) drain: Drain,
    /// Stops its log, as if the whole process stood still.
    pub(crate) freezer: Freezer,
    running: Option<Running>,
}

impl Replicas {
    /// None yet. They beat every 20 ms and take over after 300 ms, with quick retries and otherwise the defaults.
    pub(crate) async fn prepare(change: impl FnOnce(&mut Config)) -> Self {
        let (a, b) = (Fake::start().await, Fake::start().await);
        let mut config = Config {
            listen: ListenAddress::loopback(0),
            http_listen: ListenAddress::loopback(0),
            ..Config::default()
        };
        config.retry.initial = ConfigDuration::from_millis(2);
        config.retry.max = ConfigDuration::from_millis(20);
        config.cluster.beat_every = ConfigDuration::from_millis(20);
        config.cluster.take_over_after = ConfigDuration::from_millis(300);
        for (name, fake) in NAMES.iter().zip([&a, &b]) {
            let port = fake.addresses().grpc.port();
            config.add_participant(name, participant(port)).unwrap();
        }
        change(&mut config);
        Self {
            a,
            b,
            disk: MemoryDisk::default(),
            config,
        }
    }

    /// One more.
    pub(crate) async fn join(&self) -> Replica {
        self.join_with(|_| {}).await
    }

    /// One more, with another configuration.
    pub(crate) async fn join_with(&self, change: impl FnOnce(&mut Config)) -> Replica {
        let mut config = self.config.clone();
        change(&mut config);
        let system = Surroundings::of_system(&config.listen()).await.unwrap();
        let address = system.bound.addresses().grpc_url();
        let store = MemoryStore::open_beside(&self.disk, address.clone(), Timestamp::EPOCH);
        let (store, freezer) = Freezable::new(store);
        let drain = Drain::new();
        let running = Coordinator::start_in(config, drain.clone(), Arc::new(store), system)
            .await
            .unwrap();
        let channel = tonic::transport::Endpoint::from_shared(address.clone())
            .unwrap()
            .connect_lazy();
        Replica {
            client: TransactionServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
            address,
            drain,
            freezer,
            running: Some(running),
        }
    }

    /// One more on the log that the configuration names. It can't be frozen.
    pub(crate) async fn start(&self) -> Replica {
        let drain = Drain::new();
        let running = Coordinator::start(self.config.clone(), drain.clone())
            .await
            .unwrap();
        let address = running.addresses().grpc_url();
        let channel = tonic::transport::Endpoint::from_shared(address.clone())
            .unwrap()
            .connect_lazy();
        Replica {
            client: TransactionServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
            address,
            drain,
            freezer: Freezer::new(),
            running: Some(running),
        }
    }
}

impl Replica {
    /// It dies.
    pub(crate) async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        soon("the coordinator's death", running.abort()).await;
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), StopError> {
        let running = self.running.take().unwrap();
        soon("its end", running.wait()).await
    }

    /// It is told to go, and goes.
    pub(crate) async fn leave(&mut self) {
        self.drain.begin();
        self.ended().await.unwrap();
    }

    pub(crate) async fn begin(&self, gid: &str) -> pb::Transaction {
        let request = pb::BeginTransactionRequest {
            gid: gid.to_owned(),
            options: None,
        };
        let answer = self.client.clone().begin_transaction(request).await;
        answer.unwrap().into_inner().transaction.unwrap()
    }

    pub(crate) async fn get(&self, gid: &str) -> Result<pb::Transaction, tonic::Status> {
        let request = pb::GetTransactionRequest {
            gid: gid.to_owned(),
        };
        let answer = self.client.clone().get_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn status(&self) -> pb::GetStatusResponse {
        let request = pb::GetStatusRequest::default();
        let answer = self.admin.clone().get_status(request).await;
        answer.unwrap().into_inner()
    }

    /// Waits until the transaction is as told, by asking again and again: streams end when owners do.
    pub(crate) async fn until(
        &self,
        gid: &str,
        what: &str,
        is_so: impl Fn(&pb::Transaction) -> bool,
    ) -> pb::Transaction {
        let asked = async {
            loop {
                if let Ok(transaction) = self.get(gid).await
                    && is_so(&transaction)
                {
                    return transaction;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(what, asked).await
    }

    /// Waits for that state.
    pub(crate) async fn until_state(
        &self,
        gid: &str,
        state: pb::TransactionState,
    ) -> pb::Transaction {
        let what = format!("{gid} to be {state:?}");
        self.until(gid, &what, |transaction| transaction.state() == state)
            .await
    }

    /// Waits until the status is as told.
    pub(crate) async fn until_status(
        &self,
        what: &str,
        is_so: impl Fn(&pb::GetStatusResponse) -> bool,
    ) -> pb::GetStatusResponse {
        let asked = async {
            loop {
                let status = self.status().await;
                if is_so(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(what, asked).await
    }
}
