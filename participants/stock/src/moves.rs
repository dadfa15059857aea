//! What an action moves: from one pool of a SKU to another, always through `reserved`. Pure arithmetic, no SQL, no gRPC.
//!
//! Try takes pieces out of the pool that they come from, confirm puts them where they go, cancel puts them back. The share
//! that an order has of the SKU changes beside it, so that no order gets rid of more than it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use tercet_participant::Phase;

/// Where pieces rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Free to be reserved; belongs to no order.
    Available,
    /// Held for an unpaid order.
    Held,
    /// Sold to an order.
    Sold,
}

/// The way that an action's pieces take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: Pool,
    pub(crate) to: Pool,
}

/// A SKU's pieces by where they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
}

/// What one order has of a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) held: i64,
    /// Taken out of held or sold, and among the SKU's reserved.
    pub(crate) moving: i64,
    pub(crate) sold: i64,
}

/// Fewer pieces are where they should come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// So many are there.
    pub(crate) there: i64,
}

/// A SKU in memory, with the shares of some of its orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pieces: Pieces,
    pub(crate) version: i64,
    /// By order; the empty name is that of no order in particular.
    pub(crate) shares: BTreeMap<Arc<str>, Share>,
}

impl Pieces {
    fn pool(&mut self, pool: Pool) -> &mut i64 {
        match pool {
            Pool::Available => &mut self.available,
            Pool::Held => &mut self.held,
            Pool::Sold => &mut self.sold,
        }
    }
}

impl Share {
    /// `None` for the pool that belongs to no order.
    fn pool(&mut self, pool: Pool) -> Option<&mut i64> {
        match pool {
            Pool::Available => None,
            Pool::Held => Some(&mut self.held),
            Pool::Sold => Some(&mut self.sold),
        }
    }
}

impl Move {
    /// `stock.reserve`.
    pub(crate) const RESERVE: Self = Self::new(Pool::Available, Pool::Held);
    /// `stock.sell` of what is held.
    pub(crate) const SELL_HELD: Self = Self::new(Pool::Held, Pool::Sold);
    /// `stock.sell` of what is available.
    pub(crate) const SELL_AVAILABLE: Self = Self::new(Pool::Available, Pool::Sold);
    /// `stock.release`.
    pub(crate) const RELEASE: Self = Self::new(Pool::Held, Pool::Available);
    /// `stock.return`.
    pub(crate) const RETURN: Self = Self::new(Pool::Sold, Pool::Available);

    const fn new(from: Pool, to: Pool) -> Self {
        Self { from, to }
    }

    /// Whether a phase looks at or changes the order's share.
    pub(crate) fn touches_share(self, phase: Phase) -> bool {
        self.from != Pool::Available || (phase == Phase::Confirm && self.to != Pool::Available)
    }
}

impl Row {
    /// Does what a phase of `way` does with `quantity` pieces of an order, or says how many are there instead; the row is
    /// half changed then. Answers how many are left where a try took them.
    pub(crate) fn shift(
        &mut self,
        way: Move,
        phase: Phase,
        order_no: &str,
        quantity: i64,
    ) -> Result<i64, Shortage> {
        let mut share = self.shares.get(order_no).copied().unwrap_or_default();
        let left = match phase {
            Phase::Try => {
                let left = match share.pool(way.from) {
                    // The order's own is the smaller of the two, so it is the one to tell.
                    Some(own) => {
                        let left = take(own, quantity)?;
                        share.moving += quantity;
                        take(self.pieces.pool(way.from), quantity)?;
                        left
                    }
                    None => take(self.pieces.pool(way.from), quantity)?,
                };
                self.pieces.reserved += quantity;
                left
            }
            Phase::Confirm => self.settle(&mut share, way.from, way.to, quantity)?,
            Phase::Cancel => self.settle(&mut share, way.from, way.from, quantity)?,
        };
        if way.touches_share(phase) {
            self.shares.insert(Arc::from(order_no), share);
        }
        Ok(left)
    }

    /// Takes what a try of pieces `from` a pool has reserved, and puts it into another.
    fn settle(
        &mut self,
        share: &mut Share,
        from: Pool,
        to: Pool,
        quantity: i64,
    ) -> Result<i64, Shortage> {
        let left = take(&mut self.pieces.reserved, quantity)?;
        *self.pieces.pool(to) += quantity;
        if from != Pool::Available {
            take(&mut share.moving, quantity)?;
        }
        if let Some(own) = share.pool(to) {
            *own += quantity;
        }
        Ok(left)
    }
}

/// Takes pieces away, or says how many are there.
fn take(from: &mut i64, quantity: i64) -> Result<i64, Shortage> {
    if *from < quantity {
        return Err(Shortage { there: *from });
    }
    *from -= quantity;
    Ok(*from)
}

#[cfg(test)]
mod tests;
