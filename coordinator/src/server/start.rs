//! Starting a coordinator.

use std::sync::Arc;
use std::time::Duration;

use tercet_log::{
    BatchObserver, DatabaseUrl, Log, LogOptions, OpenError, StoreOptions, TransactionLog,
};
use tercet_proto::tercet::v1::admin_service_server::AdminServiceServer;
use tercet_proto::tercet::v1::transaction_service_server::TransactionServiceServer;
use tercet_service::{Addresses, Drain, Listener, MESSAGE_BYTES_MAX, Metrics, Readiness, Services};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::running::{Running, failed, leave};
use super::{StartError, background, drain};
use crate::api::{Api, Service};
use crate::clock::Clock;
use crate::cluster::{self, Cluster, Lease, Leased, Times};
use crate::config::Config;
use crate::console::Console;
use crate::json::Schemas;
use crate::metrics::{CallMeters, LiveGauges, LogMeters};
use crate::participants::Participants;
use crate::telemetry::Telemetry;
use crate::transactions::Transactions;
use crate::{Connect, Surroundings};

/// Between two attempts to open a log that isn't there yet.
const OPEN_PAUSE: Duration = Duration::from_millis(250);
/// A silent coordinator's SQL transaction is undone by the database after a third of the take-over time, within these.
const CLIENT_TIMEOUT_MIN: Duration = Duration::from_secs(1);
const CLIENT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// The server's own limit is behind the coordinator's, which ends in time by itself.
const GRACE_MARGIN: Duration = Duration::from_secs(5);

/// Starts coordinators.
#[derive(Debug)]
pub struct Coordinator;

impl Coordinator {
    /// Starts a coordinator on the log that the configuration names. It is ready when this returns: everything that
    /// was open goes on.
    ///
    /// # Errors
    ///
    /// [`StartError`], one line for people.
    pub async fn start(config: Config, drain: Drain) -> Result<Running, StartError> {
        start_configured(config, drain, Copy::Current).await
    }

    /// Starts a coordinator on the log that the configuration names, which is a copy that was restored from a backup.
    ///
    /// Every session of the log is fenced, and everything that is open is this coordinator's. What is undecided is held and
    /// flagged, durably, until the participants' fences say what had been decided. No other coordinator may run on the log
    /// before this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`], one line for people. Nothing was decided then, and the same start can be tried again.
    pub async fn start_restored(config: Config, drain: Drain) -> Result<Running, StartError> {
        start_configured(config, drain, Copy::Restored).await
    }

    /// Starts a coordinator on a log of one's own.
    ///
    /// # Errors
    ///
    /// [`StartError`], one line for people.
    pub async fn start_with(
        config: Config,
        drain: Drain,
        store: Arc<dyn TransactionLog>,
    ) -> Result<Running, StartError> {
        let system = Surroundings::of_system(&config.listen()).await?;
        Self::start_in(config, drain, store, system).await
    }

    /// Starts a coordinator on a log, a network and a clock of one's own. The addresses of the configuration are not
    /// looked at: the surroundings have them bound.
    ///
    /// # Errors
    ///
    /// [`StartError`], one line for people.
    pub async fn start_in<L: Listener>(
        config: Config,
        drain: Drain,
        store: Arc<dyn TransactionLog>,
        surroundings: Surroundings<L>,
    ) -> Result<Running, StartError> {
        Box::pin(start_on(config, drain, store, surroundings, Copy::Current)).await
    }
}

/// What is known of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// It holds everything that was ever written.
    Current,
    /// It was restored from a backup.
    Restored,
}

async fn start_configured(config: Config, drain: Drain, copy: Copy) -> Result<Running, StartError> {
    let url = DatabaseUrl::parse(&config.log.url)?;
    let system = Surroundings::of_system(&config.listen()).await?;
    let advertised = advertised(&config, system.bound.addresses());
    let wait = config.log.startup_wait.get();
    let options = store_options(&config, &url)?;
    let store = open(&url, &advertised, &options, wait, &system.clock).await?;
    Box::pin(start_on(config, drain, store, system, copy)).await
}

async fn start_on<L: Listener>(
    config: Config,
    drain: Drain,
    store: Arc<dyn TransactionLog>,
    surroundings: Surroundings<L>,
    copy: Copy,
) -> Result<Running, StartError> {
    config.cluster.check().map_err(StartError::Cluster)?;
    let Surroundings {
        bound,
        connect,
        clock,
    } = surroundings;
    let advertised = advertised(&config, bound.addresses());
    let metrics = Metrics::new();
    let families = CallMeters::families(&metrics);
    let participants = Participants::new(&config, &connect, &clock, &families)
        .map_err(|error| StartError::Participant(error.to_string()))?;
    let held = Arc::downgrade(&store);
    let advertised: Arc<str> = advertised.into();
    let telemetry = Telemetry::start(&config, &metrics, &advertised, &clock)?;
    let log_meters = Arc::new(LogMeters::new(&metrics));
    let (log, cluster) = join(&config, store, &connect, &log_meters).await?;
    let transactions = Transactions::new(
        &config,
        log,
        Arc::new(participants),
        cluster,
        advertised,
        clock,
        telemetry,
    );
    // What follows may take longer than others wait for a sign of life.
    cluster::run_beat(&transactions);
    let readiness = Readiness::new();
    let started = async {
        recover(&transactions, copy).await?;
        let service = service(&config, &transactions, &drain);
        let console = Console::new(service.clone(), log_meters, bound.addresses().http);
        let services = services(&config, &transactions, service, &readiness, &metrics);
        let server = bound.start(services.http(console.router()), drain.clone())?;
        Ok((server, console))
    };
    let (server, console) = match started.await {
        Ok(started) => started,
        Err(error) => {
            leave(&transactions);
            return Err(error);
        }
    };
    cluster::run_watch(&transactions);
    let stopped = CancellationToken::new();
    run_background(&config, &transactions, readiness, &drain, &stopped);
    run_console(console, &drain, &stopped);
    Ok(Running::new(server, transactions, stopped, held))
}

/// The address that others are told: the configured one, else the one that was bound.
fn advertised(config: &Config, addresses: Addresses) -> String {
    match &config.advertise {
        Some(endpoint) => endpoint.to_string(),
        None => addresses.grpc_url(),
    }
}

fn store_options(config: &Config, url: &DatabaseUrl) -> Result<StoreOptions, StartError> {
    let lanes = config.cluster.lanes.get();
    if lanes > 1 && url.sqlite_path().is_some() {
        return Err(StartError::Lanes(lanes));
    }
    Ok(StoreOptions {
        lanes,
        // A frozen coordinator's SQL transaction must be gone well before others take over.
        client_timeout: (config.cluster.take_over_after.get() / 3)
            .clamp(CLIENT_TIMEOUT_MIN, CLIENT_TIMEOUT_MAX),
    })
}

/// Opens the log, for as long as waiting may help.
async fn open(
    url: &DatabaseUrl,
    advertised: &str,
    options: &StoreOptions,
    startup_wait: Duration,
    clock: &Clock,
) -> Result<Arc<dyn TransactionLog>, OpenError> {
    let end = Instant::now() + startup_wait;
    loop {
        match tercet_log::open(url, advertised, clock.now(), options).await {
            Err(error) if error.is_retryable() && Instant::now() < end => {
                tracing::warn!(%error, "the log can't be opened yet");
                tokio::time::sleep(OPEN_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Goes on with everything that is open. Nothing is served before that.
async fn recover(transactions: &Transactions, copy: Copy) -> Result<(), StartError> {
    transactions.follow_pauses().await?;
    let (recovered, held) = match copy {
        Copy::Current => (transactions.recover().await?, 0),
        Copy::Restored => {
            cluster::take_all(&transactions.shared().log).await?;
            transactions.recover_restored().await?
        }
    };
    if recovered > 0 {
        tracing::info!(transactions = recovered, "recovered");
    }
    if held > 0 {
        tracing::warn!(
            transactions = held,
            "held, because the log was restored, until the participants' fences are read"
        );
    }
    Ok(())
}

/// The log of this coordinator, and its place among others where it has any. The first beat is raised before anything
/// else: everything that follows may take long.
async fn join(
    config: &Config,
    store: Arc<dyn TransactionLog>,
    connect: &Connect,
    meters: &Arc<LogMeters>,
) -> Result<(Log, Option<Arc<Cluster>>), StartError> {
    let observer: Arc<dyn BatchObserver> = Arc::clone(meters) as _;
    let options = LogOptions {
        observer: Some(observer),
        ..LogOptions::default()
    };
    if store.shared().is_none() {
        return Ok((Log::start(store, &options), None));
    }
    let times = Times::from(&config.cluster);
    let lease = Arc::new(Lease::new(times));
    let leased = Leased::new(store, Arc::clone(&lease));
    let log = Log::start(Arc::new(leased), &options);
    cluster::join(&log, &lease).await?;
    Ok((log, Some(Arc::new(Cluster::new(times, lease, connect)))))
}

/// The rpcs.
fn service(config: &Config, transactions: &Transactions, drain: &Drain) -> Service {
    Service(Arc::new(Api {
        transactions: transactions.clone(),
        schemas: Schemas::default(),
        limits: config.limits.clone(),
        // Where this server makes traces, the call has decided already whether it is sampled.
        sample_ratio: if transactions.shared().telemetry.tracing.is_on() {
            0.0
        } else {
            config.telemetry.sample_ratio.get()
        },
        drain: drain.clone(),
        started_at: Instant::now(),
    }))
}

/// What is served, but for the console.
fn services(
    config: &Config,
    transactions: &Transactions,
    service: Service,
    readiness: &Readiness,
    metrics: &Metrics,
) -> Services {
    let grace = config.limits.drain_grace.get();
    let live = LiveGauges::new(metrics);
    let shown = transactions.clone();
    let refresh = Arc::new(move || live.refresh(shown.shared()));
    let applications =
        TransactionServiceServer::new(service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let operators = AdminServiceServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX);
    Services::new()
        .name("coordinator")
        .grpc(applications)
        .grpc(operators)
        .descriptors(tercet_proto::FILE_DESCRIPTOR_SET)
        .readiness(readiness.clone())
        .metrics(metrics, Some(refresh))
        .tracing(&transactions.shared().telemetry.tracing)
        .drain_grace(grace + GRACE_MARGIN + drain::FLUSH_LIMIT)
        .before_stop(drain::drain(transactions.clone(), grace))
}

fn run_background(
    config: &Config,
    transactions: &Transactions,
    readiness: Readiness,
    drain: &Drain,
    stopped: &CancellationToken,
) {
    let log = transactions.shared().log.clone();
    let clock = transactions.shared().clock.clone();
    let purge = background::purge(log.clone(), config.retention.ended.get(), clock);
    let drained = drain.begun_owned();
    let token = stopped.clone().cancelled_owned();
    tokio::spawn(async move {
        tokio::select! { () = purge => {}, () = drained => {}, () = token => {} }
    });
    let telling = transactions.clone();
    let token = stopped.clone().cancelled_owned();
    tokio::spawn(async move {
        let told = telling.shared().telemetry.alerts.run();
        tokio::select! { () = told => {}, () = token => {} }
    });
    let transactions = transactions.clone();
    let drained = drain.begun_owned();
    let token = stopped.clone().cancelled_owned();
    tokio::spawn(async move {
        let health = transactions.shared();
        let health = health.health.watch(&log, &readiness, &health.clock);
        let failed = async {
            let failure = failed(&transactions).await;
            readiness.red("fenced", failure.to_string());
        };
        tokio::select! { () = health => {}, () = failed => {}, () = drained => {}, () = token => {} }
    });
}

/// Keeps what the console's plots are drawn from.
fn run_console(console: Console, drain: &Drain, stopped: &CancellationToken) {
    let drained = drain.begun_owned();
    let token = stopped.clone().cancelled_owned();
    tokio::spawn(async move {
        let kept = console.keep_history();
        tokio::select! { () = kept => {}, () = drained => {}, () = token => {} }
    });
}
