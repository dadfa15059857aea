//! The processes under test, and the check at the end of everything that was done to them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_checker::{Expected, Report, check_places};
use tercet_proto::tercet::v1::{ListTransactionsRequest, Transaction, TransactionState};

use crate::answers::{Answers, Told};
use crate::harness::shop::Shop;
use crate::harness::{PATIENCE, until};
use crate::load::{Load, PLENTY, POOR, Planned, RICH, SCARCE};

/// Retries that don't make a test wait for a minute; the rest is the default.
const RETRY: &str = "[retry]\nmax = \"500ms\"\n";

/// A shop with stock, points, and clients to tell things to.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) answers: Arc<Answers>,
}

impl World {
    /// Everything up and seeded.
    pub(crate) async fn start() -> Self {
        let mut shop = Shop::down("1s", RETRY).await;
        shop.up().await;
        let world = Self::of(shop);
        world.seed().await;
        world
    }

    pub(crate) fn of(shop: Shop) -> Self {
        Self {
            shop,
            answers: Arc::new(Answers::new()),
        }
    }

    pub(crate) async fn seed(&self) {
        self.shop.seed(PLENTY.0, PLENTY.1, RICH.0, RICH.1).await;
        self.shop.seed(SCARCE.0, SCARCE.1, POOR.0, POOR.1).await;
    }

    pub(crate) fn load(&self, plan: Vec<Planned>) -> Load {
        Load::start(&self.shop, &self.answers, plan)
    }

    /// Waits until no transaction is open. Those that never end are named.
    pub(crate) async fn settled(&self) {
        let open = Mutex::new(Vec::new());
        let failed = Mutex::new(None);
        let ending = until("every transaction to end", || async {
            match self.open().await {
                Ok(found) => *open.lock().unwrap() = found,
                Err(why) => {
                    *failed.lock().unwrap() = Some(why);
                    return None;
                }
            }
            open.lock().unwrap().is_empty().then_some(())
        });
        let ended = tokio::time::timeout(PATIENCE * 9 / 10, ending).await;
        let open = open.into_inner().unwrap();
        let failed = failed.into_inner().unwrap();
        assert!(
            ended.is_ok(),
            "still open: {open:#?}\nthe last time that nobody could say: {failed:?}"
        );
    }

    /// Transactions that are open, a few of them; or why the coordinator can't say.
    async fn open(&self) -> Result<Vec<Transaction>, String> {
        let request = ListTransactionsRequest {
            states: [
                TransactionState::Trying,
                TransactionState::Confirming,
                TransactionState::Cancelling,
            ]
            .map(i32::from)
            .to_vec(),
            page_size: 3,
            ..ListTransactionsRequest::default()
        };
        let mut client = self.shop.admin();
        let listed = client.list_transactions(request);
        match tokio::time::timeout(Duration::from_secs(5), listed).await {
            Ok(Ok(listed)) => Ok(listed.into_inner().transactions),
            Ok(Err(status)) => Err(format!("{status:?}")),
            Err(_) => Err("no answer in 5 s".to_owned()),
        }
    }

    /// Waits until everything has ended, then checks the files, and that every answer still stands.
    pub(crate) async fn check(&self) -> Report {
        self.settled().await;
        let expected = Expected::settled()
            .seeded(PLENTY.0, PLENTY.1)
            .seeded(SCARCE.0, SCARCE.1);
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
        self.answers.still_stand(self.shop.transactions()).await;
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
