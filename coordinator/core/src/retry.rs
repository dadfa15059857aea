//! When to call again: exponential back-off with full jitter, deterministic.
//!
//! Full jitter is from Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): a delay drawn
//! uniformly from zero to the exponential bound. Here it isn't drawn but hashed from (gid, branch, phase, attempt),
//! so that the core stays deterministic: FNV-1a over the key, finished with the mixer of `SplitMix64` (Steele, Lea,
//! Flood, "Fast splittable pseudorandom number generators", 2014).

use core::time::Duration;

use crate::Gid;

/// The shortest delay that a participant can ask for with `RetryInfo`.
const ASKED_DELAY_MIN: Duration = Duration::from_millis(10);

/// How calls are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first delay; each later one doubles it.
    pub initial: Duration,
    /// The bound that no delay passes.
    pub max: Duration,
    /// Confirm or cancel calls before a branch is parked; 0 is without end.
    pub max_attempts: u32,
    /// Tries before a branch is in doubt for good.
    pub try_attempts: u32,
    /// A branch not done this long after the decision is flagged.
    pub attention_after: Duration,
    /// How long lazy facts wait in memory for company before they are appended.
    pub lazy_for: Duration,
    /// Most branches of one transaction.
    pub branches_max: usize,
    /// Most bytes of all payloads of one transaction together.
    pub payload_bytes_max: usize,
    /// Most bytes of all try responses of one transaction together; the reply that passes it counts as refused.
    pub try_responses_bytes_max: usize,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            max: Duration::from_mins(1),
            max_attempts: 0,
            try_attempts: 3,
            attention_after: Duration::from_mins(15),
            lazy_for: Duration::from_millis(100),
            branches_max: 64,
            payload_bytes_max: 2 * 1024 * 1024,
            try_responses_bytes_max: 1024 * 1024,
        }
    }
}

impl RetryPolicy {
    /// The delay before the attempt after the `used`-th counted one (from 1). `key` names what is repeated.
    pub fn delay(&self, gid: &Gid, key: &str, used: u32) -> Duration {
        let doublings = used.saturating_sub(1).min(31);
        let bound = self
            .initial
            .saturating_mul(1_u32 << doublings)
            .min(self.max);
        full_jitter(bound, jitter_hash(gid, key, used))
    }

    /// The delay that a participant asked for, held between 10 ms and the maximum.
    pub fn asked_delay(&self, asked: Duration) -> Duration {
        asked.min(self.max).max(ASKED_DELAY_MIN.min(self.max))
    }

    /// Whether `used` counted attempts of confirm or cancel are all there may be.
    pub fn is_used_up(&self, used: u32) -> bool {
        self.max_attempts != 0 && used >= self.max_attempts
    }
}

/// A delay from zero to `bound`, at the point of it that `hash` chooses.
pub fn full_jitter(bound: Duration, hash: u64) -> Duration {
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    // The high half of the product maps the hash onto 0..=micros without bias worth speaking of.
    let scaled = (u128::from(hash) * (u128::from(micros) + 1)) >> 64;
    Duration::from_micros(u64::try_from(scaled).unwrap_or(micros))
}

fn jitter_hash(gid: &Gid, key: &str, attempt: u32) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let attempt = attempt.to_le_bytes();
    // A zero byte ends each part, so that no two keys run together the same way.
    let bytes = gid
        .as_str()
        .bytes()
        .chain([0])
        .chain(key.bytes())
        .chain([0])
        .chain(attempt);
    let hash = bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    mix(hash)
}

fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
