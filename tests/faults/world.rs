//! The processes under test, and the check at the end of everything that was done to them.

use std::sync::Arc;
use std::time::Duration;

use tercet_checker::{Expected, Report, check_folder};
use tercet_proto::tercet::v1::{ListTransactionsRequest, TransactionState};

use crate::answers::{Answers, Told};
use crate::harness::shop::Shop;
use crate::harness::until;
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
        let mut shop = Shop::down("1s", RETRY);
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

    /// Waits until no transaction is open.
    pub(crate) async fn settled(&self) {
        let client = self.shop.admin();
        let open = || async {
            let request = ListTransactionsRequest {
                states: [
                    TransactionState::Trying,
                    TransactionState::Confirming,
                    TransactionState::Cancelling,
                ]
                .map(i32::from)
                .to_vec(),
                page_size: 1,
                ..ListTransactionsRequest::default()
            };
            let listed = client.clone().list_transactions(request).await.ok()?;
            listed.into_inner().transactions.is_empty().then_some(())
        };
        until("every transaction to end", open).await;
    }

    /// Waits until everything has ended, then checks the files, and that every answer still stands.
    pub(crate) async fn check(&self) -> Report {
        self.settled().await;
        let expected = Expected::settled()
            .seeded(PLENTY.0, PLENTY.1)
            .seeded(SCARCE.0, SCARCE.1);
        let report = check_folder(self.shop.folder.path(), &expected)
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
        self.answers.still_stand(&self.shop).await;
        report
    }
}

/// A moment that the seed chose. It is the fault's own timing, nothing is waited for.
pub(crate) async fn moment(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
