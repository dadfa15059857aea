//! `tercet shop` against a system that runs.

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::databases::Databases;
use crate::harness::process::run;
use crate::harness::shop::Shop;

/// A shop whose coordinator knows all actions that these commands need.
async fn shop() -> Shop {
    let folder = TempDir::new().unwrap();
    let databases = Databases::new(folder.path()).await;
    let mut shop = Shop::down_with(folder, databases, "3s", "");
    let file = shop.folder.path().join("coordinator.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = [
        ("create = ", "pay = \"shop.order.v1.PayOrderActionService\"\nclose = \"shop.order.v1.CloseOrderService\"\ncreate = "),
        ("spend = ", "refund = \"shop.points.v1.RefundPointsService\"\nspend = "),
        ("reserve = ", "sell = \"shop.stock.v1.SellStockService\"\nrelease = \"shop.stock.v1.ReleaseStockService\"\nreserve = "),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replacen(from, to, 1));
    std::fs::write(&file, text).unwrap();
    shop.up().await;
    shop
}

async fn tercet(shop: &Shop, arguments: &[&str]) -> (i32, Value, String) {
    let endpoint = shop.endpoint();
    let mut all = vec!["shop", "--json", "--endpoint", &endpoint];
    all.extend(arguments);
    let output = run(&all, shop.folder.path()).await;
    let said = String::from_utf8(output.stderr).unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), document, said)
}

fn order_no(document: &Value) -> String {
    let order_no = document["order"]["orderNo"].as_str();
    order_no
        .unwrap_or_else(|| panic!("{document:#}"))
        .to_owned()
}

#[tokio::test]
async fn an_order_from_the_seed_to_its_receipt() {
    let shop = shop().await;
    let seed = [
        "seed",
        "sale",
        "--stock",
        "2",
        "--points",
        "30",
        "--account",
        "ann=100",
    ];
    let (code, document, said) = tercet(&shop, &seed).await;
    assert_eq!(
        (code, document["created"].as_bool()),
        (0, Some(true)),
        "{said}"
    );

    let (code, document, said) = tercet(&shop, &["buy", "sale", "--user", "ann"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(document["order"]["state"], "ORDER_STATE_CREATED");
    let order_no = order_no(&document);
    let (code, document, said) = tercet(&shop, &["buy", "sale", "--user", "ann"]).await;
    assert_eq!(code, 4, "one a user: {document:#} {said}");
    assert_eq!(document["refusal"]["reason"], "ONE_PER_USER");

    let (code, _, said) = tercet(&shop, &["pay", &order_no, "--user", "bob"]).await;
    assert_eq!(code, 3, "somebody else's order is none: {said}");
    for (arguments, state) in [
        (&["pay", &order_no, "--user", "ann"][..], "ORDER_STATE_PAID"),
        (&["ship", &order_no], "ORDER_STATE_SHIPPED"),
        (
            &["receive", &order_no, "--user", "ann"],
            "ORDER_STATE_RECEIVED",
        ),
        (&["show", &order_no], "ORDER_STATE_RECEIVED"),
    ] {
        let (code, document, said) = tercet(&shop, arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {said}");
        assert_eq!(document["order"]["state"], state, "{arguments:?}");
    }
    assert_eq!(shop.account("ann").await.available, 70);
    let (code, document, _) = tercet(&shop, &["show", "--user", "ann"]).await;
    assert_eq!((code, document["orders"].as_array().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn a_cancelled_order_gives_its_piece_back() {
    let shop = shop().await;
    tercet(&shop, &["seed", "sale", "--stock", "1"]).await;
    let (_, document, said) = tercet(&shop, &["buy", "sale", "--user", "ann"]).await;
    assert_eq!(said, "");
    let order_no = order_no(&document);
    let (code, document, _) = tercet(&shop, &["buy", "sale", "--user", "bob"]).await;
    assert_eq!(
        (code, &document["refusal"]["reason"]),
        (4, &Value::from("OUT_OF_STOCK"))
    );
    let (code, _, said) = tercet(&shop, &["cancel", &order_no, "--user", "ann"]).await;
    assert_eq!(code, 0, "{said}");
    let (code, _, _) = tercet(&shop, &["cancel", "nothing", "--user", "ann"]).await;
    assert_eq!(code, 3);
    let sku = shop.sku("tea").await;
    assert_eq!((sku.available, sku.held), (1, 0));
}
