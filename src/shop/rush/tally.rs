//! What became of all submissions: counted, timed, and compared with each other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use super::{
    buyers::{Answer, Outcome, Paid},
    plan::{Sale, Which},
    told::{Told, told},
};
use crate::failure::Failure;

/// Times are kept from a microsecond to an hour, to three digits.
const MICROS_MAX: u64 = 3_600_000_000;

/// Some submissions with one outcome.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) what: String,
    pub(super) times: Histogram<u64>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) submissions: u64,
    /// Calls that had to be repeated.
    pub(super) repeats: u64,
    /// By outcome: placed, refused by reason, unanswered.
    pub(super) lines: Vec<Line>,
    /// Orders that were paid, with the time that took; and why others weren't.
    pub(super) paid: Histogram<u64>,
    pub(super) unpaid: BTreeMap<String, u64>,
    /// Numbers of orders, each once.
    pub(super) orders: BTreeSet<String>,
    /// Buyers with an order.
    pub(super) winners: BTreeSet<u32>,
    /// Buyers with more than one.
    pub(super) greedy: u64,
    pub(super) unanswered: u64,
    /// How many buyers know what.
    pub(super) told: BTreeMap<Told, u64>,
    /// Submissions that were answered otherwise than their repetition.
    pub(super) torn: u64,
}

impl Tally {
    /// Buyers without a piece who don't know why.
    pub(super) fn unexplained(&self) -> u64 {
        self.told.get(&Told::Nothing).copied().unwrap_or_default()
    }

    pub(super) fn new(sale: &Sale, answers: &[Answer]) -> Result<Self, Failure> {
        let mut lines: BTreeMap<(u8, String), Histogram<u64>> = BTreeMap::new();
        let mut tally = Self {
            submissions: answers.len() as u64,
            repeats: 0,
            lines: Vec::new(),
            paid: histogram()?,
            unpaid: BTreeMap::new(),
            orders: BTreeSet::new(),
            winners: BTreeSet::new(),
            greedy: 0,
            unanswered: 0,
            told: told(answers),
            torn: 0,
        };
        let mut of_request: BTreeMap<String, &Outcome> = BTreeMap::new();
        let mut of_user: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for answer in answers {
            tally.repeats += u64::from(answer.repeats);
            let key = tally.count(answer);
            if let Outcome::Placed(order_no) = &answer.outcome {
                of_user
                    .entry(answer.submission.user)
                    .or_default()
                    .insert(order_no);
            }
            if answer.submission.which != Which::Second {
                let request_id = answer.submission.request_id(sale);
                let first = of_request.entry(request_id).or_insert(&answer.outcome);
                tally.torn += u64::from(is_torn(first, &answer.outcome));
            }
            let times = match lines.entry(key) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(histogram()?),
            };
            times.saturating_record(answer.micros);
        }
        tally.greedy = of_user.values().filter(|orders| orders.len() > 1).count() as u64;
        tally.winners = of_user.into_keys().collect();
        tally.lines = lines
            .into_iter()
            .map(|((_, what), times)| Line { what, times })
            .collect();
        Ok(tally)
    }

    /// Counts one; where it stands in the table, and under which name.
    fn count(&mut self, answer: &Answer) -> (u8, String) {
        match &answer.paid {
            Some(Paid::Yes(micros)) => self.paid.saturating_record(*micros),
            Some(Paid::No(why)) => *self.unpaid.entry(why.clone()).or_default() += 1,
            None => {}
        }
        match &answer.outcome {
            Outcome::Placed(order_no) => {
                if self.orders.insert(order_no.clone()) {
                    (0, "placed".to_owned())
                } else {
                    (1, "placed already: the same order".to_owned())
                }
            }
            Outcome::Refused {
                participant,
                reason,
            } => (2, format!("refused by {participant}: {reason}")),
            Outcome::Unanswered(why) => {
                self.unanswered += 1;
                (3, format!("not answered: {why}"))
            }
        }
    }
}

/// One order is one order, and a refusal stays one. Who was too late by a hair is told so in either way.
fn is_torn(first: &Outcome, other: &Outcome) -> bool {
    match (first, other) {
        (Outcome::Placed(one), Outcome::Placed(other)) => one != other,
        (Outcome::Placed(_), Outcome::Refused { .. })
        | (Outcome::Refused { .. }, Outcome::Placed(_)) => true,
        _ => false,
    }
}

fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_max(MICROS_MAX, 3).map_err(Failure::failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::plan::Submission;
    use super::*;

    fn placed(order_no: &str) -> Outcome {
        Outcome::Placed(order_no.to_owned())
    }

    fn refused(reason: &str) -> Outcome {
        Outcome::Refused {
            participant: "stock".to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn answer(user: u32, which: Which, outcome: Outcome) -> Answer {
        Answer {
            submission: Submission { user, which },
            outcome,
            micros: 1_000,
            repeats: 2,
            paid: None,
        }
    }

    fn tally(answers: &[Answer]) -> Tally {
        let sale = Sale {
            name: "rush-x".to_owned(),
            users: 10,
            stock: 3,
        };
        Tally::new(&sale, answers).unwrap()
    }

    #[test]
    fn a_buyer_counts_once_however_often_it_submits() {
        let tally = tally(&[
            answer(1, Which::First, placed("a")),
            answer(1, Which::Repeated, placed("a")),
            answer(2, Which::First, refused("OUT_OF_STOCK")),
            answer(2, Which::Second, refused("")),
        ]);
        assert_eq!(
            (tally.orders.len(), tally.winners.len(), tally.greedy),
            (1, 1, 0)
        );
        assert_eq!((tally.torn, tally.repeats), (0, 8));
        let lines: Vec<_> = tally
            .lines
            .iter()
            .map(|line| (line.what.as_str(), line.times.len()))
            .collect();
        assert_eq!(
            lines,
            [
                ("placed", 1),
                ("placed already: the same order", 1),
                ("refused by stock: ", 1),
                ("refused by stock: OUT_OF_STOCK", 1)
            ]
        );
    }

    #[test]
    fn two_orders_of_one_buyer_are_seen() {
        let two = tally(&[
            answer(1, Which::First, placed("a")),
            answer(1, Which::Second, placed("b")),
        ]);
        assert_eq!((two.greedy, two.torn, two.winners.len()), (1, 0, 1));
    }

    #[test]
    fn a_repetition_with_another_answer_is_seen() {
        for (one, other) in [
            (placed("a"), placed("b")),
            (placed("a"), refused("OUT_OF_STOCK")),
            (refused("OUT_OF_STOCK"), placed("a")),
        ] {
            let torn = tally(&[
                answer(1, Which::First, one.clone()),
                answer(1, Which::Repeated, other.clone()),
            ]);
            assert_eq!(torn.torn, 1, "{one:?} {other:?}");
        }
    }
}
