//! The one number that decides everything random in a test.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Random numbers of one test, and the seed to print when it fails.
pub(crate) struct Seed {
    pub(crate) number: u64,
    pub(crate) random: StdRng,
}

impl Seed {
    /// `TERCET_TEST_SEED`, or a new one. Printed, so that a failure shows it.
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var("TERCET_TEST_SEED").ok();
        let number = given.map_or_else(
            || rand::rng().random_range(0..1_000_000),
            |text| text.parse().expect("TERCET_TEST_SEED is a number"),
        );
        println!("{test}: TERCET_TEST_SEED={number}");
        Self {
            number,
            random: StdRng::seed_from_u64(number),
        }
    }

    /// Random numbers of their own, for something that draws beside this.
    #[allow(dead_code, reason = "not every test target has such")]
    pub(crate) fn child(&mut self) -> Self {
        Self {
            number: self.number,
            random: StdRng::seed_from_u64(self.random.random()),
        }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.random.random_range(0..end)
    }

    /// One of them.
    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.random.random_range(0..things.len())]
    }
}
