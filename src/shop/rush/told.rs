//! What every buyer knows in the end: that it has a piece, or why it has none. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::buyers::{Answer, Outcome};

/// What is said to a buyer that has an order already. To one that has none in the end it explains nothing.
const ONE_PER_USER: &str = "ONE_PER_USER";
const OUT_OF_STOCK: &str = "OUT_OF_STOCK";
const IN_DOUBT: &str = "IN_DOUBT";

/// What one buyer knows. The order is that of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// It has an order.
    Bought,
    /// It has none, for this reason of this participant.
    Refused { participant: String, reason: String },
    /// It has none, and nobody has said why.
    Nothing,
}

impl Told {
    /// For people: what the buyer has, or was told.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Bought => "has an order".to_owned(),
            Self::Refused {
                participant,
                reason,
            } => format!("refused by {participant}: {reason}"),
            Self::Nothing => "was told nothing".to_owned(),
        }
    }

    /// What that means, where it is one of the reasons that a flash sale has.
    pub(super) fn meaning(&self) -> &'static str {
        match self {
            Self::Refused { reason, .. } if reason == OUT_OF_STOCK => "no piece was left",
            Self::Refused { reason, .. } if reason == IN_DOUBT => {
                "cut off on the way; nothing was taken"
            }
            _ => "",
        }
    }

    /// How well it explains that there is no piece; the least is the best.
    fn rank(&self) -> u8 {
        match self {
            Self::Bought => 0,
            Self::Refused { reason, .. } if reason == OUT_OF_STOCK => 1,
            Self::Refused { reason, .. } if reason != IN_DOUBT => 2,
            Self::Refused { .. } => 3,
            Self::Nothing => 4,
        }
    }
}

/// How many buyers know what. One that has submitted more than once is told the best that any of its answers says.
pub(super) fn told(answers: &[Answer]) -> BTreeMap<Told, u64> {
    let mut of_user: BTreeMap<u32, BTreeSet<Told>> = BTreeMap::new();
    for answer in answers {
        let told = match &answer.outcome {
            Outcome::Placed(_) => Told::Bought,
            Outcome::Refused {
                participant,
                reason,
            } if !reason.is_empty() && reason != ONE_PER_USER => Told::Refused {
                participant: participant.clone(),
                reason: reason.clone(),
            },
            Outcome::Refused { .. } | Outcome::Unanswered(_) => Told::Nothing,
        };
        let user = of_user.entry(answer.submission.user).or_default();
        user.insert(told);
    }
    let mut counts = BTreeMap::new();
    for user in of_user.into_values() {
        if let Some(best) = user.into_iter().min_by_key(Told::rank) {
            *counts.entry(best).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Submission, Which};
    use super::*;

    fn answer(user: u32, outcome: Outcome) -> Answer {
        Answer {
            submission: Submission {
                user,
                which: Which::First,
            },
            outcome,
            micros: 1,
            repeats: 0,
            paid: None,
        }
    }

    fn refused(reason: &str) -> Outcome {
        Outcome::Refused {
            participant: "stock".to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn one(outcomes: &[Outcome]) -> Vec<(String, u64)> {
        let answers: Vec<Answer> = outcomes.iter().map(|it| answer(7, it.clone())).collect();
        let told = told(&answers).into_iter();
        told.map(|(told, count)| (told.words(), count)).collect()
    }

    #[test]
    fn a_buyer_counts_once_with_the_best_that_it_was_told() {
        let placed = || Outcome::Placed("a".to_owned());
        let silence = || Outcome::Unanswered("gone".to_owned());
        for (outcomes, words) in [
            (vec![refused(ONE_PER_USER), placed()], "has an order"),
            (
                vec![refused(ONE_PER_USER), refused(OUT_OF_STOCK)],
                "refused by stock: OUT_OF_STOCK",
            ),
            (
                vec![refused(IN_DOUBT), refused(OUT_OF_STOCK)],
                "refused by stock: OUT_OF_STOCK",
            ),
            (
                vec![silence(), refused(IN_DOUBT)],
                "refused by stock: IN_DOUBT",
            ),
        ] {
            assert_eq!(one(&outcomes), [(words.to_owned(), 1)]);
        }
    }

    #[test]
    fn a_buyer_without_a_piece_that_was_only_told_it_has_one_knows_nothing() {
        let silence = Outcome::Unanswered("gone".to_owned());
        for outcome in [refused(ONE_PER_USER), refused(""), silence] {
            assert_eq!(one(&[outcome]), [("was told nothing".to_owned(), 1)]);
        }
    }

    #[test]
    fn all_buyers_are_in_the_sum() {
        let answers = [
            answer(1, Outcome::Placed("a".to_owned())),
            answer(1, Outcome::Placed("a".to_owned())),
            answer(2, refused(OUT_OF_STOCK)),
            answer(3, refused(OUT_OF_STOCK)),
            answer(4, refused("USER_BLOCKED")),
        ];
        let counts: Vec<u64> = told(&answers).into_values().collect();
        assert_eq!(counts, [1, 2, 1]);
    }
}
