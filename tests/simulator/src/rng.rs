//! The only source of chance in the simulator: `SplitMix64`, seeded once.
//!
//! Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). Small, fast, and the same on every
//! machine and in every version of every dependency, so that a seed in the list of regressions stays meaningful.

/// A seeded generator.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin with neighbouring streams.
        let mut rng = Self(seed ^ 0x5DEE_CE66_D1CE_4E5B);
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// An index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True in `rate` of 10,000 cases. Draws nothing when the rate is zero, which keeps traces stable while a
    /// fault is switched off.
    pub(crate) fn chance(&mut self, rate: u64) -> bool {
        rate > 0 && self.below(10_000) < rate
    }

    /// Log-uniform between `low` and `high`: most delays are short, some are long.
    pub(crate) fn skewed(&mut self, low: u64, high: u64) -> u64 {
        let doublings = u64::from((high / low.max(1)).max(1).ilog2());
        let bound = low << self.below(doublings + 1);
        self.between(low, (bound * 2).min(high).max(low))
    }
}
