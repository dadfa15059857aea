//! The Python participant under a real coordinator, beside the shop's own participants.

use std::path::PathBuf;

use serde_json::Value;
use tercet_proto::tercet::v1::{
    Branch, ExecuteTransactionRequest, Transaction, TransactionState, WaitFor,
    WatchTransactionRequest, branch,
};
use tonic::Status;

use crate::harness::shop::{Shop, free_port};
use crate::tools::{Python, Served};

pub(crate) const SERVICE: &str = "stranger.seats.v1.SeatService";

/// Everything up: the shop, and the stranger.
pub(crate) struct Seats {
    pub(crate) shop: Shop,
    pub(crate) python: Python,
    port: u16,
    served: Option<Served>,
}

impl Seats {
    pub(crate) async fn start() -> Option<Self> {
        let mut seats = Self::down("3s").await?;
        seats.up().await;
        Some(seats)
    }

    /// The coordinator and the shop, with a port for the stranger that nobody serves yet.
    pub(crate) async fn down(timeout: &str) -> Option<Self> {
        let python = Python::get().await?;
        let port = free_port();
        // A breaker would keep new tries away, which these tests are about.
        let more = format!(
            "[participants.seats]\nendpoints = [\"http://127.0.0.1:{port}\"]\ntimeout = \"{timeout}\"\nbreaker = false\n\
             [participants.seats.actions]\nbook = \"{SERVICE}\"\n[retry]\nmax = \"300ms\"\n"
        );
        let mut shop = Shop::down("3s", &more).await;
        shop.up().await;
        Some(Self {
            shop,
            python,
            port,
            served: None,
        })
    }

    /// The participant.
    pub(crate) async fn up(&mut self) {
        let (port, file) = (self.port.to_string(), self.file());
        let arguments = [port.as_str(), file.to_str().unwrap()];
        self.served = Some(self.python.serve("seats.py", &arguments).await);
    }

    /// On its port, something else.
    pub(crate) async fn garbage(&mut self, kind: &str) {
        let port = self.port.to_string();
        self.served = Some(self.python.serve("garbage.py", &[&port, kind]).await);
    }

    /// `kill -9` of whatever is on its port.
    pub(crate) async fn kill(&mut self) {
        self.served.take().unwrap().kill().await;
    }

    /// Tells it to go on with whatever it holds back.
    pub(crate) async fn release(&self) {
        let endpoint = self.endpoint();
        let control = "stranger.seats.v1.ControlService";
        let arguments = [&endpoint, control, "Release", "-", "-", "1", ""];
        assert!(self.python.run("verb.py", &arguments).await.0);
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.shop.folder.path().join("seats.db")
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Books one seat in one call, together with those branches.
    pub(crate) async fn book(
        &self,
        gid: &str,
        payload: &Value,
        others: Vec<Branch>,
    ) -> Result<Transaction, Status> {
        let mut branches = vec![booking("seat", payload)];
        branches.extend(others);
        let request = ExecuteTransactionRequest {
            gid: gid.into(),
            branches,
            wait_for: WaitFor::Decision.into(),
            ..ExecuteTransactionRequest::default()
        };
        let answer = self
            .shop
            .transactions()
            .execute_transaction(request)
            .await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    /// Waits until the transaction has ended.
    pub(crate) async fn ended(&self, gid: &str) -> Transaction {
        let request = WatchTransactionRequest { gid: gid.into() };
        let mut client = self.shop.transactions();
        let mut watch = client
            .watch_transaction(request)
            .await
            .unwrap()
            .into_inner();
        let mut last = None;
        while let Some(seen) = crate::harness::patiently(gid, watch.message())
            .await
            .unwrap()
        {
            last = seen.transaction;
        }
        last.unwrap()
    }

    /// The same, and its end state.
    pub(crate) async fn end_state(&self, gid: &str) -> TransactionState {
        self.ended(gid).await.state()
    }
}

/// A branch of the stranger: its request is whatever it likes.
pub(crate) fn booking(id: &str, payload: &Value) -> Branch {
    Branch {
        id: id.into(),
        participant: "seats".into(),
        action: "book".into(),
        payload: Some(branch::Payload::Message(payload.to_string().into())),
    }
}
