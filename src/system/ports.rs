//! Where everything listens.

use std::{
    net::TcpListener,
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::failure::Failure;

/// Below the ports that the kernel gives to outgoing connections: there somebody's client could sit on the port of a
/// server that is down for a moment, or meet itself on it.
const FREE: Range<u16> = 10_000..32_000;

/// Ports of the loopback interface; 0 is any free one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    /// The coordinator's gRPC.
    pub(crate) coordinator: u16,
    /// Its HTTP.
    pub(crate) http: u16,
    /// The order service's gRPC.
    pub(crate) order: u16,
    /// The points service's gRPC.
    pub(crate) points: u16,
    /// The stock service's gRPC.
    pub(crate) stock: u16,
    /// Those of money; none where orders cost none.
    pub(crate) till: Option<TillPorts>,
}

/// Where the payment service and its provider listen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TillPorts {
    /// The payment service's gRPC.
    pub(crate) payment: u16,
    /// Where the payment service takes the provider's notices.
    pub(crate) notices: u16,
    /// The provider's gRPC.
    pub(crate) provider: u16,
}

impl Ports {
    /// The contract's.
    pub(crate) fn standard() -> Self {
        Self {
            coordinator: 7400,
            http: 7401,
            order: shop_order::PORT,
            points: shop_points::PORT,
            stock: shop_stock::PORT,
            till: Some(TillPorts {
                payment: shop_payment::PORT,
                notices: 0,
                provider: shop_provider::PORT,
            }),
        }
    }

    /// Free ones, also for a payment service.
    pub(crate) fn any_with_till() -> Self {
        Self {
            till: Some(TillPorts::default()),
            ..Self::default()
        }
    }

    /// With real ports where they must be known before anybody listens: the shop has to know where the coordinator
    /// will be, stock comes back on the port that it had, and the order and the payment service call each other.
    pub(super) fn settled(self) -> Result<Self, Failure> {
        let settle = |port| if port == 0 { free() } else { Ok(port) };
        let (order, till) = match self.till {
            None => (self.order, None),
            Some(till) => {
                let till = TillPorts {
                    payment: settle(till.payment)?,
                    notices: settle(till.notices)?,
                    ..till
                };
                (settle(self.order)?, Some(till))
            }
        };
        Ok(Self {
            coordinator: settle(self.coordinator)?,
            stock: settle(self.stock)?,
            order,
            till,
            ..self
        })
    }
}

/// A port that nobody has just now.
pub(crate) fn free() -> Result<u16, Failure> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(FREE.end - FREE.start);
    // Processes that start together begin far apart: 7919 is prime to the number of ports.
    let start = std::process::id().wrapping_mul(7_919);
    (0..count)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count)
        .filter_map(|offset| u16::try_from(u32::from(FREE.start) + offset).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| Failure::failed(format!("no free port in {FREE:?} on loopback")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn settled_ports_are_free_and_differ() {
        let ports = Ports::default().settled().unwrap();
        assert!(FREE.contains(&ports.coordinator) && FREE.contains(&ports.stock));
        assert_ne!(ports.coordinator, ports.stock);
        assert_eq!((ports.http, ports.order, ports.points), (0, 0, 0));
    }

    #[test]
    fn a_port_that_was_asked_for_stays() {
        let ports = Ports::standard().settled().unwrap();
        assert_eq!((ports.coordinator, ports.stock), (7400, 7413));
    }
}
