//! What a test relies on: nothing happens unasked, and what is asked happens to both sides.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::ErrorKind;
use std::time::Duration;

use tercet_test_proxy::{Cut, Direction, Flow, Moment, Proxy, Trigger};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// Long enough to see that nothing comes; a test that waits for something waits for that.
const A_WHILE: Duration = Duration::from_millis(100);
const GENEROUS: Duration = Duration::from_secs(30);

/// A client, a proxy, and the server's side of the one connection.
struct World {
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
    listener: TcpListener,
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await;
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        Self {
            proxy,
            client,
            server,
            listener,
        }
    }

    async fn talk(&mut self) {
        self.client.write_all(b"ask").await.unwrap();
        assert_eq!(heard(&mut self.server).await.unwrap(), b"ask");
        self.server.write_all(b"say").await.unwrap();
        assert_eq!(heard(&mut self.client).await.unwrap(), b"say");
    }
}

/// The next piece; empty at the end.
async fn heard(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut piece = vec![0; 1 << 20];
    let read = timeout(GENEROUS, socket.read(&mut piece)).await.unwrap();
    read.map(|length| piece[..length].to_vec())
}

async fn hears_nothing(socket: &mut TcpStream) {
    let waited = timeout(A_WHILE, socket.read(&mut [0; 64])).await;
    assert!(waited.is_err(), "something came: {waited:?}");
}

fn is_reset<T: std::fmt::Debug>(read: std::io::Result<T>) {
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn unsteered_it_carries_every_byte_in_order_both_ways_and_the_end_of_each() {
    let mut world = World::new().await;
    world.talk().await;
    let sent: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let (_, mut writes) = world.client.split();
    let sending = async {
        writes.write_all(&sent).await.unwrap();
        writes.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let receiving = world.server.read_to_end(&mut got);
    let ((), received) = tokio::join!(sending, receiving);
    received.unwrap();
    assert!(got == sent, "bytes were lost or changed");
    // One direction has ended, the other goes on.
    world.server.write_all(b"bye").await.unwrap();
    assert_eq!(heard(&mut world.client).await.unwrap(), b"bye");
    drop(world.server);
    assert_eq!(heard(&mut world.client).await.unwrap(), b"");
}

#[tokio::test]
async fn a_fin_is_an_end_and_a_reset_is_a_reset_on_both_sides() {
    let mut world = World::new().await;
    world.talk().await;
    world.proxy.cut(Cut::Fin);
    assert_eq!(heard(&mut world.client).await.unwrap(), b"");
    assert_eq!(heard(&mut world.server).await.unwrap(), b"");

    let mut world = World::new().await;
    world.talk().await;
    world.proxy.cut(Cut::Rst);
    is_reset(heard(&mut world.client).await);
    is_reset(heard(&mut world.server).await);
    assert!(world.proxy.connections().is_empty());
}

#[tokio::test]
async fn cut_silently_nothing_moves_and_healed_all_of_it_arrives() {
    let mut world = World::new().await;
    world.proxy.cut(Cut::Silent);
    world.client.write_all(b"ask").await.unwrap();
    world.server.write_all(b"say").await.unwrap();
    hears_nothing(&mut world.server).await;
    hears_nothing(&mut world.client).await;
    world.proxy.heal();
    assert_eq!(heard(&mut world.server).await.unwrap(), b"ask");
    assert_eq!(heard(&mut world.client).await.unwrap(), b"say");
}

#[tokio::test]
async fn one_direction_is_held_or_half_closed_while_the_other_goes_on() {
    let mut world = World::new().await;
    world.proxy.set(Direction::ToClient, Flow::Hold);
    world.client.write_all(b"ask").await.unwrap();
    assert_eq!(heard(&mut world.server).await.unwrap(), b"ask");
    world.server.write_all(b"say").await.unwrap();
    hears_nothing(&mut world.client).await;
    world.proxy.heal();
    assert_eq!(heard(&mut world.client).await.unwrap(), b"say");

    world.proxy.set(Direction::ToServer, Flow::HalfClosed);
    assert_eq!(heard(&mut world.server).await.unwrap(), b"");
    world.server.write_all(b"still here").await.unwrap();
    assert_eq!(heard(&mut world.client).await.unwrap(), b"still here");
}

#[tokio::test]
async fn a_delay_is_that_of_each_piece() {
    let mut world = World::new().await;
    world.proxy.set(Direction::ToServer, Flow::Delay(A_WHILE));
    for _ in 0..2 {
        let began = Instant::now();
        world.talk().await;
        assert!(began.elapsed() >= A_WHILE, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn one_connection_is_cut_and_the_other_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await;
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    let _first_server = listener.accept().await.unwrap();
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();

    proxy.connections()[0].cut(Cut::Fin);

    assert_eq!(heard(&mut first).await.unwrap(), b"");
    server.write_all(b"say").await.unwrap();
    assert_eq!(heard(&mut second).await.unwrap(), b"say");
}

#[tokio::test]
async fn who_is_refused_is_reset_and_comes_in_after_healing() {
    let mut world = World::new().await;
    world.proxy.refuse();
    let mut refused = TcpStream::connect(world.proxy.address()).await.unwrap();
    is_reset(heard(&mut refused).await);
    world.talk().await;
    world.proxy.heal();
    let mut client = TcpStream::connect(world.proxy.address()).await.unwrap();
    let (mut server, _) = world.listener.accept().await.unwrap();
    server.write_all(b"say").await.unwrap();
    assert_eq!(heard(&mut client).await.unwrap(), b"say");
}

#[tokio::test]
async fn a_trigger_cuts_before_after_or_when_the_server_has_answered() {
    for moment in [Moment::Before, Moment::After, Moment::Answered] {
        let mut world = World::new().await;
        let trigger = Trigger {
            on: b"COMMIT".to_vec(),
            moment,
            how: Cut::Fin,
        };
        world.proxy.arm(trigger);
        world.talk().await;
        assert_eq!(world.proxy.fired(), 0, "this was no commit");

        world.client.write_all(b"\x07COMMIT").await.unwrap();
        let got = heard(&mut world.server).await.unwrap();
        let expected: &[u8] = if moment == Moment::Before {
            b""
        } else {
            b"\x07COMMIT"
        };
        assert_eq!(got, expected, "{moment:?}");
        let _ = world.server.write_all(b"done").await;
        assert_eq!(heard(&mut world.client).await.unwrap(), b"", "{moment:?}");
        assert_eq!(world.proxy.fired(), 1);
    }
}
