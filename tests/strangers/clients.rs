//! Clients that were built from no proto file of ours run whole orders: Python's grpcio and grpcurl, by reflection.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::patiently;
use crate::harness::shop::Shop;
use crate::tools::{self, Python};

const EXECUTE: &str = "tercet.v1.TransactionService/ExecuteTransaction";
const GET: &str = "tercet.v1.TransactionService/GetTransaction";
const WATCH: &str = "tercet.v1.TransactionService/WatchTransaction";
const PLACE: &str = "shop.order.v1.OrderService/PlaceOrder";

/// Calls an rpc by reflection: the documents printed, or the error.
pub(crate) trait Stranger {
    async fn call(&self, endpoint: &str, rpc: &str, request: &Value) -> Result<Vec<Value>, String>;
}

impl Stranger for Python {
    async fn call(&self, endpoint: &str, rpc: &str, request: &Value) -> Result<Vec<Value>, String> {
        match self
            .run("call.py", &[endpoint, rpc, &request.to_string()])
            .await
        {
            (true, documents) => Ok(documents),
            (false, documents) => Err(documents[0].to_string()),
        }
    }
}

struct Grpcurl(std::path::PathBuf);

impl Stranger for Grpcurl {
    async fn call(&self, endpoint: &str, rpc: &str, request: &Value) -> Result<Vec<Value>, String> {
        let mut command = tokio::process::Command::new(&self.0);
        let request = request.to_string();
        command
            .args(["-plaintext", "-d", &request, endpoint, rpc])
            .stdin(Stdio::null());
        let output = patiently("grpcurl", command.kill_on_drop(true).output())
            .await
            .unwrap();
        if output.status.success() {
            Ok(tools::documents(&output))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

fn order(gid: &str, quantity: i64, points: i64) -> Value {
    json!({
        "gid": gid,
        "waitFor": "WAIT_FOR_COMPLETION",
        "branches": [
            {"id": "1", "participant": "stock", "action": "reserve", "json": {"sku": "tea", "quantity": quantity}},
            {"id": "2", "participant": "points", "action": "spend",
             "json": {"user_id": "ann", "points": points, "order_ref": gid}},
            {"id": "3", "participant": "stock", "action": "notify", "json": {"subject": gid, "text": "placed"}},
        ]
    })
}

/// What any client in any language may rely on.
async fn runs_orders(stranger: &impl Stranger) {
    let shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;
    let (coordinator, orders) = (shop.endpoint(), shop.order_endpoint());

    let yes = stranger
        .call(&coordinator, EXECUTE, &order("yes", 2, 30))
        .await
        .unwrap();
    assert_eq!(
        yes[0]["transaction"]["state"], "TRANSACTION_STATE_CONFIRMED",
        "{yes:?}"
    );
    let again = stranger
        .call(&coordinator, EXECUTE, &order("yes", 2, 30))
        .await
        .unwrap();
    assert_eq!(
        again[0]["transaction"]["decidedAt"],
        yes[0]["transaction"]["decidedAt"]
    );
    let no = stranger
        .call(&coordinator, EXECUTE, &order("no", 2, 71))
        .await
        .unwrap();
    let no = &no[0]["transaction"];
    assert_eq!(no["state"], "TRANSACTION_STATE_CANCELLED", "{no}");
    assert_eq!(
        no["cancelCause"]["error"]["reason"], "NOT_ENOUGH_POINTS",
        "{no}"
    );

    let place = json!({"request_id": "r-1", "user_id": "ann", "sku": "tea", "quantity": 3, "points_to_spend": 20});
    let placed = stranger.call(&orders, PLACE, &place).await.unwrap();
    let gid = placed[0]["order"]["gid"].as_str().unwrap().to_owned();
    let watched = stranger
        .call(&coordinator, WATCH, &json!({"gid": gid}))
        .await
        .unwrap();
    let last = watched.last().unwrap();
    assert_eq!(
        last["transaction"]["state"], "TRANSACTION_STATE_CONFIRMED",
        "{last}"
    );

    for (rpc, request, reason) in [
        (GET, json!({"gid": "nobody"}), "UNKNOWN_TRANSACTION"),
        (EXECUTE, order("", 1, 1), "INVALID_GID"),
        (EXECUTE, order("yes", 1, 1), "GID_CONFLICT"),
    ] {
        let error = stranger
            .call(&coordinator, rpc, &request)
            .await
            .unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let tea = shop.sku("tea").await;
    assert_eq!((tea.available, tea.reserved, tea.held), (5, 0, 5));
    assert_eq!(shop.account("ann").await.available, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_runs_orders_with_no_proto_files() {
    let Some(python) = Python::get().await else {
        return;
    };
    runs_orders(&python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_runs_orders_with_no_proto_files() {
    let Some(grpcurl) = tools::grpcurl().await else {
        return;
    };
    runs_orders(&Grpcurl(grpcurl)).await;
}
