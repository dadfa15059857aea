//! What a run of seeds has met: a simulator that never crashes anything would find nothing, and say so here.

use core::fmt;
use core::ops::AddAssign;

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts of what happened, over one seed or many.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats { $($(#[$doc])* pub $name: u64),* }

        impl AddAssign for Stats {
            fn add_assign(&mut self, other: Self) { $(self.$name += other.$name;)* }
        }

        impl Stats {
            /// Every count with its name.
            pub fn all(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($name), self.$name)),*] }
        }
    };
}

stats! {
    /// Things that happened.
    events,
    /// Transactions in the log at the end.
    transactions,
    /// Of these, confirmed.
    confirmed,
    /// Of these, cancelled.
    cancelled,
    /// Coordinator deaths.
    crashes,
    /// Calls that the coordinator made.
    calls,
    /// Appends whose connection was lost at COMMIT.
    unknown_appends,
    /// Appends that found another version, or a fenced session.
    stale_appends,
    /// Jumps of the wall clock.
    clock_jumps,
    /// Clients that gave up and came back.
    comebacks,
    /// Branches that a participant's resolver ended.
    resolved,
    /// Branches that a person recorded as done.
    forced,
    /// Coordinators that were frozen.
    freezes,
    /// Sessions that were fenced by others.
    fenced,
    /// Transactions that were taken over.
    adopted,
    /// Calls that were sent on to the owner.
    forwarded,
    /// Logs that were replaced by an older copy.
    restores,
    /// Held transactions that were decided by what the fences say.
    decided_by_fences,
    /// Held transactions that went on because the fences say nothing.
    released,
    /// Transactions of a restored log that a person had to look at.
    by_person,
    /// Facts that were judged by every property.
    judged,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.all().into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} {count}", name.replace('_', " "))?;
        }
        Ok(())
    }
}
