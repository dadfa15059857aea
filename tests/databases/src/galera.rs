//! A Galera cluster of one's own: three MariaDB servers that replicate synchronously, each of which may be killed, frozen
//! and started again.
//!
//! A node that is gone is noticed after six seconds; until then nobody can commit. Nodes are started one after the other:
//! each has to have its state before it can give it away.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, MySqlConnection};
use tokio::time::{Instant, sleep};

use crate::fetch::Kind;
use crate::{Error, Options, PrivateServer, Server, or_skip, queries};

/// Nodes of a cluster: with one gone the others are a majority.
pub const NODES: usize = 3;
/// A state transfer on a busy machine included.
const SYNCED: Duration = Duration::from_mins(2);
/// Below the ports that the kernel gives to outgoing connections, so that a node finds its own again.
const PORTS: Range<u16> = 10_000..32_000;
/// What a node listens on beside SQL: the group, incremental and whole state transfers.
const PORTS_EACH: usize = 3;

/// How long a silent node is waited for before the others go on without it. Not less: on a busy machine a node that lives
/// may be silent for seconds, and each that is left out stalls all of them.
const SUSPICION: &str = "evs.suspect_timeout=PT6S;evs.inactive_timeout=PT20S";

/// Three nodes that only this process uses, gone with this value.
#[derive(Debug)]
pub struct Galera {
    nodes: Vec<PrivateServer>,
    arguments: Vec<Vec<String>>,
}

impl Galera {
    /// A new cluster with no databases, for a test; none, after one line, where there is none to be had.
    ///
    /// # Panics
    ///
    /// It could not be started, or could not be had while `CI` is set.
    pub async fn get() -> Option<Self> {
        or_skip(Self::start(&[]).await)
    }

    /// A new cluster with no databases. `more` is added to each node's command line. Returns when every node is synced.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if there is none to be had here; else what went wrong.
    pub async fn start(more: &[&str]) -> Result<Self, Error> {
        let ports = ports(NODES * PORTS_EACH)?;
        let ports: Vec<&[u16]> = ports.chunks(PORTS_EACH).collect();
        let group: Vec<String> = ports
            .iter()
            .map(|ports| format!("127.0.0.1:{}", ports[0]))
            .collect();
        let mut cluster = Self {
            nodes: Vec::new(),
            arguments: Vec::new(),
        };
        for (number, ports) in ports.into_iter().enumerate() {
            let [group_port, ist, sst] = ports[..] else {
                unreachable!("chunks of that size");
            };
            let mut arguments = vec![
                "--wsrep-on=ON".to_owned(),
                // Without it a statement that fails half-way throws the other nodes out.
                "--log-bin=binlog".to_owned(),
                "--sync-binlog=1".to_owned(),
                "--binlog-format=ROW".to_owned(),
                "--innodb-autoinc-lock-mode=2".to_owned(),
                "--wsrep-cluster-name=tercet".to_owned(),
                format!("--wsrep-cluster-address=gcomm://{}", group.join(",")),
                format!("--wsrep-node-name=node-{number}"),
                "--wsrep-node-address=127.0.0.1".to_owned(),
                "--wsrep-sst-method=rsync".to_owned(),
                format!("--wsrep-sst-receive-address=127.0.0.1:{sst}"),
                format!(
                    "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{group_port};ist.recv_addr=127.0.0.1:{ist};gcache.size=16M;{SUSPICION}"
                ),
            ];
            arguments.extend(more.iter().map(|&argument| argument.to_owned()));
            cluster.add(arguments).await?;
        }
        Ok(cluster)
    }

    async fn add(&mut self, arguments: Vec<String>) -> Result<(), Error> {
        let mut first = arguments.clone();
        if self.nodes.is_empty() {
            first.push("--wsrep-new-cluster".to_owned());
        }
        let node = PrivateServer::start(Options {
            kind: Kind::Galera,
            arguments: first,
            ..Options::default()
        });
        let mut node = node.await?;
        // From the next start on it joins like the others.
        node.set_arguments(arguments.clone());
        self.nodes.push(node);
        self.arguments.push(arguments);
        self.synced(self.nodes.len() - 1).await
    }

    /// Makes an empty database and returns its url on each node, once every node has it. `name` is for people and may
    /// repeat.
    pub async fn database(&self, name: &str) -> Vec<String> {
        let url = self.nodes[0].database(name).await;
        self.everywhere(&url).await
    }

    /// A url of the first node, on each node, once every node knows its database and its user.
    pub async fn everywhere(&self, url: &str) -> Vec<String> {
        let first = self.nodes[0].address();
        let mut urls = Vec::new();
        for node in &self.nodes {
            let url = url.replace(&first, &node.address());
            let began = Instant::now();
            // A statement waits for what was done elsewhere; a log-in doesn't.
            while let Err(error) = MySqlConnection::connect(&url).await {
                assert!(began.elapsed() < SYNCED, "{url}: {error}");
                sleep(Duration::from_millis(20)).await;
            }
            urls.push(url);
        }
        urls
    }

    /// That node, for SQL.
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// The process of that node.
    pub fn process(&mut self, number: usize) -> &mut PrivateServer {
        &mut self.nodes[number]
    }

    /// Starts a node that was killed, and waits until it has caught up with the others.
    ///
    /// # Errors
    ///
    /// It doesn't start, or doesn't catch up.
    pub async fn rejoin(&mut self, number: usize) -> Result<(), Error> {
        self.nodes[number].start_again().await?;
        self.synced(number).await
    }

    /// Makes a node that has lost the majority a cluster of its own, as a person would who knows that the others are gone.
    pub async fn bootstrap(&mut self, number: usize) {
        let node = &self.nodes[number];
        node.run([queries::BOOTSTRAP.to_owned()]).await;
    }

    /// Keeps a node from applying what the others commit, until that is released.
    pub async fn hold(&self, number: usize) -> Held {
        let mut connection = self.nodes[number].connect().await.unwrap();
        connection.execute(queries::HOLD).await.unwrap();
        Held(connection)
    }

    /// Waits until a node shows everything that has been committed anywhere before.
    pub async fn caught_up(&self, number: usize) {
        let mut connection = self.nodes[number].connect().await.unwrap();
        for statement in [queries::WAIT_FOR_ALL, queries::PING] {
            connection.execute(statement).await.unwrap();
        }
    }

    /// Waits until a node has everything that the others have.
    ///
    /// # Errors
    ///
    /// It doesn't come to that.
    pub async fn synced(&self, number: usize) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            let state = self.state(number).await;
            if matches!(&state, Ok(state) if state == "Synced") {
                return Ok(());
            }
            if began.elapsed() > SYNCED {
                return Err(Error::DidNotStart {
                    why: format!("node {number} is not synced: {state:?}"),
                    log: self.nodes[number].said(),
                });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a node says of itself: `Synced`, `Donor/Desynced`, `Joined`, `Initialized` and others.
    ///
    /// # Errors
    ///
    /// It doesn't answer.
    pub async fn state(&self, number: usize) -> Result<String, sqlx::Error> {
        let mut connection = self.nodes[number].connect().await?;
        let row = connection.fetch_one(queries::NODE_STATE).await?;
        sqlx::Row::try_get(&row, 1)
    }
}

/// A node that applies nothing of what the others commit.
#[derive(Debug)]
pub struct Held(MySqlConnection);

impl Held {
    /// Lets it catch up.
    pub async fn release(mut self) {
        self.0.execute(queries::RELEASE).await.unwrap();
    }
}

/// Ports that nobody has just now.
fn ports(count: usize) -> Result<Vec<u16>, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = u32::from(PORTS.end - PORTS.start);
    // Test processes that run beside each other begin far apart.
    let start = std::process::id().wrapping_mul(6_997).wrapping_add(11_000);
    let mut held = Vec::new();
    for _ in 0..all {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % all;
        let Ok(offset) = u16::try_from(offset) else {
            continue;
        };
        let port = PORTS.start + offset;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    Err(Error::Missing(format!(
        "no {count} free ports in {PORTS:?}"
    )))
}
