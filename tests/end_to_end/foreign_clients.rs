//! A client that was not built from our protos: `buf curl`, which reads them by server reflection.
//!
//! `cargo xtask check` fetches buf into `build/`. Without it this test says so and passes, but under `CI=true`
//! missing means failed.

use std::path::{Path, PathBuf};
use std::process::Output;

use tokio::process::Command;

use crate::harness::patiently;
use crate::harness::shop::Shop;

fn buf() -> Option<PathBuf> {
    let buf = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/buf/node_modules/.bin/buf");
    if buf.exists() {
        return Some(buf);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing: `cargo xtask check --only protos` fetches it",
        buf.display()
    );
    println!("skipped: no {}", buf.display());
    None
}

async fn curl(buf: &Path, shop: &Shop, rpc: &str, body: &str) -> Output {
    let url = format!("http://{}/{rpc}", shop.endpoint());
    let arguments = [
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "-d",
        body,
        &url,
    ];
    let output = Command::new(buf)
        .args(arguments)
        .current_dir(shop.folder.path())
        .output();
    patiently("buf curl", output).await.unwrap()
}

#[tokio::test]
async fn buf_curl_runs_a_whole_order_with_no_proto_files_and_no_base64() {
    let Some(buf) = buf() else { return };
    let shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;
    let body = r#"{
        "gid": "curl-1",
        "waitFor": "WAIT_FOR_COMPLETION",
        "branches": [
            {"id": "stock", "participant": "stock", "action": "reserve", "json": {"sku": "tea", "quantity": 2}},
            {"id": "points", "participant": "points", "action": "spend", "json": {"user_id": "ann", "points": 30, "order_ref": "curl-1"}}
        ]
    }"#;
    let output = curl(
        &buf,
        &shop,
        "tercet.v1.TransactionService/ExecuteTransaction",
        body,
    )
    .await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(stdout.contains("TRANSACTION_STATE_CONFIRMED"), "{stdout}");
    assert_eq!(shop.sku("tea").await.available, 8);
    assert_eq!(shop.account("ann").await.available, 70);

    let unknown = curl(
        &buf,
        &shop,
        "tercet.v1.TransactionService/GetTransaction",
        r#"{"gid":"nobody"}"#,
    )
    .await;
    assert!(!unknown.status.success());
    // buf prints the details as base64: an ErrorInfo with UNKNOWN_TRANSACTION and the domain tercet.
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(
        said.contains("ChNVTktOT1dOX1RSQU5TQUNUSU9OEgZ0ZXJjZXQ"),
        "{said}"
    );
}
