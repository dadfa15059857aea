//! The processes under test, and the check at the end of everything that was done to them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tercet_checker::{Expected, Report, check_places};
use tercet_client::{Client, RetryPolicy};
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::{ListTransactionsRequest, Transaction, TransactionState};

use crate::answers::{Answers, Told};
use crate::ground::{self, Ground};
use crate::harness::shop::Shop;
use crate::harness::{PATIENCE, patiently, until};
use crate::load::{Load, Notes};
use crate::plan::{PLENTY, POOR, RICH, SCARCE};
use crate::replica::Replica;

/// How long a beat may stand still in most of these tests. The default is 15 s.
pub(crate) const TAKE_OVER_AFTER: Duration = Duration::from_secs(4);
/// Where nobody may be taken for dead: a busy machine has time to raise a beat.
pub(crate) const LENIENT: Duration = Duration::from_secs(8);
/// Beats within the take-over time, as it is by default.
const BEATS: u32 = 8;

/// What the coordinators' files have beside the shop.
pub(crate) fn settings(take_over_after: Duration) -> String {
    format!(
        "[retry]
max = \"500ms\"
[limits]
drain_grace = \"2s\"
[cluster]
take_over_after = \"{}ms\"
beat_every = \"{}ms\"
",
        take_over_after.as_millis(),
        (take_over_after / BEATS).as_millis()
    )
}

/// How often a supervisor looks.
const TURN: Duration = Duration::from_millis(100);

/// What is scarce in the faults of one coordinator, and here only where a test wants refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stocked {
    /// Some deals are refused for want of pieces and points.
    Scarcely,
    /// No deal is: whatever is cancelled was cancelled by a fault.
    Fully,
}

/// Three coordinators and the shop on one server, or on one cluster of them.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) answers: Arc<Answers>,
    stocked: Stocked,
    /// The last to go.
    pub(crate) server: Ground,
}

impl World {
    /// Everything up and seeded. None, after one line, where no server can be had.
    pub(crate) async fn start(stocked: Stocked) -> Option<Self> {
        Self::start_with(stocked, TAKE_OVER_AFTER).await
    }

    /// The same with another take-over time.
    pub(crate) async fn start_with(stocked: Stocked, take_over_after: Duration) -> Option<Self> {
        let mut world = Self::prepare(stocked, &settings(take_over_after)).await?;
        world.up().await;
        Some(world)
    }

    /// The services are up and seeded, the coordinators aren't.
    pub(crate) async fn prepare(stocked: Stocked, settings: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let (server, databases, addresses) = ground::start(folder.path()).await?;
        let mut shop = Shop::down_with(folder, databases, "1s", "");
        let mut replicas = Vec::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let replica = Replica::prepare(&shop, address, number).await;
            replica.write_file(&shop, &replica.advertised(), settings);
            replicas.push(replica);
        }
        let endpoints: Vec<String> = replicas.iter().map(Replica::endpoint).collect();
        shop.write_services(&endpoints);
        for name in ["stock", "points", "order"] {
            *shop.slot(name) = Some(shop.server(name).await);
        }
        let world = Self {
            shop,
            replicas,
            answers: Arc::new(Answers::new()),
            stocked,
            server,
        };
        for (sku, quantity, user, points) in world.seeds() {
            world.shop.seed(sku, quantity, user, points).await;
        }
        Some(world)
    }

    fn seeds(&self) -> [(&'static str, i64, &'static str, i64); 2] {
        let rich = (PLENTY.0, PLENTY.1, RICH.0, RICH.1);
        let poor = match self.stocked {
            Stocked::Scarcely => (SCARCE.0, SCARCE.1, POOR.0, POOR.1),
            Stocked::Fully => (SCARCE.0, PLENTY.1, POOR.0, RICH.1),
        };
        [rich, poor]
    }

    /// Does a supervisor's work: starts every coordinator that isn't there.
    pub(crate) async fn up(&mut self) {
        for replica in &mut self.replicas {
            if !replica.is_up() {
                replica.start().await;
            }
        }
    }

    /// A client of all coordinators, with the one of that number first.
    pub(crate) fn client(&self, first: usize) -> Client {
        let mut endpoints: Vec<String> = self.replicas.iter().map(Replica::endpoint).collect();
        let count = endpoints.len();
        endpoints.rotate_left(first % count);
        Client::lazy(endpoints).unwrap()
    }

    /// A client that waits as long as a take-over may take.
    pub(crate) fn patient_client(&self, first: usize) -> Client {
        self.client(first).with_policy(RetryPolicy {
            attempts_max: 1_000,
            ..RetryPolicy::default()
        })
    }

    /// Waits, as a supervisor, until every coordinator runs and sees all of them alive.
    pub(crate) async fn is_whole(&mut self) {
        let count = self.replicas.len();
        patiently("every coordinator to see all of them", async {
            loop {
                self.up().await;
                let mut whole = 0;
                for replica in &self.replicas {
                    let sessions = replica.sessions().await.unwrap_or_default();
                    let living = sessions.iter().filter(|session| !session.fenced);
                    whole += usize::from(living.count() == count && sessions.len() == count);
                }
                if whole == count {
                    return;
                }
                moment(20).await;
            }
        })
        .await;
    }

    /// Waits until the coordinator `seen_by` sees that nobody fenced is left and every other one lives.
    pub(crate) async fn whole(&self, seen_by: usize) {
        let replica = &self.replicas[seen_by];
        let count = self.replicas.len();
        until(
            "every coordinator to be there and none to be fenced",
            || async {
                let sessions = replica.sessions().await?;
                (sessions.len() == count && sessions.iter().all(|session| !session.fenced))
                    .then_some(())
            },
        )
        .await;
    }

    /// The id of the session that replica has now, as it says itself.
    pub(crate) async fn session(&self, number: usize) -> String {
        let replica = &self.replicas[number];
        let status = until("a coordinator to say who it is", || replica.status()).await;
        status.coordinator_id
    }

    /// Waits until `seen_by` sees `session` fenced or gone, and nothing open that is still that session's.
    pub(crate) async fn taken_over(&self, session: &str, seen_by: usize) {
        let replica = &self.replicas[seen_by];
        until("the session's transactions to be taken over", || async {
            let sessions = replica.sessions().await?;
            let left = sessions.iter().find(|left| left.coordinator_id == session);
            left.is_none_or(|left| left.fenced && left.open == 0)
                .then_some(())
        })
        .await;
    }

    /// Ends a load, starts every coordinator that has ended meanwhile, and checks everything.
    pub(crate) async fn over(&mut self, name: &str, load: Load) -> Arc<Notes> {
        let finished = load.finished();
        tokio::pin!(finished);
        let notes = loop {
            self.up().await;
            if let Ok(notes) = tokio::time::timeout(TURN, &mut finished).await {
                break notes;
            }
        };
        self.up().await;
        let report = self.check().await;
        println!(
            "{name}: {report}, errors beyond the client's retry: {:#?}",
            notes.errors()
        );
        notes
    }

    /// Waits until no transaction is open. Those that never end are named.
    pub(crate) async fn settled(&self) {
        let open = Mutex::new(Vec::new());
        let ending = until("every transaction to end", || async {
            *open.lock().unwrap() = self.open().await?;
            open.lock().unwrap().is_empty().then_some(())
        });
        let ended = tokio::time::timeout(PATIENCE * 9 / 10, ending).await;
        let open = open.into_inner().unwrap();
        assert!(ended.is_ok(), "still open: {open:#?}");
    }

    /// Transactions that are open, a few of them; none when nobody can say.
    async fn open(&self) -> Option<Vec<Transaction>> {
        let states = [
            TransactionState::Trying,
            TransactionState::Confirming,
            TransactionState::Cancelling,
        ];
        let request = ListTransactionsRequest {
            states: states.map(i32::from).to_vec(),
            page_size: 3,
            ..ListTransactionsRequest::default()
        };
        for replica in &self.replicas {
            let mut client = AdminServiceClient::new(replica.channel());
            let listed = client.list_transactions(request.clone());
            if let Ok(Ok(listed)) = tokio::time::timeout(Duration::from_secs(5), listed).await {
                return Some(listed.into_inner().transactions);
            }
        }
        None
    }

    /// Waits until everything has ended, then checks the databases, and that every answer still stands wherever it is asked
    /// for.
    pub(crate) async fn check(&mut self) -> Report {
        self.settled().await;
        ground::caught_up(&self.server).await;
        let mut expected = Expected::settled();
        for (sku, quantity, ..) in self.seeds() {
            expected = expected.seeded(sku, quantity);
        }
        let report = check_places(self.shop.databases.places(), &expected)
            .await
            .unwrap();
        assert!(report.is_clean(), "{report}");
        let told = self.answers.all();
        let confirmed = told.values().filter(|told| **told == Told::Confirm).count();
        let counts = report.counts;
        assert_eq!(
            (counts.confirmed, counts.cancelled),
            (confirmed, told.len() - confirmed),
            "the log holds what the clients were told, no more and no less"
        );
        let answers = Arc::clone(&self.answers);
        for number in 0..self.replicas.len() {
            let standing = answers.still_stand(self.replicas[number].transactions());
            tokio::pin!(standing);
            // One that was fenced while it stood still may notice it, and end, only now.
            while tokio::time::timeout(TURN, &mut standing).await.is_err() {
                self.up().await;
            }
        }
        report
    }
}

/// After a failure the files stay: databases, and what every server wrote to standard error.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shop.folder.disable_cleanup(true);
            println!("kept: {}", self.shop.folder.path().display());
        }
    }
}

/// A moment that the seed chose. It is the fault's own timing, nothing is waited for.
pub(crate) async fn moment(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
