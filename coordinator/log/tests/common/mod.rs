//! What the tests of the log share: transactions, arbitrary ones, and the stores that are held to one suite.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test may panic"
)]

pub mod arbitrary;
pub mod beds;
pub mod transactions;
