//! A small participant for the SDK's own tests: a wallet whose sums show what ran.
//!
//! The wallet and the tests that use it are mounted once for each database: `testing/sqlite.rs`, `testing/mysql.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// What a test begins with, or the end of a test that can't have it: a server may be missing.
macro_rules! given {
    ($something:expr) => {
        match $something.await {
            Some(something) => something,
            None => return,
        }
    };
}

pub(crate) mod mysql;
pub(crate) mod sqlite;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use prost::Message;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::clock::{micros, now_micros};
use crate::context::{BranchContext, BranchKey};
use crate::error::ActionError;
use crate::fence::Phase;

/// Whose wallet, and how much.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Amount {
    #[prost(string, tag = "1")]
    pub(crate) wallet: String,
    #[prost(int64, tag = "2")]
    pub(crate) amount: i64,
}

/// What is left after a try.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Left {
    #[prost(int64, tag = "1")]
    pub(crate) available: i64,
}

/// A wallet as a row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Wallet {
    pub(crate) available: i64,
    pub(crate) frozen: i64,
    pub(crate) spent: i64,
    pub(crate) version: i64,
}

/// What an action under test has seen and shall do.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) tries: AtomicU32,
    pub(crate) confirms: AtomicU32,
    pub(crate) cancels: AtomicU32,
    failures: AtomicU32,
}

impl Probe {
    /// How often each verb ran: try, confirm, cancel.
    pub(crate) fn runs(&self) -> [u32; 3] {
        [&self.tries, &self.confirms, &self.cancels].map(|counter| counter.load(Ordering::SeqCst))
    }

    /// The next `count` verbs fail after they made their change.
    pub(crate) fn fail_next(&self, count: u32) {
        self.failures.store(count, Ordering::SeqCst);
    }

    pub(crate) fn after_change(&self, counter: &AtomicU32) -> Result<(), ActionError> {
        counter.fetch_add(1, Ordering::SeqCst);
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match failing {
            Ok(_) => Err(ActionError::Internal(
                "made to fail after the change".to_owned(),
            )),
            Err(_) => Ok(()),
        }
    }
}

pub(crate) const WALLET: &str = "w";

/// The seed of a random test: `TERCET_TEST_SEED`, else a new one. Printed, so that a failure can be run again.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("TERCET_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random);
    println!("TERCET_TEST_SEED={seed}");
    seed
}

/// Migrations of a test, beside the SDK's own.
fn migrations(tables: &[&'static str]) -> Migrator {
    let migrations = tables.iter().zip(1..).map(|(table, number)| {
        Migration::new(
            20_261_121_000_000 + number,
            Cow::Borrowed("test"),
            MigrationType::Simple,
            sqlx::SqlStr::from_static(table),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

pub(crate) fn key(branch: &str) -> BranchKey {
    BranchKey::new("g", branch).unwrap()
}

pub(crate) fn context(phase: Phase, branch: &str) -> BranchContext {
    BranchContext::new(
        key(branch),
        phase,
        now_micros() + micros(std::time::Duration::from_secs(30)),
    )
}

pub(crate) fn request(amount: i64) -> Bytes {
    Amount {
        wallet: WALLET.to_owned(),
        amount,
    }
    .encode_to_vec()
    .into()
}
