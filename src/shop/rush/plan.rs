//! Who submits what, and who is killed when. All of it follows from the seed.

use crate::cli::Rush;

/// What a piece costs, in points.
pub(super) const PRICE: i64 = 10;
/// What a buyer has to spend.
pub(super) const PURSE: i64 = 100;
/// What can be killed: the commands of the processes.
pub(super) const VICTIMS: [&str; 4] = ["serve", "order", "points", "stock"];

/// What is sold to how many.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    /// Of the campaign and of the SKU, and what its buyers' names begin with. No other sale has it.
    pub(super) name: String,
    pub(super) users: u32,
    pub(super) stock: u32,
}

impl Sale {
    pub(super) fn new(command: &Rush) -> Self {
        // The end of a UUIDv7 is random.
        let id = uuid::Uuid::now_v7().simple().to_string();
        let (_, id) = id.split_at(id.len() - 10);
        Self {
            name: format!("rush-{id}"),
            users: command.users,
            stock: command.stock,
        }
    }

    /// A buyer's name.
    pub(super) fn user(&self, user: u32) -> String {
        format!("{}-{user:06}", self.name)
    }

    /// How many can win.
    pub(super) fn winners(&self) -> u32 {
        self.users.min(self.stock)
    }
}

/// Which of a buyer's submissions one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    /// The first.
    First,
    /// The same once more, at the same time.
    Repeated,
    /// Another one of the same buyer.
    Second,
}

/// One submission of one buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submission {
    pub(super) user: u32,
    pub(super) which: Which,
}

impl Submission {
    /// Its idempotency key.
    pub(super) fn request_id(self, sale: &Sale) -> String {
        let user = sale.user(self.user);
        match self.which {
            Which::First | Which::Repeated => user,
            Which::Second => format!("{user}-b"),
        }
    }
}

/// One process that is killed once so many submissions are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) after: u64,
    pub(super) victim: &'static str,
}

/// What one run does.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// In the order in which they are made.
    pub(super) submissions: Vec<Submission>,
    pub(super) kills: Vec<Kill>,
}

impl Plan {
    pub(super) fn new(command: &Rush, sale: &Sale) -> Self {
        let drawn = uuid::Uuid::now_v7().as_u64_pair();
        let seed = command.seed.unwrap_or(drawn.1 >> 16);
        let mut dice = Dice(seed);
        let mut submissions = Vec::new();
        for user in 0..sale.users {
            let which = Which::First;
            submissions.push(Submission { user, which });
            let roll = dice.below(200);
            if roll < u64::from(command.duplicates) {
                let which = Which::Repeated;
                submissions.push(Submission { user, which });
            } else if roll < 2 * u64::from(command.duplicates) {
                let which = Which::Second;
                submissions.push(Submission { user, which });
            }
        }
        let parts = u64::from(command.kill) + 1;
        let kills = (1..parts).map(|part| Kill {
            after: submissions.len() as u64 * part / parts,
            victim: VICTIMS[usize::try_from(dice.below(4)).unwrap_or(0)],
        });
        Self {
            seed,
            kills: kills.collect(),
            submissions,
        }
    }
}

/// `SplitMix64`: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rush(users: u32, duplicates: u32, kill: u32) -> Rush {
        Rush {
            users,
            stock: 5,
            duplicates,
            in_flight: 1,
            kill,
            queue: false,
            seed: Some(7),
            database: None,
            patience: tercet_service::ConfigDuration::from_secs(1),
        }
    }

    #[test]
    fn everybody_submits_and_some_twice() {
        let command = rush(1000, 20, 0);
        let sale = Sale::new(&command);
        let plan = Plan::new(&command, &sale);
        let count = |which| {
            plan.submissions
                .iter()
                .filter(|it| it.which == which)
                .count()
        };
        assert_eq!(count(Which::First), 1000);
        for which in [Which::Repeated, Which::Second] {
            assert!(
                (50..150).contains(&count(which)),
                "{which:?} {}",
                count(which)
            );
        }
        assert_eq!(Plan::new(&command, &sale).submissions, plan.submissions);
        let none = Plan::new(&rush(1000, 0, 0), &sale);
        assert_eq!((none.submissions.len(), none.kills.len()), (1000, 0));
    }

    #[test]
    fn kills_are_spread_over_the_whole_run() {
        let command = rush(100, 0, 3);
        let plan = Plan::new(&command, &Sale::new(&command));
        let after: Vec<u64> = plan.kills.iter().map(|kill| kill.after).collect();
        assert_eq!(after, [25, 50, 75]);
    }

    #[test]
    fn only_a_repeated_submission_has_the_same_key() {
        let sale = Sale::new(&rush(1, 0, 0));
        let id = |which| Submission { user: 3, which }.request_id(&sale);
        assert_eq!(id(Which::First), id(Which::Repeated));
        assert_ne!(id(Which::First), id(Which::Second));
        assert!(id(Which::Second).len() <= 64);
    }
}
