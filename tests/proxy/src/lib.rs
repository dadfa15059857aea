//! A TCP proxy between a client and a server, steered by a test while both work.
//!
//! What it can do to all connections or to one: cut it with FIN, with RST, or without a word (both sides keep a socket
//! on which nothing moves any more), delay each piece, half-close one direction, hold one direction back, and heal. A
//! [`Trigger`] does so at the very piece that holds certain bytes, for example a `COMMIT`: before the server gets it, after,
//! or when the server has already answered, so that a fault doesn't have to be timed.
//!
//! The proxy knows nothing of what it carries. It must never lose or reorder a byte unless it was told to: a test that
//! steers nothing sees a plain connection. Each direction of a connection is a small loop, in `pump`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the crate is part of tests, where a panic with its place is the best report"
)]

mod connection;
mod pump;
mod trigger;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub use connection::Connection;
use connection::Controls;
use trigger::Triggers;
pub use trigger::{Moment, Trigger};

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides see the other one close, in order.
    Fin,
    /// Both sides get a reset.
    Rst,
    /// Nothing is said: the sockets stay, and nothing moves on them until [`Proxy::heal`].
    Silent,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They go through.
    #[default]
    Forward,
    /// Each piece waits for so long before it goes through.
    Delay(Duration),
    /// Nothing goes through; what was sent meanwhile goes through after a change back.
    Hold,
    /// The receiver sees the end of this direction, the other one goes on. For good.
    HalfClosed,
}

/// What happens to those who connect now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    /// They reach the server.
    #[default]
    Open,
    /// They are reset at once.
    Refusing,
}

/// What the listener and the test share.
#[derive(Debug)]
struct State {
    server: String,
    door: Mutex<Door>,
    /// How both directions of a new connection begin.
    flows: Mutex<[Flow; 2]>,
    connections: Mutex<Vec<Connection>>,
    triggers: Arc<Triggers>,
}

/// A proxy to one server. Its port is closed, and its connections with it, when it goes.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of this machine, for `server` (`host:port`), which needn't be up.
    pub async fn start(server: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            server: server.into(),
            door: Mutex::default(),
            flows: Mutex::default(),
            connections: Mutex::default(),
            triggers: Arc::default(),
        });
        let listener = tokio::spawn(listen(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            listener,
        }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections that are open now, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        let mut connections = self.state.connections.lock().unwrap();
        connections.retain(Connection::is_open);
        connections.clone()
    }

    /// Ends every connection that is open now. [`Cut::Silent`] is for those that come later as well, the others aren't.
    pub fn cut(&self, how: Cut) {
        if how == Cut::Silent {
            self.set_all(Flow::Hold);
            return;
        }
        for connection in self.connections() {
            connection.cut(how);
        }
    }

    /// Sets one direction of all connections, present and later.
    pub fn set(&self, direction: Direction, flow: Flow) {
        self.state.flows.lock().unwrap()[direction as usize] = flow;
        for connection in self.connections() {
            connection.set(direction, flow);
        }
    }

    /// Sets both directions of all connections, present and later.
    pub fn set_all(&self, flow: Flow) {
        for direction in Direction::BOTH {
            self.set(direction, flow);
        }
    }

    /// Resets everybody who connects from now on, as a dead port does. Open connections stay.
    pub fn refuse(&self) {
        *self.state.door.lock().unwrap() = Door::Refusing;
    }

    /// Everything goes through again, but for what was cut or half-closed; triggers that haven't fired are taken away.
    pub fn heal(&self) {
        self.state.triggers.clear();
        *self.state.door.lock().unwrap() = Door::Open;
        self.set_all(Flow::Forward);
    }

    /// Adds a trigger. It fires once, on whichever connection meets it first.
    pub fn arm(&self, trigger: Trigger) {
        self.state.triggers.add(trigger);
    }

    /// How many triggers have fired.
    pub fn fired(&self) -> usize {
        self.state.triggers.fired()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut(Cut::Rst);
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.door.lock().unwrap() == Door::Refusing {
            let _ = client.set_zero_linger();
            continue;
        }
        let controls = Controls::new(*state.flows.lock().unwrap());
        let mut connections = state.connections.lock().unwrap();
        connections.retain(Connection::is_open);
        connections.push(controls.connection());
        drop(connections);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            match TcpStream::connect(&state.server).await {
                Ok(server) => {
                    connection::run(client, server, controls, &state.triggers).await;
                }
                // A client of a server that is down sees what it would see without a proxy, one step later.
                Err(_) => drop(client.set_zero_linger()),
            }
        });
    }
}
