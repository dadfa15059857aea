//! How the money and the points of a part are split: exactly, whatever the parts. Pure arithmetic.
//!
//! What belongs to a part is what belongs to everything up to it, rounded down, less what was given back before. So
//! the parts never pass the whole, how a whole is cut doesn't change what is given back of it, and whoever gives the last
//! part gives what is left, to the cent.

use crate::order::Order;

/// What was paid for an order, and what of it has been given back so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paid {
    pub(crate) cents: i64,
    pub(crate) points: i64,
    pub(crate) pieces: i64,
    pub(crate) cents_back: i64,
    pub(crate) points_back: i64,
    pub(crate) pieces_back: i64,
}

/// A part to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part {
    pub(crate) cents: i64,
    pub(crate) points: i64,
    pub(crate) pieces: i64,
}

impl From<&Order> for Paid {
    fn from(order: &Order) -> Self {
        Self {
            cents: order.submission.amount_cents,
            points: order.points_paid(),
            pieces: order.submission.quantity,
            cents_back: order.standing.refunded_cents,
            points_back: order.standing.refunded_points,
            pieces_back: order.standing.returned_pieces,
        }
    }
}

/// `whole * part / of`, rounded down.
fn share(whole: i64, part: i64, of: i64) -> i64 {
    if of == 0 {
        return 0;
    }
    let share = i128::from(whole) * i128::from(part) / i128::from(of);
    // A part isn't more than what it is of, so this always fits.
    i64::try_from(share).unwrap_or(whole)
}

impl Paid {
    /// Everything that hasn't been given back.
    pub(crate) fn rest(&self) -> Part {
        Part {
            cents: self.cents - self.cents_back,
            points: self.points - self.points_back,
            pieces: self.pieces - self.pieces_back,
        }
    }

    /// The same after a part was given back.
    pub(crate) fn after(self, part: Part) -> Self {
        Self {
            cents_back: self.cents_back + part.cents,
            points_back: self.points_back + part.points,
            pieces_back: self.pieces_back + part.pieces,
            ..self
        }
    }

    /// A part that is named in money, with the points that belong to it; or in points, of an order that cost no money.
    /// Nothing named is all that is left. No pieces come back. None when less is left.
    pub(crate) fn by_amount(&self, cents: i64, points: i64) -> Option<Part> {
        let rest = self.rest();
        if cents == 0 && points == 0 {
            return Some(Part { pieces: 0, ..rest });
        }
        if cents < 0 || points < 0 || cents > rest.cents {
            return None;
        }
        if self.cents == 0 {
            let part = Part {
                points,
                ..Part::default()
            };
            return (points <= rest.points).then_some(part);
        }
        if points != 0 {
            return None;
        }
        let up_to = share(self.points, self.cents_back + cents, self.cents);
        Some(Part {
            cents,
            points: (up_to - self.points_back).clamp(0, rest.points),
            pieces: 0,
        })
    }

    /// What some pieces cost, less what was given back for them already; 0 is all that haven't come back. None when fewer
    /// are left.
    pub(crate) fn by_pieces(&self, pieces: i64) -> Option<Part> {
        let rest = self.rest();
        let pieces = if pieces == 0 { rest.pieces } else { pieces };
        if pieces < 1 || pieces > rest.pieces {
            return None;
        }
        if pieces == rest.pieces {
            return Some(rest);
        }
        let up_to = self.pieces_back + pieces;
        let cents = share(self.cents, up_to, self.pieces) - self.cents_back;
        let points = share(self.points, up_to, self.pieces) - self.points_back;
        Some(Part {
            cents: cents.clamp(0, rest.cents),
            points: points.clamp(0, rest.points),
            pieces,
        })
    }
}

#[cfg(test)]
mod tests;
