//! One coordinator of several, with a proxy on every way to it and from it.

use std::fs;
use std::path::{Path, PathBuf};

use tercet_checker::Service;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{CoordinatorSession, GetStatusRequest, GetStatusResponse};
use tercet_test_proxy::Proxy;
use tonic::transport::Channel;

use crate::harness::process::Server;
use crate::harness::shop::{ACTIONS, Shop, channel, free_port, participant};

/// The ways that can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From clients, the order service among them.
    FromClients,
    /// From the other coordinators, by the address that it advertises.
    FromPeers,
    /// To its database.
    ToDatabase,
    /// To the participants.
    ToParticipants,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [
        Self::FromClients,
        Self::FromPeers,
        Self::ToDatabase,
        Self::ToParticipants,
    ];
}

/// One coordinator: its place, and its process while it runs. A process that ends is followed by another in the same place.
pub(crate) struct Replica {
    folder: PathBuf,
    port: u16,
    pub(crate) from_clients: Proxy,
    from_peers: Proxy,
    to_database: Proxy,
    to_participants: Vec<Proxy>,
    /// Words before the command, for example `env NAME=VALUE`.
    pub(crate) wrapper: Vec<String>,
    pub(crate) server: Option<Server>,
}

impl Replica {
    /// A place for number `number` on the server at `database`, with the proxies and no process.
    pub(crate) async fn prepare(shop: &Shop, database: String, number: usize) -> Self {
        let folder = shop.folder.path().join(format!("coordinator-{number}"));
        fs::create_dir(&folder).unwrap();
        let port = free_port();
        let own = format!("127.0.0.1:{port}");
        let mut to_participants = Vec::new();
        for (name, _) in ACTIONS {
            to_participants.push(Proxy::start(shop.address(name)).await);
        }
        Self {
            folder,
            port,
            from_clients: Proxy::start(own.clone()).await,
            from_peers: Proxy::start(own).await,
            to_database: Proxy::start(database).await,
            to_participants,
            wrapper: Vec::new(),
            server: None,
        }
    }

    /// What others are told, as a rule.
    pub(crate) fn advertised(&self) -> String {
        format!("http://{}", self.from_peers.address())
    }

    /// `HOST:PORT` of its process itself.
    pub(crate) fn own_address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://HOST:PORT` for clients.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.from_clients.address())
    }

    /// Writes its file; `more` stands at the end, before the participants of the shop.
    pub(crate) fn write_file(&self, shop: &Shop, advertise: &str, more: &str) {
        let through = self.to_database.address().to_string();
        let url = shop.databases.url(Service::Coordinator);
        let (user, server) = url.split_once('@').unwrap();
        let (_, database) = server.split_once('/').unwrap();
        let url = format!("{user}@{through}/{database}");
        let port = self.port;
        let mut text = format!(
            "listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\nadvertise = \"{advertise}\"\n[log]\nurl = \"{url}\"\n{more}\n"
        );
        for ((name, actions), proxy) in ACTIONS.iter().zip(&self.to_participants) {
            let address = proxy.address().to_string();
            text += &participant(name, &address, "1s", actions);
        }
        fs::write(self.folder.join("coordinator.toml"), text).unwrap();
    }

    /// Starts its process.
    pub(crate) async fn start(&mut self) {
        let wrapper: Vec<&str> = self.wrapper.iter().map(String::as_str).collect();
        let arguments = ["serve", "--config", "coordinator.toml"];
        let server = Server::start_through(&wrapper, &arguments, &self.folder).await;
        self.server = Some(server);
    }

    pub(crate) fn is_up(&mut self) -> bool {
        let ended = self.server.as_mut().is_none_or(|s| s.try_ended().is_some());
        !ended
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        self.server.as_ref().unwrap().signal(name);
    }

    /// The proxies that stand on that way.
    pub(crate) fn way(&self, way: Way) -> Vec<&Proxy> {
        match way {
            Way::FromClients => vec![&self.from_clients],
            Way::FromPeers => vec![&self.from_peers],
            Way::ToDatabase => vec![&self.to_database],
            Way::ToParticipants => self.to_participants.iter().collect(),
        }
    }

    /// Straight to it, past every proxy.
    pub(crate) fn channel(&self) -> Channel {
        channel(&self.own_address())
    }

    pub(crate) fn transactions(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(self.channel())
    }

    /// How it is doing; none where it doesn't answer.
    pub(crate) async fn status(&self) -> Option<GetStatusResponse> {
        let mut client = AdminServiceClient::new(self.channel());
        let answer = client.get_status(GetStatusRequest {}).await.ok()?;
        Some(answer.into_inner())
    }

    /// The sessions that it sees in the log; none where it sees only itself.
    pub(crate) async fn sessions(&self) -> Option<Vec<CoordinatorSession>> {
        let sessions = self.status().await?.sessions;
        // Without its log it shows itself alone, and doesn't know since when.
        let is_whole = sessions.iter().all(|session| session.opened_at.is_some());
        is_whole.then_some(sessions)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
