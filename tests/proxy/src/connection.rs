//! One connection: two sockets, a loop for each direction, and what the test wants of it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::pump::{Ended, Pump};
use crate::trigger::Triggers;
use crate::{Cut, Direction, Flow};

/// After a FIN the other side may go on sending for so long before its socket is closed.
const LINGER: Duration = Duration::from_secs(5);

/// A connection as the test holds it.
#[derive(Clone, Debug)]
pub struct Connection {
    flows: [watch::Sender<Flow>; 2],
    cut: watch::Sender<Option<Cut>>,
}

/// The other end of a [`Connection`].
pub(crate) struct Controls {
    connection: Connection,
    cut: watch::Receiver<Option<Cut>>,
}

impl Connection {
    /// Ends it.
    pub fn cut(&self, how: Cut) {
        if how == Cut::Silent {
            for direction in Direction::BOTH {
                self.set(direction, Flow::Hold);
            }
        } else {
            self.cut.send_replace(Some(how));
        }
    }

    /// Sets one direction.
    pub fn set(&self, direction: Direction, flow: Flow) {
        self.flows[direction as usize].send_if_modified(|now| {
            // What was half-closed stays so.
            let changes = *now != Flow::HalfClosed && *now != flow;
            if changes {
                *now = flow;
            }
            changes
        });
    }

    /// Whether both sockets are still there.
    pub fn is_open(&self) -> bool {
        // The loops hold the receivers.
        !self.cut.is_closed()
    }
}

impl Controls {
    pub(crate) fn new(flows: [Flow; 2]) -> Self {
        let (cut, receiver) = watch::channel(None);
        let flows = flows.map(|flow| watch::channel(flow).0);
        Self {
            connection: Connection { flows, cut },
            cut: receiver,
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

/// Carries bytes both ways until both sides have closed, or it is cut.
pub(crate) async fn run(
    mut client: TcpStream,
    mut server: TcpStream,
    controls: Controls,
    triggers: &Triggers,
) {
    // Small packets are what databases send; none of them should wait for another one.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let Controls {
        connection,
        mut cut,
    } = controls;
    let ended = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        let flow = |direction: Direction| connection.flows[direction as usize].subscribe();
        let answer_ends = watch::channel(None).0;
        let there = Pump {
            from: client_reads,
            to: server_writes,
            flow: flow(Direction::ToServer),
            triggers: Some(triggers),
            answer_ends: answer_ends.clone(),
        };
        let back = Pump {
            from: server_reads,
            to: client_writes,
            flow: flow(Direction::ToClient),
            triggers: None,
            answer_ends,
        };
        let both = async {
            let (there, back) = (there.run(), back.run());
            tokio::pin!(there, back);
            // One direction may end long before the other; a cut ends both.
            tokio::select! {
                ended = &mut there => match ended { Ended::Cut(how) => Ended::Cut(how), Ended::Closed => back.await },
                ended = &mut back => match ended { Ended::Cut(how) => Ended::Cut(how), Ended::Closed => there.await },
            }
        };
        tokio::select! {
            ended = both => ended,
            how = wanted(&mut cut) => Ended::Cut(how),
        }
    };
    match ended {
        Ended::Closed => {}
        Ended::Cut(Cut::Fin) => {
            drop(cut);
            let _ = tokio::join!(close(&mut client), close(&mut server));
        }
        Ended::Cut(Cut::Rst) => drop((client.set_zero_linger(), server.set_zero_linger())),
        // Until the test cuts it in another way, or ends.
        Ended::Cut(Cut::Silent) => {
            if wanted(&mut cut).await == Cut::Rst {
                drop((client.set_zero_linger(), server.set_zero_linger()));
            }
        }
    }
}

/// The cut that the test asks for.
async fn wanted(cut: &mut watch::Receiver<Option<Cut>>) -> Cut {
    let how = cut.wait_for(Option::is_some).await.map(|how| *how);
    // The sender lives as long as this connection does.
    how.ok().flatten().unwrap_or(Cut::Rst)
}

/// Says FIN, and throws away what still comes: closing with unread bytes would be a reset.
async fn close(socket: &mut TcpStream) {
    let _ = socket.shutdown().await;
    let mut rest = [0; 4096];
    let reading = async { while socket.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(LINGER, reading).await;
}
