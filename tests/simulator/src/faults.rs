//! How hostile a world is. Drawn from the seed, each fault on its own: some worlds have none of a kind, some have
//! it all the time. A world where everything always fails would never reach the deep states ("swarm testing",
//! Groce et al., 2012).

use crate::rng::Rng;

/// Rates in 10,000, except where it says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// A message is lost.
    pub(crate) lost: u64,
    /// A message arrives twice.
    pub(crate) repeated: u64,
    /// A message is slow: up to ten seconds.
    pub(crate) slow: u64,
    /// A call arrives minutes later, long after everybody has given it up.
    pub(crate) very_late: u64,
    /// No connection could be made: the call certainly never left.
    pub(crate) unconnected: u64,
    /// The call's connection breaks: in doubt at once, but it may still arrive.
    pub(crate) broken: u64,
    /// A broken call uses up no attempt (the stream broke, not the call).
    pub(crate) free: u64,
    /// A participant answers with an error that says nothing.
    pub(crate) unsure: u64,
    /// A participant asks for time with `RetryInfo`, and may do the work meanwhile.
    pub(crate) still_working: u64,
    /// A participant refuses a try for reasons of its own.
    pub(crate) refused: u64,
    /// A participant answers confirm or cancel with a refusal although it should not.
    pub(crate) stubborn: u64,
    /// An append certainly fails.
    pub(crate) log_fails: u64,
    /// The connection to the log is lost at COMMIT.
    pub(crate) log_unknown: u64,
    /// An append of a begin or of a branch is refused for good.
    pub(crate) log_invalid: u64,
    /// The coordinator dies before carrying out an effect.
    pub(crate) crash: u64,
    /// Mean seconds between participant outages; 0: none.
    pub(crate) outage_every: u64,
    /// Mean seconds between outages of the log; 0: none.
    pub(crate) log_outage_every: u64,
    /// Somebody calls a participant with what its fence has to refuse, each second.
    pub(crate) stray: u64,
    /// Mean seconds between jumps of the coordinator's clock; 0: none.
    pub(crate) jump_every: u64,
    /// The most that a jump moves the clock, in seconds.
    pub(crate) jump_max: u64,
    /// A participant is missing from the configuration after a restart.
    pub(crate) unconfigured: u64,
    /// Seconds between operators' actions; 0: none.
    pub(crate) operator_every: u64,
    /// Participants clean rows that are no longer needed.
    pub(crate) cleaning: bool,
}

impl Faults {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        if rng.chance(300) {
            return Self::default();
        }
        let sometimes = |rng: &mut Rng, low: u64, high: u64| {
            if rng.chance(5_000) {
                0
            } else {
                rng.between(low, high)
            }
        };
        let mut rate = |max: u64| sometimes(rng, max / 20 + 1, max);
        let mut faults = Self {
            lost: rate(2_500),
            repeated: rate(3_000),
            slow: rate(2_000),
            very_late: rate(500),
            unconnected: rate(2_000),
            broken: rate(2_500),
            free: rate(5_000),
            unsure: rate(3_000),
            still_working: rate(2_000),
            refused: rate(1_500),
            stubborn: rate(2_000),
            log_fails: rate(3_000),
            log_unknown: rate(3_000),
            log_invalid: rate(300),
            crash: rate(1_000),
            unconfigured: rate(3_000),
            stray: rate(2_000),
            ..Self::default()
        };
        faults.outage_every = sometimes(rng, 3, 60);
        faults.log_outage_every = sometimes(rng, 5, 60);
        faults.jump_every = sometimes(rng, 3, 60);
        faults.jump_max = 10;
        faults.operator_every = sometimes(rng, 1, 15);
        // The fence relies on clocks that are right within its retention, so a world has wild clocks or cleaning.
        if rng.chance(1_000) {
            faults.jump_max = 3_600;
        } else {
            faults.cleaning = rng.chance(5_000);
        }
        faults
    }

    /// Everything works from now on. Whatever is already on its way still arrives, however late.
    pub(crate) fn stop(&mut self) {
        *self = Self {
            cleaning: self.cleaning,
            ..Self::default()
        };
    }
}
