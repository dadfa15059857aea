//! One trace a transaction, from the client to each participant's SQL, and the same one after a restart.

use std::fmt::Write as _;
use std::io::Write as _;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tercet_proto::shop::order::v1::PlaceOrderRequest;

use crate::harness::shop::Shop;
use crate::receiver::{Received, Receiver};
use crate::rig::{Rig, execute};

fn telemetry(url: &str, ratio: &str) -> String {
    format!("[telemetry]\notlp_endpoint = \"{url}\"\nsample_ratio = {ratio}\n")
}

/// The spans of that name and kind.
fn named<'a>(
    spans: &'a [Received],
    service: &str,
    name: &str,
    kind: SpanKind,
) -> Vec<&'a Received> {
    let is_it = |received: &&Received| {
        received.service == service && received.span.name == name && received.span.kind() == kind
    };
    spans.iter().filter(is_it).collect()
}

fn one<'a>(spans: &'a [Received], service: &str, name: &str, kind: SpanKind) -> &'a Received {
    let found = named(spans, service, name, kind);
    assert_eq!(found.len(), 1, "{service} {name} {kind:?} in {spans:#?}");
    found[0]
}

fn is_below(child: &Received, parent: &Received) {
    assert_eq!(child.span.trace_id, parent.span.trace_id);
    assert_eq!(
        child.span.parent_span_id, parent.span.span_id,
        "{} below {}",
        child.span.name, parent.span.name
    );
}

const BRANCHES: [(&str, &str); 3] = [
    ("tercet-order", "shop.order.v1.CreateOrderService"),
    ("tercet-points", "shop.points.v1.SpendPointsService"),
    ("tercet-stock", "shop.stock.v1.ReserveStockService"),
];

#[tokio::test]
async fn an_order_is_one_trace_from_the_client_to_every_sql_transaction() {
    let (receiver, url) = Receiver::start().await;
    let mut shop = Shop::down("3s", &telemetry(&url, "1.0")).await;
    for name in ["order", "points", "stock"] {
        let file = shop.folder.path().join(format!("{name}.toml"));
        let mut file = std::fs::File::options().append(true).open(file).unwrap();
        // Only the order service begins a trace: what others see without one is none.
        let ratio = if name == "order" { "1.0" } else { "0.0" };
        write!(file, "{}", telemetry(&url, ratio)).unwrap();
    }
    shop.up().await;
    shop.seed("tea", 10, "ann", 100).await;
    let order = PlaceOrderRequest {
        request_id: "r-1".into(),
        user_id: "ann".into(),
        sku: "tea".into(),
        quantity: 1,
        points_to_spend: 1,
        ..PlaceOrderRequest::default()
    };
    let gid = shop.place(order).await.unwrap().order.unwrap().gid;

    let is_its = |received: &&Received| received.attribute("tercet.gid").as_deref() == Some(&gid);
    // Three branches, two phases, each with the call, the action and its SQL transaction.
    let spans = receiver
        .until("the spans of the order", |spans| {
            let of_calls = spans.iter().filter(is_its);
            let of_calls = of_calls.filter(|received| received.attribute("tercet.phase").is_some());
            of_calls.count() >= 3 * 2 * 3
                && spans
                    .iter()
                    .any(|received| received.span.name.ends_with("/PlaceOrder"))
        })
        .await;

    let place = "shop.order.v1.OrderService/PlaceOrder";
    let root = one(&spans, "tercet-order", place, SpanKind::Server);
    assert!(root.span.parent_span_id.is_empty(), "the trace begins here");
    let trace: Vec<Received> = spans
        .iter()
        .filter(|received| received.span.trace_id == root.span.trace_id)
        .cloned()
        .collect();
    let decision = one(&trace, "tercet-coordinator", "decision", SpanKind::Internal);
    // The order service asks a second time, for the end; it is the first call that the transaction is below.
    let above = |child: &Received| {
        let id = &child.span.parent_span_id;
        let found = trace.iter().find(|received| received.span.span_id == *id);
        found.unwrap()
    };
    let served = above(decision);
    let execute = "tercet.v1.TransactionService/ExecuteTransaction";
    assert_eq!(served.span.name, execute);
    assert_eq!(served.span.kind(), SpanKind::Server);
    let client = above(served);
    assert_eq!(client.service, "tercet-order");
    assert_eq!(client.span.name, "ExecuteTransaction");
    assert_eq!(client.span.kind(), SpanKind::Client);
    is_below(client, root);
    assert_eq!(decision.attribute("tercet.decision").unwrap(), "confirm");
    let appends = named(&trace, "tercet-coordinator", "append", SpanKind::Internal);
    assert!(appends.len() >= 2, "begun and decided at the least");
    for append in appends {
        is_below(append, served);
    }
    for (service, action) in BRANCHES {
        for method in ["Try", "Confirm"] {
            let name = format!("{action}/{method}");
            let call = one(&trace, "tercet-coordinator", &name, SpanKind::Client);
            is_below(call, served);
            let action = one(&trace, service, &name, SpanKind::Server);
            is_below(action, call);
            assert_eq!(action.attribute("tercet.gid").unwrap(), gid);
            let sql = named(&trace, service, "SQL transaction", SpanKind::Client);
            let sql = sql
                .iter()
                .filter(|sql| sql.span.parent_span_id == action.span.span_id);
            let sql: Vec<_> = sql.collect();
            assert_eq!(sql.len(), 1, "{service} {name}");
            assert_eq!(sql[0].attribute("db.system.name").unwrap(), "sqlite");
        }
    }
    // What was told of the resource follows the conventions.
    for key in [
        "service.name",
        "service.namespace",
        "service.version",
        "service.instance.id",
        "process.pid",
        "telemetry.sdk.name",
        "telemetry.sdk.language",
        "telemetry.sdk.version",
    ] {
        assert!(served.resource.contains_key(key), "{:?}", served.resource);
    }
    let instances: std::collections::BTreeSet<&String> = trace
        .iter()
        .map(|received| &received.resource["service.instance.id"])
        .collect();
    assert_eq!(instances.len(), 4, "one for each process");
    assert!(
        spans
            .iter()
            .filter(is_its)
            .all(|received| received.span.trace_id == root.span.trace_id)
    );
}

#[tokio::test]
async fn a_retry_after_a_restart_is_in_the_same_trace_and_linked_to_its_begin() {
    let (receiver, url) = Receiver::start().await;
    // Sampling is the caller's word here, whatever the ratio.
    let rig = Rig::start(&telemetry(&url, "0.0")).await;
    let mut request = execute("g-1");
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace_id}-b7ad6b7169203331-01");
    request
        .metadata_mut()
        .insert("traceparent", parent.parse().unwrap());
    let mut client = rig.client();
    let trying = async {
        let call = rig.participant.expect("try").await;
        let sent = call.text("traceparent");
        call.done();
        sent
    };
    let (answer, tried) = tokio::join!(client.execute_transaction(request), trying);
    answer.unwrap();
    assert!(tried.starts_with(&format!("00-{trace_id}-")), "{tried}");
    assert_ne!(tried, parent, "the call has a span of its own");
    // The confirm is never answered: the process dies over it.
    let unanswered = rig.participant.expect("confirm").await;
    assert!(unanswered.text("traceparent").contains(trace_id));
    drop(unanswered);

    let rig = rig.restart().await;

    let call = rig.participant.expect("confirm").await;
    let sent = call.text("traceparent");
    assert!(sent.starts_with(&format!("00-{trace_id}-")), "{sent}");
    call.done();
    let spans = receiver
        .until("the span of the retry", |spans| {
            let confirms = spans
                .iter()
                .filter(|received| received.span.name == "test.v1.ActService/Confirm");
            confirms
                .filter(|received| received.attribute("tercet.recovered").is_some())
                .count()
                > 0
        })
        .await;
    let is_it = |received: &&Received| {
        received.span.name == "test.v1.ActService/Confirm"
            && received.attribute("tercet.recovered").as_deref() == Some("true")
    };
    let retry = spans.iter().find(is_it).unwrap();
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    assert_eq!(hex(&retry.span.trace_id), trace_id);
    assert!(sent.contains(&hex(&retry.span.span_id)), "{sent}");
    assert_eq!(retry.span.links.len(), 1);
    let link = &retry.span.links[0];
    assert_eq!(hex(&link.trace_id), trace_id);
    assert_eq!(
        link.span_id, retry.span.parent_span_id,
        "the call that began it"
    );
}

#[tokio::test]
async fn what_nobody_samples_is_sent_nowhere_and_carries_one_trace_all_the_same() {
    let (receiver, url) = Receiver::start().await;
    let rig = Rig::start(&telemetry(&url, "0.0")).await;
    let mut client = rig.client();
    let trying = async {
        let call = rig.participant.expect("try").await;
        let sent = call.text("traceparent");
        call.done();
        sent
    };
    let (answer, tried) = tokio::join!(client.execute_transaction(execute("g-1")), trying);
    answer.unwrap();
    let confirm = rig.participant.expect("confirm").await;
    assert_eq!(confirm.text("traceparent"), tried);
    assert!(tried.ends_with("-00"), "{tried}");
    confirm.done();
    // A drain sends what there is.
    rig.coordinator.terminate();
    let (status, _) = rig.coordinator.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(receiver.spans().is_empty(), "{:?}", receiver.spans());
}

#[tokio::test]
async fn the_log_has_a_line_for_each_decision_where_it_is_asked_for_and_is_quiet_else() {
    let asked = "[telemetry]\nlog = \"info,tercet::decision=debug\"\nlog_format = \"json\"\n";
    for (telemetry, lines) in [(asked, 3), ("", 0)] {
        let rig = Rig::start(telemetry).await;
        for number in 0..3 {
            rig.confirmed(&format!("g-{number}")).await;
            rig.participant.expect("confirm").await.done();
        }
        rig.coordinator.terminate();
        let folder = rig.folder;
        let (status, _) = rig.coordinator.ended().await;
        assert_eq!(status.code(), Some(0));
        let said = std::fs::read_to_string(folder.path().join("serve.stderr")).unwrap();
        let about: Vec<&str> = said.lines().filter(|line| line.contains("g-")).collect();
        assert_eq!(about.len(), lines, "{said}");
        for (number, line) in about.iter().enumerate() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["message"], "decided");
            assert_eq!(line["gid"], format!("g-{number}"));
            assert_eq!(line["decision"], "confirm");
            assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        }
    }
}
