//! A shop, the command beside it, and what the command finds.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tercet_checker::{Place, Service};
use tercet_client::proto::{Transaction, WaitFor};
use tercet_client::{Branch, Client};
use tercet_proto::shop::stock::v1::ReserveStockRequest;

use crate::harness::databases::Databases;
use crate::harness::process::run_with_input;
use crate::harness::shop::Shop;
use crate::meter::Meter;
use crate::queries::{Tamper, tamper};

/// What one run of the command said.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) code: i32,
    pub(crate) document: Value,
    pub(crate) said: String,
}

impl Found {
    /// Kind, gid or subject, and outcome of every finding, in order.
    pub(crate) fn findings(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings = self.document["findings"].as_array().unwrap();
        let mut found: Vec<_> = findings
            .iter()
            .map(|finding| {
                let gid = text(&finding["gid"]);
                let about = if gid.is_empty() {
                    text(&finding["subject"])
                } else {
                    gid
                };
                (text(&finding["kind"]), about, text(&finding["outcome"]))
            })
            .collect();
        found.sort();
        found
    }

    /// Whether exactly these were found, and the exit code is that of what stands.
    pub(crate) fn is(&self, expected: &[(&str, &str, &str)]) {
        let mut expected: Vec<_> = expected
            .iter()
            .map(|(kind, about, outcome)| {
                (
                    (*kind).to_owned(),
                    (*about).to_owned(),
                    (*outcome).to_owned(),
                )
            })
            .collect();
        expected.sort();
        assert_eq!(self.findings(), expected, "{self:?}");
        let agrees = expected.iter().all(|(_, _, outcome)| outcome == "mended");
        assert_eq!(self.code, i32::from(!agrees), "{self:?}");
        assert_eq!(self.document["agree"], agrees, "{self:?}");
    }
}

/// Where a service's database is.
pub(crate) fn place(folder: &Path, url: &str) -> Place {
    match url.strip_prefix("sqlite:") {
        Some(file) => Place::Sqlite(folder.join(file)),
        None => url.parse().unwrap(),
    }
}

/// A shop with ten pieces of tea, and a thousand points of ann's.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with("", |_| ()).await
    }

    /// With more participants, and after the files of all were changed so.
    pub(crate) async fn with(more: &str, change: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        let databases = Databases::new(folder.path()).await;
        let mut shop = Shop::down_with(folder, databases, "3s", more);
        change(shop.folder.path());
        shop.up().await;
        shop.seed("tea", 10, "ann", 1000).await;
        let client = Client::lazy([format!("http://{}", shop.endpoint())]).unwrap();
        Self { shop, client }
    }

    /// Runs the command; `input` is what a person answers.
    pub(crate) async fn reconcile(&self, arguments: &[&str], input: &str) -> Found {
        self.reconcile_at(&self.shop.endpoint(), arguments, input)
            .await
    }

    /// The same, with the calls to the coordinator and to the stock service counted.
    pub(crate) async fn reconcile_through(&self, log: &Meter, stock: &Meter) -> Found {
        let stock = format!("stock={}", stock.address);
        let arguments = ["--participant", &stock];
        self.reconcile_at(&log.address, &arguments, "").await
    }

    async fn reconcile_at(&self, endpoint: &str, arguments: &[&str], input: &str) -> Found {
        let mut all = vec![
            "reconcile",
            "--json",
            "--settle",
            "100ms",
            "--endpoint",
            endpoint,
        ];
        all.extend(arguments);
        let output = run_with_input(&all, self.shop.folder.path(), input).await;
        let said = String::from_utf8(output.stderr).unwrap();
        let document = serde_json::from_slice(&output.stdout);
        Found {
            code: output.status.code().unwrap(),
            document: document.unwrap_or_else(|error| panic!("{error}: {said}")),
            said,
        }
    }

    /// Tampers with a service's database.
    pub(crate) async fn tamper(&self, service: Service, what: Tamper<'_>) {
        let url = self.shop.databases.url(service);
        tamper(&place(self.shop.folder.path(), url), what).await;
    }

    /// A transaction with one branch, tried: pieces of tea. Its participant won't ask about it for a long time.
    pub(crate) async fn tried(&self, gid: &str, quantity: i64) {
        let open = self
            .client
            .begin(gid)
            .try_timeout(std::time::Duration::from_mins(30));
        let open = open.send().await.unwrap();
        let request = ReserveStockRequest {
            sku: "tea".into(),
            quantity,
            order_no: gid.into(),
        };
        let branch = Branch::new("1", "stock", "reserve").message(&request);
        open.try_branch(branch).await.unwrap();
    }

    /// The same, confirmed to the end.
    pub(crate) async fn confirmed(&self, gid: &str, quantity: i64) {
        self.tried(gid, quantity).await;
        let open = self.client.open(gid);
        open.confirm_and(WaitFor::Completion).await.unwrap();
    }

    /// The same, cancelled to the end.
    pub(crate) async fn cancelled(&self, gid: &str, quantity: i64) {
        self.tried(gid, quantity).await;
        let open = self.client.open(gid);
        open.cancel_and("a test", WaitFor::Completion)
            .await
            .unwrap();
    }

    pub(crate) async fn transaction(&self, gid: &str) -> Transaction {
        self.client.get(gid).await.unwrap().transaction().clone()
    }

    /// available, reserved, held, sold.
    pub(crate) async fn tea(&self) -> [i64; 4] {
        let sku = self.shop.sku("tea").await;
        [sku.available, sku.reserved, sku.held, sku.sold]
    }
}
