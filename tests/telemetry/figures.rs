//! Every figure of `/metrics` agrees with what is counted in the databases, or is in a list that says why it can't be.

use tercet_proto::shop::order::v1::{CancelOrderRequest, PlaceOrderRequest};
use tercet_proto::tercet::v1::{
    GetTransactionRequest, ListTransactionsRequest, Phase, Transaction,
};

use crate::harness::shop::Shop;
use crate::harness::until;
use crate::ledger::{Ledger, OF_SERVERS, Uncountable};
use crate::open::everything_that_is_open;
use crate::queries;
use crate::scrape::Scrape;

/// Orders that are placed; every third asks for more than there is, every fifth for points that nobody has.
const ORDERS: i64 = 24;

/// What the coordinator's databases don't have.
const OF_A_COORDINATOR: [Uncountable; 8] = [
    (
        "tercet_participant_breaker_state",
        "lives in memory; held against what a participant didn't answer in tests/telemetry/stuck.rs",
    ),
    (
        "tercet_log_append_duration_seconds",
        "whether a batch had a forced entry isn't stored, nor how long it waited",
    ),
    (
        "tercet_log_queue_depth",
        "counts what isn't in the database yet",
    ),
    (
        "tercet_log_failing_seconds",
        "is about a database that doesn't answer",
    ),
    (
        "tercet_cluster_beat_age_seconds",
        "is a time on the process's own clock; 0 on a log that has one coordinator at a time",
    ),
    (
        "tercet_cluster_transactions_adopted_total",
        "a row doesn't keep its former owner; counted by the owners' transactions in coordinator/tests/shell/cluster",
    ),
    (
        "tercet_webhook_posts_total",
        "counted at the receiver in tests/telemetry/alerts.rs",
    ),
    (
        "tercet_webhook_queue_depth",
        "counts what has reached nobody yet; tests/telemetry/alerts.rs sees it empty",
    ),
];

/// What a participant's database doesn't have.
const OF_A_PARTICIPANT: [Uncountable; 2] = [
    (
        "tercet_action_calls_in_flight",
        "a call under way has no row yet; seen at rest below",
    ),
    (
        "tercet_outbox_oldest_age_seconds",
        "nothing waits once all is sent; held against a row in the outbox's own tests",
    ),
];

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

/// A shop where all orders were placed and some were cancelled by their buyer, which gives messages to send.
async fn busy_shop() -> Shop {
    let mut shop = Shop::down("3s", "").await;
    shop.coordinator_env = [
        ("ORDER", "CLOSE", "shop.order.v1.CloseOrderService"),
        ("STOCK", "RELEASE", "shop.stock.v1.ReleaseStockService"),
        ("POINTS", "REFUND", "shop.points.v1.RefundPointsService"),
    ]
    .map(|(participant, action, service)| {
        format!("TERCET_PARTICIPANTS__{participant}__ACTIONS__{action}={service}")
    })
    .to_vec();
    shop.up().await;
    shop.seed("tea", 100, "ann", 100).await;
    let mut placed = Vec::new();
    for number in 1..=ORDERS {
        // A refused order is an error of the shop's, and a transaction all the same.
        if let Ok(answer) = shop.place(order(number)).await {
            placed.extend(answer.order);
        }
    }
    for order in placed.iter().take(3) {
        let request = CancelOrderRequest {
            order_no: order.order_no.clone(),
            user_id: "ann".into(),
        };
        shop.orders().cancel_order(request).await.unwrap();
    }
    // Messages go out on their own.
    let database = shop.folder.path().join("order.db");
    until("the messages to be sent", || async {
        let messages = queries::outbox(&database).await;
        (messages.get(&2) == Some(&3)).then_some(())
    })
    .await;
    shop
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
async fn every_figure_of_a_coordinator_agrees_with_its_database() {
    let mut ledger = Ledger::default();
    everything_that_is_open(&mut ledger).await;
    everything_that_has_ended(&mut ledger).await;
    let definitions = [
        tercet_service::metrics::DEFINITIONS,
        tercet_coordinator::metrics::DEFINITIONS,
        tercet_service::webhook::DEFINITIONS,
    ];
    ledger.covers(&definitions, &[&OF_SERVERS[..], &OF_A_COORDINATOR].concat());
}

async fn everything_that_has_ended(ledger: &mut Ledger) {
    let shop = busy_shop().await;

    let scrape = at_rest(&shop).await;

    let log = shop.folder.path().join("coordinator.db");
    let states = queries::by_state(&log).await;
    let (confirmed, cancelled) = (states[&3], states[&5]);
    assert_eq!(states.len(), 2, "nothing is open: {states:?}");
    assert!(confirmed > 0 && cancelled > 0, "{states:?}");
    let begun = ("tercet_transactions_begun_total", "");
    ledger.agrees(&scrape, begun, &[], confirmed + cancelled);
    let ended = ("tercet_transactions_ended_total", "");
    for (outcome, reason, count) in [
        ("confirmed", "none", confirmed),
        ("cancelled", "refused", cancelled),
    ] {
        let labels = [("outcome", outcome), ("reason", reason)];
        ledger.agrees(&scrape, ended, &labels, count);
    }
    ledger.agrees(&scrape, ended, &[], confirmed + cancelled);
    for (outcome, decision, state, count) in [
        ("confirmed", "confirm", 3, confirmed),
        ("cancelled", "cancel", 5, cancelled),
    ] {
        let duration = "tercet_transaction_duration_seconds";
        let decided = "tercet_transaction_decision_seconds";
        ledger.agrees(
            &scrape,
            (duration, "_count"),
            &[("outcome", outcome)],
            count,
        );
        ledger.agrees(
            &scrape,
            (decided, "_count"),
            &[("decision", decision)],
            count,
        );
        let stored = queries::times(&log, state).await;
        for (told, micros) in [
            (
                format!("{duration}_sum{{outcome=\"{outcome}\"}}"),
                stored.to_end,
            ),
            (
                format!("{decided}_sum{{decision=\"{decision}\"}}"),
                stored.to_decision,
            ),
        ] {
            #[allow(clippy::cast_precision_loss, reason = "microseconds of a test")]
            let seconds = micros as f64 / 1e6;
            let value = scrape.value(&told);
            assert!((seconds - value).abs() < 1e-4, "{told}: {value} {seconds}");
        }
    }
    let batches = queries::batches(&log).await;
    ledger.agrees(
        &scrape,
        ("tercet_log_batch_entries", "_count"),
        &[],
        batches,
    );
    ledger.agrees(
        &scrape,
        ("tercet_log_batch_duration_seconds", "_count"),
        &[],
        batches,
    );
    // Every entry makes a row's version one higher; here none was refused.
    let entries = queries::versions(&log).await;
    ledger.agrees(&scrape, ("tercet_log_batch_entries", "_sum"), &[], entries);
    ledger.agrees(&scrape, ("tercet_log_entries_total", ""), &[], entries);
    assert_eq!(scrape.count("tercet_log_queue_depth"), 0, "at rest");
    let appended = scrape.count("tercet_log_append_duration_seconds_count");
    assert!((1..=batches).contains(&appended), "{appended} of {batches}");
    assert_eq!(queries::open_since(&log).await, None);
    assert_eq!(scrape.count("tercet_oldest_unresolved_age_seconds"), 0);

    let whole = transactions(&shop).await;
    assert_eq!(i64::try_from(whole.len()).unwrap(), confirmed + cancelled);
    every_call_is_an_attempt(&scrape, &whole, ledger);
}

/// Calls, by participant and phase: the attempts that the log holds.
fn every_call_is_an_attempt(scrape: &Scrape, whole: &[Transaction], ledger: &mut Ledger) {
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
            let labels = [("participant", participant), ("phase", label)];
            let calls = ("tercet_participant_call_duration_seconds", "_count");
            let counted = i64::try_from(attempts.clone().count()).unwrap();
            ledger.agrees(scrape, calls, &labels, counted);
            let retries = attempts.filter(|attempt| attempt.number > 1).count();
            let retries = i64::try_from(retries).unwrap();
            ledger.agrees(
                scrape,
                ("tercet_participant_retries_total", ""),
                &labels,
                retries,
            );
        }
    }
}

#[tokio::test]
async fn every_figure_of_a_participant_agrees_with_its_database_and_with_the_coordinators() {
    let mut shop = busy_shop().await;
    let coordinator = at_rest(&shop).await;
    let mut ledger = Ledger::default();

    for name in ["order", "points", "stock"] {
        let http = shop.slot(name).as_ref().unwrap().http.clone();
        let scrape = Scrape::of(&http).await;
        let database = shop.folder.path().join(format!("{name}.db"));
        let services = queries::fence(&database).await;
        assert!(services.len() > 1, "{name}: {services:?}");
        for (service, rows) in &services {
            let verdict = |phase: &str, verdict: &str| {
                let labels = [
                    format!("action=\"{service}\""),
                    format!("phase=\"{phase}\""),
                    format!("verdict=\"{verdict}\""),
                ];
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                scrape.sum("tercet_fence_verdicts_total", &labels)
            };
            let of_state = |state: i64| rows.get(&state).copied().unwrap_or(0);
            let (confirmed, cancelled) = (of_state(2), of_state(3));
            assert!(confirmed > 0, "{service}: {rows:?}");
            let (run, recorded) = (verdict("cancel", "run"), verdict("cancel", "record"));
            assert_eq!(run + recorded, cancelled, "{service}");
            let verdicts = ("tercet_fence_verdicts_total", "");
            let ran = |phase| {
                [
                    ("action", service.as_str()),
                    ("phase", phase),
                    ("verdict", "run"),
                ]
            };
            ledger.agrees(&scrape, verdicts, &ran("confirm"), confirmed);
            // A message has no try.
            let tried = if service.ends_with(".NotifyService") {
                0
            } else {
                confirmed + run
            };
            ledger.agrees(&scrape, verdicts, &ran("try"), tried);
        }
        assert_eq!(scrape.count("tercet_action_calls_in_flight"), 0);
        for phase in ["try", "confirm", "cancel"] {
            for outcome in ["done", "refused"] {
                let calls = coordinator.sum(
                    "tercet_participant_call_duration_seconds_count",
                    &[
                        &format!("participant=\"{name}\""),
                        &format!("phase=\"{phase}\""),
                        &format!("outcome=\"{outcome}\""),
                    ],
                );
                let labels = [("phase", phase), ("outcome", outcome)];
                let answered = ("tercet_action_duration_seconds", "_count");
                ledger.agrees(&scrape, answered, &labels, calls);
            }
        }
        let build = format!("tercet_build_info{{server=\"{name}\",");
        assert!(scrape.text.contains(&build), "{}", scrape.text);
    }
    every_try_on_a_hot_row_is_counted_once(&mut shop, &mut ledger).await;
    the_outbox_tells_what_its_table_has(&mut shop, &mut ledger).await;
    let definitions = [
        tercet_service::metrics::DEFINITIONS,
        tercet_participant::metrics::DEFINITIONS,
    ];
    ledger.covers(&definitions, &[&OF_SERVERS[..], &OF_A_PARTICIPANT].concat());
}

/// Tries on a hot row that were run are rows of the fence; those that were refused have left none, but the coordinator counted
/// them.
async fn every_try_on_a_hot_row_is_counted_once(shop: &mut Shop, ledger: &mut Ledger) {
    let http = shop.slot("stock").as_ref().unwrap().http.clone();
    let stock = Scrape::of(&http).await;
    let answered = stock.sum(
        "tercet_action_duration_seconds_count",
        &["action=\"shop.stock.v1.ReserveStockService\""],
    ) + stock.sum(
        "tercet_action_duration_seconds_count",
        &["action=\"shop.stock.v1.ReleaseStockService\""],
    );
    let from_memory = stock.count("tercet_hot_refused_from_memory_total");
    let gathered = stock.sum("tercet_hot_batch_calls_sum", &[]);
    ledger.agrees(
        &stock,
        ("tercet_hot_batch_calls", "_sum"),
        &[],
        answered - from_memory,
    );
    ledger.agrees(
        &stock,
        ("tercet_hot_refused_from_memory_total", ""),
        &[],
        answered - gathered,
    );
}

async fn the_outbox_tells_what_its_table_has(shop: &mut Shop, ledger: &mut Ledger) {
    let http = shop.slot("order").as_ref().unwrap().http.clone();
    let database = shop.folder.path().join("order.db");
    let messages = queries::outbox(&database).await;
    let of_state = |state: i64| messages.get(&state).copied().unwrap_or(0);
    let (waiting, sent, attention) = (of_state(1), of_state(2), of_state(4));
    // The outbox is looked at every few seconds.
    let order = until("the outbox to be looked at", || async {
        let scrape = Scrape::of(&http).await;
        (scrape.count("tercet_outbox_sent_total") == sent).then_some(scrape)
    })
    .await;
    ledger.agrees(&order, ("tercet_outbox_sent_total", ""), &[], sent);
    ledger.agrees(&order, ("tercet_outbox_messages_waiting", ""), &[], waiting);
    ledger.agrees(
        &order,
        ("tercet_outbox_attention_total", ""),
        &[],
        attention,
    );
    let attempts = queries::outbox_attempts(&database).await;
    let failed = ("tercet_outbox_failed_attempts_total", "");
    ledger.agrees(&order, failed, &[], attempts - sent);
}
