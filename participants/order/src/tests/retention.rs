//! What is kept for a while only: what goes when it is old, and what stays however old it is. Time is a parameter here; one
//! test lets the service's own worker do it.

use tercet_proto::shop::order::v1::OrderState;

use super::super::campaign::queries as campaigns;
use super::super::queries as orders;
use super::super::retention::Retention;
use super::super::submitted::queries::{Numbered, insert_submission, submission as kept};
use super::campaigns::{bought, branch, campaign};
use super::*;
use crate::RetentionSection;
use crate::state::State;

const DAY: i64 = 24 * 3_600 * 1_000_000;

impl Shop {
    async fn retention(&self) -> Retention {
        Retention {
            database: self.database().await,
            keep: RetentionSection::default(),
        }
    }
}

/// Writes a submission that nothing came of.
async fn submitted(database: &Database, request_id: &str, created_at: i64) {
    let new = Numbered {
        order_no: format!("no-{request_id}"),
        user_id: "ann".to_owned(),
        sku: "tea".to_owned(),
        quantity: 2,
        points: 10,
        campaign_id: None,
        amount_cents: 0,
        points_due: 0,
        round: 0,
        created_at: Some(created_at),
    };
    let mut transaction = database.begin().await.unwrap();
    let inserted = insert_submission(&mut transaction, request_id, &new).await;
    assert!(inserted.unwrap());
    transaction.commit().await.unwrap();
}

async fn is_kept(database: &Database, request_id: &str) -> bool {
    let mut reader = database.reader().acquire().await.unwrap();
    kept(&mut reader, request_id).await.unwrap().is_some()
}

#[tokio::test]
async fn old_submissions_go_but_for_those_of_pending_orders() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let retention = shop.retention().await;
    let database = &retention.database;
    let now = now_micros();
    for request_id in ["refused", "pending", "created"] {
        submitted(database, request_id, now - 15 * DAY).await;
    }
    submitted(database, "young", now - 13 * DAY).await;
    shop.create(Phase::Try, "pending").await.unwrap();
    shop.placed("created").await;

    assert_eq!(retention.submissions(now).await.unwrap(), 2);

    for (request_id, expected) in [
        ("refused", false),
        ("created", false),
        ("pending", true),
        ("young", true),
    ] {
        assert_eq!(
            is_kept(database, request_id).await,
            expected,
            "{request_id}"
        );
    }
    // Looked at again when it is as old once more, not in every round.
    assert_eq!(retention.submissions(now).await.unwrap(), 0);
    shop.create(Phase::Confirm, "pending").await.unwrap();
    let later = now + 15 * DAY;
    assert_eq!(retention.submissions(later).await.unwrap(), 2);
    database.close().await;
}

#[tokio::test]
async fn a_request_is_the_same_order_after_its_submission_is_gone() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.campaign(campaign("c")).await;
    let retention = shop.retention().await;
    let first = shop.place(bought("r1", "ann", "c")).await.unwrap();
    let gid = first.order.unwrap().gid;
    let mut reader = retention.database.reader().acquire().await.unwrap();
    let order_no = kept(&mut reader, "r1").await.unwrap().unwrap().order_no;
    drop(reader);
    let message = CreateOrderRequest {
        order_no: order_no.clone(),
        ..branch("r1", "ann", "c")
    };
    for phase in [Phase::Try, Phase::Confirm] {
        shop.call(phase, &gid, message.clone()).await.unwrap();
    }
    let later = now_micros() + 15 * DAY;
    assert_eq!(retention.submissions(later).await.unwrap(), 1);
    let calls = shop.coordinator.seen().len();

    let again = shop.place(bought("r1", "ann", "c")).await.unwrap();
    let other = PlaceOrderRequest {
        quantity: 2,
        ..bought("r1", "ann", "c")
    };
    let other = shop.place(other).await.unwrap_err();

    // A new submission would be refused: she has her place already.
    assert_eq!(again.refusal, None);
    let order = again.order.unwrap();
    assert_eq!(
        (order.order_no.as_str(), order.state(), order.amount_cents),
        (order_no.as_str(), OrderState::Created, 500)
    );
    assert_eq!(reason(&other), "REQUEST_CONFLICT");
    assert_eq!(shop.coordinator.seen().len(), calls, "nobody was asked");
    retention.database.close().await;
}

#[tokio::test]
async fn a_request_that_comes_again_is_kept_from_then_on() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let retention = shop.retention().await;
    let now = now_micros();
    submitted(&retention.database, "r1", now - 13 * DAY).await;

    shop.place(submission("r1")).await.unwrap();

    let later = now + 13 * DAY;
    assert_eq!(retention.submissions(later).await.unwrap(), 0);
    let later = now + 15 * DAY;
    assert_eq!(retention.submissions(later).await.unwrap(), 1);
    retention.database.close().await;
}

#[tokio::test]
async fn more_than_a_page_goes_in_one_round() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let retention = shop.retention().await;
    let now = now_micros();
    let old = now - 15 * DAY;
    for number in 0..450 {
        submitted(&retention.database, &format!("r{number}"), old).await;
    }
    shop.create(Phase::Try, "r7").await.unwrap();
    assert_eq!(retention.submissions(now).await.unwrap(), 449);
    retention.database.close().await;
}

#[tokio::test]
async fn a_window_goes_when_it_is_over_and_never_while_it_counts() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let window = |hours| Duration::from_hours(hours).try_into().unwrap();
    for (id, hours) in [("short", 1), ("long", 24 * 365)] {
        let campaign = tercet_proto::shop::order::v1::Campaign {
            rate_max: 1,
            rate_window: Some(window(hours)),
            ..campaign(id)
        };
        shop.campaign(campaign).await;
    }
    let retention = shop.retention().await;
    let now = now_micros();
    let count = async |id: &str, at: i64| {
        let mut transaction = retention.database.begin().await.unwrap();
        let campaign = campaigns::get(&mut transaction, id).await.unwrap().unwrap();
        let counted = campaigns::count(&mut transaction, &campaign, "ann", at).await;
        transaction.commit().await.unwrap();
        counted.unwrap()
    };
    // The beginning of a year's window, so that it is the same one for all of the test.
    let year = 24 * 365 * 3_600 * 1_000_000;
    let begun = now - now % year;
    assert!(count("short", begun).await);
    assert!(count("long", begun).await);

    assert_eq!(retention.rates(begun + DAY / 24).await.unwrap(), 0);
    assert_eq!(
        retention.rates(begun + DAY).await.unwrap(),
        1,
        "the short one"
    );
    assert!(!count("long", begun + DAY).await, "still counted");
    assert!(count("short", begun + DAY).await, "a new window");
    assert_eq!(retention.rates(begun + 2 * year).await.unwrap(), 2);
    retention.database.close().await;
}

#[tokio::test]
async fn rounds_stay_while_their_order_is_unpaid() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let retention = shop.retention().await;
    let database = &retention.database;
    let order_no = shop.placed("r1").await;
    let names = ["cancel", "timeout", "hold", "pay"].map(|flow| format!("{flow}-{order_no}"));
    let begun = now_micros();
    let mut transaction = database.begin().await.unwrap();
    for name in names.iter().map(String::as_str).chain(["cancel-nobodys"]) {
        let counted = orders::next_round(&mut transaction, name, 0, begun).await;
        counted.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut at = begun;

    at += 2 * DAY;
    assert_eq!(retention.rounds(at).await.unwrap(), 1, "nobody's");
    let unpaid = [
        State::Paying,
        State::Settling,
        State::Closing,
        State::Created,
    ];
    for state in unpaid {
        force(database, &order_no, |standing| standing.state = state).await;
        at += 2 * DAY;
        assert_eq!(retention.rounds(at).await.unwrap(), 0, "{state:?}");
    }
    let mut reader = database.reader().acquire().await.unwrap();
    for name in &names {
        assert_eq!(orders::round(&mut reader, name).await.unwrap(), 1, "{name}");
    }
    drop(reader);

    force(database, &order_no, |standing| standing.state = State::Paid).await;
    assert_eq!(retention.rounds(at).await.unwrap(), 0, "looked at just now");
    at += 2 * DAY;
    assert_eq!(retention.rounds(at).await.unwrap(), 4);
    database.close().await;
}

#[tokio::test]
async fn the_service_does_it_by_itself() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    shop.stop().await;
    shop.start_with(|config| {
        let second = tercet_service::ConfigDuration::from_secs(1);
        config.fence.retention = second;
        config.retention.submissions = second;
    })
    .await;
    let database = shop.database().await;
    submitted(&database, "old", now_micros() - DAY).await;
    until("the worker", async || {
        (!is_kept(&database, "old").await).then_some(())
    })
    .await;
    database.close().await;
}

#[tokio::test]
async fn a_retention_that_is_too_short_is_refused() {
    let home = std::path::PathBuf::from("nowhere.db");
    let url = tercet_database::DatabaseUrl::Sqlite(home);
    let config = ParticipantConfig::embedded(url, vec!["http://127.0.0.1:1".parse().unwrap()]);
    let mut config = OrderConfig::from(config);
    assert_eq!(config.check(), Ok(()));
    config.retention.submissions = tercet_service::ConfigDuration::from_secs(6 * 24 * 3600);
    assert_eq!(
        config.check().unwrap_err(),
        "retention.submissions: expected at least half of fence.retention (\"14days\"), found \"6days\""
    );
}
