//! Ports for servers that somebody must know of before they listen.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the kernel gives to outgoing connections: there a client of another test could sit on the port
/// of a server that is down for a moment, or meet itself on it.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody has just now, and that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Test processes that run beside each other begin far apart.
    let start = std::process::id().wrapping_mul(7_919);
    for _ in 0..count {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        let port = PORTS.start + u16::try_from(offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}
