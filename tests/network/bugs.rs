//! Mistakes in the test's own world, each of which has to be found. None of them is in anything that is shipped.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A participant that crashes comes back with its sums and without its fence.
    FenceForgotten,
    /// A try that comes after its cancel runs.
    LateTryAccepted,
    /// A cancel that finds no row leaves none.
    EmptyCancelWithoutRow,
    /// A participant answers first and writes a little later.
    AnswersBeforeItWrites,
    /// A repeated confirm runs again.
    ConfirmRunsAgain,
    /// A client that got no answer makes a new gid for the same submission.
    NewGidForARepeat,
}

/// Each with the number of seeds within which it has to be found.
pub(crate) const BUGS: &[(Bug, u64)] = &[
    (Bug::FenceForgotten, 40),
    (Bug::LateTryAccepted, 40),
    (Bug::EmptyCancelWithoutRow, 40),
    (Bug::AnswersBeforeItWrites, 40),
    (Bug::ConfirmRunsAgain, 40),
    (Bug::NewGidForARepeat, 40),
];
