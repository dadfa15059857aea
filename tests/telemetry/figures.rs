//! Every figure of `/metrics` agrees with what is counted in the databases.

use tercet_proto::shop::order::v1::PlaceOrderRequest;
use tercet_proto::tercet::v1::{
    GetTransactionRequest, ListTransactionsRequest, Phase, Transaction,
};

use crate::harness::shop::Shop;
use crate::harness::until;
use crate::queries;
use crate::scrape::Scrape;

/// Orders that are placed; every third asks for more than there is, every fifth for points that nobody has.
const ORDERS: i64 = 24;

fn order(number: i64) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: format!("r-{number}"),
        user_id: "ann".into(),
        sku: "tea".into(),
        quantity: if number % 3 == 0 { 1_000_000 } else { 1 },
        points_to_spend: if number % 5 == 0 { 1_000_000 } else { 1 },
        ..PlaceOrderRequest::default()
    }
}

/// All transactions, with their attempts.
async fn transactions(shop: &Shop) -> Vec<Transaction> {
    let request = ListTransactionsRequest {
        page_size: 500,
        ..ListTransactionsRequest::default()
    };
    let list = shop.admin().list_transactions(request).await.unwrap();
    let mut whole = Vec::new();
    for listed in list.into_inner().transactions {
        let request = GetTransactionRequest { gid: listed.gid };
        let got = shop.transactions().get_transaction(request).await.unwrap();
        whole.extend(got.into_inner().transaction);
    }
    whole
}

/// The figures of the coordinator once everything has ended.
async fn at_rest(shop: &Shop) -> Scrape {
    let http = &shop.coordinator.as_ref().unwrap().http;
    until("all transactions to end", || async {
        let scrape = Scrape::of(http).await;
        let open = scrape.sum("tercet_transactions_open", &[]);
        let ended = scrape.sum("tercet_transactions_ended_total", &[]);
        (open == 0 && ended == scrape.count("tercet_transactions_begun_total")).then_some(scrape)
    })
    .await
}

#[tokio::test]
async fn a_coordinators_figures_agree_with_its_database_and_its_attempts() {
    let shop = Shop::start().await;
    shop.seed("tea", 100, "ann", 100).await;
    for number in 1..=ORDERS {
        // A refused order is an error of the shop's, and a transaction all the same.
        let _ = shop.place(order(number)).await;
    }

    let scrape = at_rest(&shop).await;

    let log = shop.folder.path().join("coordinator.db");
    let states = queries::by_state(&log).await;
    let (confirmed, cancelled) = (states[&3], states[&5]);
    assert_eq!(states.len(), 2, "nothing is open: {states:?}");
    assert!(confirmed > 0 && cancelled > 0, "{states:?}");
    assert_eq!(
        scrape.count("tercet_transactions_begun_total"),
        confirmed + cancelled
    );
    let ended = "tercet_transactions_ended_total";
    assert_eq!(
        scrape.count(&format!("{ended}{{outcome=\"confirmed\",reason=\"none\"}}")),
        confirmed
    );
    assert_eq!(
        scrape.count(&format!(
            "{ended}{{outcome=\"cancelled\",reason=\"refused\"}}"
        )),
        cancelled
    );
    assert_eq!(scrape.sum(ended, &[]), confirmed + cancelled);
    for (outcome, decision, state, count) in [
        ("confirmed", "confirm", 3, confirmed),
        ("cancelled", "cancel", 5, cancelled),
    ] {
        let name = "tercet_transaction_duration_seconds";
        let label = format!("{{outcome=\"{outcome}\"}}");
        assert_eq!(scrape.count(&format!("{name}_count{label}")), count);
        #[allow(clippy::cast_precision_loss, reason = "microseconds of a test")]
        let stored = queries::durations(&log, state).await as f64 / 1e6;
        let told = scrape.value(&format!("{name}_sum{label}"));
        assert!((stored - told).abs() < 1e-4, "{outcome}: {stored} {told}");
        let decided =
            format!("tercet_transaction_decision_seconds_count{{decision=\"{decision}\"}}");
        assert_eq!(scrape.count(&decided), count);
    }
    assert_eq!(
        scrape.count("tercet_log_batch_entries_count"),
        queries::batches(&log).await
    );
    assert_eq!(queries::open_since(&log).await, None);
    assert_eq!(scrape.count("tercet_oldest_unresolved_age_seconds"), 0);

    // Calls, by participant and phase: the attempts that the log holds.
    let whole = transactions(&shop).await;
    assert_eq!(i64::try_from(whole.len()).unwrap(), confirmed + cancelled);
    for participant in ["order", "points", "stock"] {
        for (phase, label) in [
            (Phase::Try, "try"),
            (Phase::Confirm, "confirm"),
            (Phase::Cancel, "cancel"),
        ] {
            let attempts = whole.iter().flat_map(|transaction| {
                let is_its = |id: &str| {
                    let mut branches = transaction.branches.iter();
                    branches.any(|branch| branch.id == id && branch.participant == participant)
                };
                let attempts = transaction.attempts.iter();
                attempts
                    .filter(move |attempt| attempt.phase() == phase && is_its(&attempt.branch_id))
            });
            let labels = [
                format!("participant=\"{participant}\""),
                format!("phase=\"{label}\""),
            ];
            let labels = [labels[0].as_str(), labels[1].as_str()];
            let calls = "tercet_participant_call_duration_seconds_count";
            assert_eq!(
                scrape.sum(calls, &labels),
                i64::try_from(attempts.clone().count()).unwrap(),
                "{participant} {label}"
            );
            assert_eq!(
                scrape.sum("tercet_participant_retries_total", &labels),
                i64::try_from(attempts.filter(|attempt| attempt.number > 1).count()).unwrap(),
                "{participant} {label}"
            );
        }
    }
}

const SERVICES: [(&str, &str); 3] = [
    ("order", "shop.order.v1.CreateOrderService"),
    ("points", "shop.points.v1.SpendPointsService"),
    ("stock", "shop.stock.v1.ReserveStockService"),
];

#[tokio::test]
async fn a_participants_figures_agree_with_its_fence_and_with_the_coordinators() {
    let mut shop = Shop::start().await;
    shop.seed("tea", 100, "ann", 100).await;
    for number in 1..=ORDERS {
        let _ = shop.place(order(number)).await;
    }
    let coordinator = at_rest(&shop).await;

    for (name, service) in SERVICES {
        let http = shop.slot(name).as_ref().unwrap().http.clone();
        let scrape = Scrape::of(&http).await;
        let database = shop.folder.path().join(format!("{name}.db"));
        let rows = queries::fence(&database, service).await;
        let (confirmed, cancelled) = (rows[&2], rows.get(&3).copied().unwrap_or(0));
        assert!(confirmed > 0, "{name}: {rows:?}");
        let verdict = |phase: &str, verdict: &str| {
            let labels = [
                format!("action=\"{service}\""),
                format!("phase=\"{phase}\""),
                format!("verdict=\"{verdict}\""),
            ];
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            scrape.sum("tercet_fence_verdicts_total", &labels)
        };
        let (run, recorded) = (verdict("cancel", "run"), verdict("cancel", "record"));
        assert_eq!(verdict("confirm", "run"), confirmed, "{name}");
        assert_eq!(run + recorded, cancelled, "{name}");
        assert_eq!(verdict("try", "run"), confirmed + run, "{name}");
        assert_eq!(scrape.count("tercet_action_calls_in_flight"), 0);
        for phase in ["try", "confirm", "cancel"] {
            for (theirs, ours) in [("done", "done"), ("refused", "refused")] {
                let participant = format!("participant=\"{name}\"");
                let phase = format!("phase=\"{phase}\"");
                let outcome = format!("outcome=\"{theirs}\"");
                let calls = coordinator.sum(
                    "tercet_participant_call_duration_seconds_count",
                    &[&participant, &phase, &outcome],
                );
                let (action, outcome) = (
                    format!("action=\"{service}\""),
                    format!("outcome=\"{ours}\""),
                );
                let answered = scrape.sum(
                    "tercet_action_duration_seconds_count",
                    &[&action, &phase, &outcome],
                );
                assert_eq!(answered, calls, "{name} {phase} {outcome}");
            }
        }
        let build = format!("tercet_build_info{{server=\"{name}\",");
        assert!(scrape.text.contains(&build), "{}", scrape.text);
    }
    let http = shop.slot("stock").as_ref().unwrap().http.clone();
    let stock = Scrape::of(&http).await;
    let gathered = stock.count("tercet_hot_batch_calls_sum{table=\"SkuTable\"}");
    let from_memory = stock.count("tercet_hot_refused_from_memory_total");
    let answered = stock.sum(
        "tercet_action_duration_seconds_count",
        &["action=\"shop.stock.v1.ReserveStockService\""],
    );
    assert_eq!(gathered + from_memory, answered);
}
