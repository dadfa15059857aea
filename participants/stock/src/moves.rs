//! What an action moves: from one pool of a SKU to another, always through `reserved`. Pure arithmetic.
//!
//! Try takes pieces out of the pool they come from, confirm puts them where they go, cancel puts them back. What an order
//! has is changed beside it: an order's `moving` are its pieces on the way out of held or sold.

use core::ops::Neg;

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

/// Changes of a SKU's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SkuDelta {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
}

/// Changes of an order's numbers of one SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OrderDelta {
    pub(crate) held: i64,
    pub(crate) moving: i64,
    pub(crate) sold: i64,
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

    /// What a phase changes of the SKU.
    pub(crate) fn sku(self, phase: Phase, quantity: i64) -> SkuDelta {
        match phase {
            Phase::Try => {
                let mut delta = SkuDelta::put(self.from, -quantity);
                delta.reserved = quantity;
                delta
            }
            Phase::Confirm => {
                let mut delta = SkuDelta::put(self.to, quantity);
                delta.reserved = -quantity;
                delta
            }
            Phase::Cancel => -self.sku(Phase::Try, quantity),
        }
    }

    /// What a phase changes of the order's.
    pub(crate) fn order(self, phase: Phase, quantity: i64) -> OrderDelta {
        let is_the_orders = self.from != Pool::Available;
        let moving = if is_the_orders { quantity } else { 0 };
        match phase {
            Phase::Try => {
                let mut delta = OrderDelta::put(self.from, -quantity);
                delta.moving = moving;
                delta
            }
            Phase::Confirm => {
                let mut delta = OrderDelta::put(self.to, quantity);
                delta.moving = -moving;
                delta
            }
            Phase::Cancel => -self.order(Phase::Try, quantity),
        }
    }
}

impl SkuDelta {
    fn put(pool: Pool, quantity: i64) -> Self {
        let mut delta = Self::default();
        match pool {
            Pool::Available => delta.available = quantity,
            Pool::Held => delta.held = quantity,
            Pool::Sold => delta.sold = quantity,
        }
        delta
    }
}

impl OrderDelta {
    fn put(pool: Pool, quantity: i64) -> Self {
        let mut delta = Self::default();
        match pool {
            Pool::Available => {}
            Pool::Held => delta.held = quantity,
            Pool::Sold => delta.sold = quantity,
        }
        delta
    }

    /// Nothing of any order's changes.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// The order only gains, so it may have had nothing before.
    pub(crate) fn only_gains(self) -> bool {
        self.held >= 0 && self.moving >= 0 && self.sold >= 0
    }
}

impl Neg for SkuDelta {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            available: -self.available,
            reserved: -self.reserved,
            held: -self.held,
            sold: -self.sold,
        }
    }
}

impl Neg for OrderDelta {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            held: -self.held,
            moving: -self.moving,
            sold: -self.sold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Move; 5] = [
        Move::RESERVE,
        Move::SELL_HELD,
        Move::SELL_AVAILABLE,
        Move::RELEASE,
        Move::RETURN,
    ];
    const PHASES: [Phase; 3] = [Phase::Try, Phase::Confirm, Phase::Cancel];

    #[test]
    fn no_phase_of_any_move_makes_or_loses_a_piece() {
        for (each, phase) in ALL
            .iter()
            .flat_map(|each| PHASES.map(|phase| (each, phase)))
        {
            let SkuDelta {
                available,
                reserved,
                held,
                sold,
            } = each.sku(phase, 7);
            assert_eq!(available + reserved + held + sold, 0, "{each:?} {phase}");
        }
    }

    #[test]
    fn what_is_held_and_sold_changes_for_the_sku_and_the_order_alike() {
        for (each, phase) in ALL
            .iter()
            .flat_map(|each| PHASES.map(|phase| (each, phase)))
        {
            let (sku, order) = (each.sku(phase, 7), each.order(phase, 7));
            assert_eq!(
                (sku.held, sku.sold),
                (order.held, order.sold),
                "{each:?} {phase}"
            );
        }
    }

    #[test]
    fn a_cancelled_try_leaves_nothing_and_a_confirmed_one_arrives() {
        for each in ALL {
            assert_eq!(each.sku(Phase::Cancel, 7), -each.sku(Phase::Try, 7));
            assert_eq!(each.order(Phase::Cancel, 7), -each.order(Phase::Try, 7));
            let moved = each.sku(Phase::Try, 7).reserved + each.sku(Phase::Confirm, 7).reserved;
            let under_way = each.order(Phase::Try, 7).moving + each.order(Phase::Confirm, 7).moving;
            assert_eq!((moved, under_way), (0, 0), "{each:?}");
        }
    }
}
