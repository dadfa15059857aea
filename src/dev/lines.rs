//! The lines to paste. Pure; every one of them works as it stands.

use std::path::Path;

use crate::render::style::Style;

/// `HOST:PORT` of everything.
pub(super) struct Addresses {
    pub(super) coordinator: String,
    pub(super) http: String,
    pub(super) order: String,
    pub(super) points: String,
    pub(super) stock: String,
    /// The payment service, and the provider that plays the bank.
    pub(super) till: Option<(String, String)>,
}

const EXECUTE: &str = "tercet.v1.TransactionService/ExecuteTransaction";
const PLACE: &str = "shop.order.v1.OrderService/PlaceOrder";

/// Addresses and lines. `id` makes the gids of this start new ones.
pub(super) fn text(at: &Addresses, id: &str, folder: &Path, style: Style) -> String {
    let Addresses {
        coordinator,
        http,
        order,
        points,
        stock,
        till,
    } = at;
    let till = till
        .as_ref()
        .map_or_else(String::new, |(payment, provider)| {
            format!("\n  payment      {payment}\n  provider     {provider}")
        });
    let heading = |text: &str| style.strong(text);
    let gid = format!("dev-{id}");
    let transaction = transaction(&gid);
    let place = place(&format!("order-{id}"));
    let sale = format!("sale-{id}");
    let endpoint = if coordinator == "127.0.0.1:7400" {
        String::new()
    } else {
        format!(" --endpoint {coordinator}")
    };
    format!(
        "{}

  coordinator  {coordinator}   http://{http}/readyz
  console      http://{http}/
  order        {order}
  points       {points}
  stock        {stock}{till}
  data         {}

{}

  grpcurl -plaintext -d '{transaction}' {coordinator} {EXECUTE}

  buf curl --protocol grpc --http2-prior-knowledge -d '{transaction}' http://{coordinator}/{EXECUTE}

  echo '{transaction}' | tercet tx execute -{endpoint}

{}

  grpcurl -plaintext -d '{place}' {order} {PLACE}

  buf curl --protocol grpc --http2-prior-knowledge -d '{place}' http://{order}/{PLACE}

{}

  tercet shop seed {sale} --sku {sale} --stock 5 --points 30{endpoint}
  tercet shop buy {sale} --user alice --request-id {sale}{endpoint} --json
  tercet shop pay ORDER --user alice{endpoint}
  tercet shop show{endpoint}

{}

  tercet tx show {gid}{endpoint}
  tercet tx list{endpoint}
  tercet participants{endpoint}
  tercet status{endpoint}
  tercet reconcile{endpoint}

Ctrl-C ends it; the data stays.
",
        heading("Tercet is up: a coordinator and a shop"),
        folder.display(),
        heading(
            "One transaction over all three, JSON checked against the participants' own schemas"
        ),
        heading("The same through the shop's own API"),
        heading("A campaign: an order that is placed, held for and paid"),
        heading("Then look at it"),
    )
}

/// On one line, in the order in which a person would write it.
fn transaction(gid: &str) -> String {
    [
        format!(r#"{{"gid": "{gid}", "wait_for": "WAIT_FOR_COMPLETION", "branches": ["#),
        format!(r#"{{"id": "1", "participant": "order", "action": "create", "json": {{"request_id": "{gid}-request", "#),
        r#""user_id": "alice", "sku": "tea", "quantity": 2, "points_to_spend": 30}}, "#.to_owned(),
        r#"{"id": "2", "participant": "stock", "action": "reserve", "json": {"sku": "tea", "quantity": 2}}, "#.to_owned(),
        r#"{"id": "3", "participant": "points", "action": "spend", "json": {"user_id": "alice", "points": 30, "#.to_owned(),
        format!(r#""order_ref": "{gid}"}}}}]}}"#),
    ]
    .concat()
}

fn place(request_id: &str) -> String {
    format!(
        r#"{{"request_id": "{request_id}", "user_id": "alice", "sku": "tea", "quantity": 1, "points_to_spend": 10}}"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tercet_client::proto::{ExecuteTransactionRequest, branch::Payload};
    use tercet_proto::shop::order::v1::PlaceOrderRequest;

    use super::*;
    use crate::render::json;

    fn sample(coordinator: &str) -> String {
        let at = Addresses {
            coordinator: coordinator.to_owned(),
            http: "127.0.0.1:7401".to_owned(),
            order: "127.0.0.1:7411".to_owned(),
            points: "127.0.0.1:7412".to_owned(),
            stock: "127.0.0.1:7413".to_owned(),
            till: Some(("127.0.0.1:7414".to_owned(), "127.0.0.1:7415".to_owned())),
        };
        text(&at, "abc", Path::new("./tercet-data"), Style::Plain)
    }

    /// What stands between the quotes of the line that begins so.
    fn quoted(text: &str, start: &str) -> String {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap();
        line.split('\'').nth(1).unwrap().to_owned()
    }

    #[test]
    fn the_lines_are_valid_requests_without_base64() {
        let text = sample("127.0.0.1:7400");
        for start in ["grpcurl", "buf curl", "echo"] {
            let request: ExecuteTransactionRequest =
                json::read("tercet.v1.ExecuteTransactionRequest", &quoted(&text, start)).unwrap();
            assert_eq!(request.gid, "dev-abc");
            assert_eq!(request.branches.len(), 3);
            let is_json = |payload: &Option<Payload>| matches!(payload, Some(Payload::Json(_)));
            assert!(
                request
                    .branches
                    .iter()
                    .all(|branch| is_json(&branch.payload))
            );
        }
        let (_, shop) = text.split_once("shop's own API").unwrap();
        let request: PlaceOrderRequest =
            json::read("shop.order.v1.PlaceOrderRequest", &quoted(shop, "grpcurl")).unwrap();
        assert_eq!(request.request_id, "order-abc");
    }

    #[test]
    fn another_port_is_named_in_every_line() {
        assert!(!sample("127.0.0.1:7400").contains("--endpoint"));
        let text = sample("127.0.0.1:9999");
        let own = text
            .lines()
            .filter(|line| line.contains("tercet tx") || line.contains("tercet status"));
        for line in own {
            assert!(line.ends_with("--endpoint 127.0.0.1:9999"), "{line}");
        }
    }
}
