//! The hosts, and time that goes on in steps until everything has come to rest.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tercet_coordinator::{
    Clock, Config, Connect, Coordinator, Surroundings,
    config::{ActionConfig, ParticipantConfig},
};
use tercet_core::{Timestamp, Verbs};
use tercet_log::{
    MemoryDisk, MemoryStore,
    faults::{Fault, FaultyStore},
};
use tercet_service::{ConfigDuration, Drain, Endpoint};

use crate::{
    bugs::Bug,
    faults::{Faults, HEALED_AFTER},
    ledger::Ledger,
    net, participant, properties,
    trace::Trace,
    workload,
};

/// The participants, which are hosts.
pub(crate) const PARTICIPANTS: [&str; 3] = ["p0", "p1", "p2"];
/// The clients, which are hosts.
const CLIENTS: [&str; 3] = ["client0", "client1", "client2"];
/// Everything between which the network can fail.
pub(crate) const HOSTS: [&str; 7] = [
    "coordinator",
    "p0",
    "p1",
    "p2",
    "client0",
    "client1",
    "client2",
];
/// Simulated time after which a world that isn't at rest never will be.
const LIMIT: Duration = Duration::from_mins(5);
/// Simulated time of one step.
const TICK: Duration = Duration::from_millis(5);
/// Steps after the last client has gone.
const LAST_STEPS: usize = 100;

/// What became of a world.
pub(crate) struct Outcome {
    pub(crate) trace: Trace,
    pub(crate) violations: Vec<String>,
    pub(crate) counts: Counts,
}

/// What happened in worlds, in numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) confirmed: u64,
    pub(crate) cancelled: u64,
    pub(crate) crashes: u64,
    pub(crate) cuts: u64,
    pub(crate) simulated: Duration,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.confirmed += other.confirmed;
        self.cancelled += other.cancelled;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.simulated += other.simulated;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} confirmed, {} cancelled, {} crashes, {} cuts, {:.0} simulated seconds",
            self.confirmed,
            self.cancelled,
            self.crashes,
            self.cuts,
            self.simulated.as_secs_f64()
        )
    }
}

/// What clients were shown of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) confirm: bool,
    pub(crate) cancel: bool,
}

/// What everybody in a world shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) bug: Option<Bug>,
    pub(crate) trace: Trace,
    /// The log of the coordinator that was started last.
    pub(crate) store: Arc<Mutex<Option<Arc<MemoryStore>>>>,
    pub(crate) seen: Arc<Mutex<BTreeMap<String, Seen>>>,
    violations: Arc<Mutex<Vec<String>>>,
    rng: Arc<Mutex<StdRng>>,
    has_ended: Arc<AtomicBool>,
}

impl Shared {
    fn new(seed: u64, bug: Option<Bug>) -> Self {
        Self {
            bug,
            trace: Trace::default(),
            store: Arc::default(),
            seen: Arc::default(),
            violations: Arc::default(),
            rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed ^ 0x5eed))),
            has_ended: Arc::default(),
        }
    }

    pub(crate) fn violated(&self, what: String) {
        self.trace.note(format!("VIOLATED: {what}"));
        self.violations.lock().unwrap().push(what);
    }

    /// A pause of up to so many milliseconds.
    pub(crate) fn pause(&self, millis_max: u64) -> Duration {
        Duration::from_millis(self.rng.lock().unwrap().random_range(0..=millis_max))
    }

    /// Between 0 and 1.
    pub(crate) fn fraction(&self) -> f64 {
        self.rng.lock().unwrap().random()
    }

    /// What becomes of a batch of the log: mostly it is written.
    fn fault(&self) -> Fault {
        let is_troubled = turmoil::sim_elapsed().is_none_or(|now| now < HEALED_AFTER);
        match self.rng.lock().unwrap().random_range(0..400) {
            0..8 if is_troubled => Fault::Unavailable,
            8..10 if is_troubled => Fault::WrittenUnknown,
            10..12 if is_troubled => Fault::LostUnknown,
            _ => Fault::None,
        }
    }
}

/// Held by the world that runs: see [`align_task_numbers`].
static RUNNING: Mutex<()> = Mutex::new(());
/// At least the number of lists over which tokio spreads the tasks of one runtime.
const TASK_LISTS_MAX: u64 = 1 << 10;

/// Makes tokio's next task number a multiple of [`TASK_LISTS_MAX`].
///
/// When a host crashes its tasks are dropped list by list, a task's list follows from its number, and the numbers are
/// counted for the whole process. So the order in which connections break, and with it the seed's next random number,
/// would depend on what ran before.
fn align_task_numbers() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        loop {
            let number = tokio::spawn(async {}).id().to_string();
            if number.parse::<u64>().unwrap() % TASK_LISTS_MAX == 0 {
                return;
            }
        }
    });
}

/// Runs one world to its end.
pub(crate) fn run(seed: u64, bug: Option<Bug>) -> Outcome {
    let _alone = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    align_task_numbers();
    let shared = Shared::new(seed, bug);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut faults = Faults::draw(&mut rng);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(LIMIT)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(rng.random_range(2..40)))
        .build();
    let ledgers: Vec<Arc<Mutex<Ledger>>> = PARTICIPANTS.iter().map(|_| Arc::default()).collect();
    for (name, ledger) in PARTICIPANTS.into_iter().zip(&ledgers) {
        let (ledger, shared) = (Arc::clone(ledger), shared.clone());
        sim.host(name, move || {
            participant::run(name, Arc::clone(&ledger), shared.clone())
        });
    }
    let (disk, of_coordinator) = (MemoryDisk::default(), shared.clone());
    sim.host("coordinator", move || {
        coordinator(disk.clone(), of_coordinator.clone())
    });
    for name in CLIENTS {
        sim.client(name, workload::run(name, rng.random(), shared.clone()));
    }

    let mut steps_left = LAST_STEPS;
    while steps_left > 0 {
        let was_ended = shared
            .has_ended
            .swap(false, Ordering::Relaxed)
            .then_some("coordinator");
        faults.apply(&mut sim, &shared.trace, was_ended);
        match sim.step() {
            Ok(true) => steps_left -= 1,
            Ok(false) => {}
            Err(error) => {
                shared.violated(format!("not at rest in time, or a host failed: {error}"));
                break;
            }
        }
    }
    let mut counts = Counts {
        crashes: faults.crashes,
        cuts: faults.cuts,
        simulated: sim.elapsed(),
        ..Counts::default()
    };
    drop(sim);
    let ledgers: Vec<_> = ledgers
        .iter()
        .map(|ledger| ledger.lock().unwrap())
        .collect();
    let named: Vec<(&'static str, &Ledger)> = PARTICIPANTS
        .into_iter()
        .zip(ledgers.iter().map(|ledger| &**ledger))
        .collect();
    properties::at_rest(&shared, &named, &mut counts);
    let violations = shared.violations.lock().unwrap().clone();
    Outcome {
        trace: shared.trace,
        violations,
        counts,
    }
}

/// The coordinator's host: the real one, on the simulated network, clock and disk.
async fn coordinator(disk: MemoryDisk, shared: Shared) -> turmoil::Result {
    let store = Arc::new(MemoryStore::open(&disk, "http://coordinator:7400"));
    *shared.store.lock().unwrap() = Some(Arc::clone(&store));
    let script = shared.clone();
    let log = Arc::new(FaultyStore::new(store, move |_| script.fault()));
    let surroundings = Surroundings {
        bound: net::bind().await?,
        connect: Connect::with(net::channel),
        clock: Clock::of(|| {
            let since = turmoil::sim_elapsed().unwrap_or_default();
            Timestamp::EPOCH.saturating_add(Duration::from_secs(1_000_000) + since)
        }),
    };
    let running = Coordinator::start_in(configuration(), Drain::new(), log, surroundings).await?;
    if let Err(error) = running.wait().await {
        // A process that can't be sure of its log ends; whoever watches over it starts another.
        shared.trace.note(format!("coordinator: {error}"));
        shared.has_ended.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    }
    Ok(())
}

fn configuration() -> Config {
    let mut config = Config::default();
    config.retry.initial = ConfigDuration::from_millis(20);
    config.retry.max = ConfigDuration::from_millis(400);
    for name in PARTICIPANTS {
        let endpoint = Endpoint::http(name, net::GRPC);
        let mut participant = ParticipantConfig::new(vec![endpoint])
            .with_action("pay", ActionConfig::new(participant::SERVICE, Verbs::Tcc))
            .unwrap();
        participant.timeout = ConfigDuration::from_millis(300);
        config.add_participant(name, participant).unwrap();
    }
    config
}
