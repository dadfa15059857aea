//! What is stuck, in the figures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tercet_proto::tercet::v1::ResumeTransactionRequest;
use tonic::Status;

use crate::harness::until;
use crate::queries;
use crate::rig::{Rig, execute};
use crate::scrape::Scrape;

const WAITING: &str = "tercet_participant_branches_waiting{participant=\"p\"}";

#[allow(
    clippy::disallowed_methods,
    reason = "an age in the figures is by the wall clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since the begin of the oldest open transaction in the database.
pub(crate) async fn oldest(rig: &Rig) -> f64 {
    let begun_at = queries::open_since(&rig.log()).await.unwrap();
    let begun_at = UNIX_EPOCH + Duration::from_micros(begun_at.try_into().unwrap());
    now().duration_since(begun_at).unwrap().as_secs_f64()
}

async fn with(rig: &Rig, series: &str, value: i64) -> Scrape {
    until(&format!("{series} {value}"), || async {
        let scrape = Scrape::of(&rig.coordinator.http).await;
        (scrape.count(series) == value).then_some(scrape)
    })
    .await
}

#[tokio::test]
async fn a_parked_transaction_shows_with_its_age_until_it_has_gone_on() {
    let rig = Rig::start("[retry]\nmax_attempts = 2\ninitial = \"1ms\"\n").await;
    rig.confirmed("g-1").await;

    let refused = Status::failed_precondition("no");
    let parked = with(&rig, "tercet_transactions_parked", 1);
    let scrape = rig.refusing(refused, parked).await;

    assert_eq!(queries::parked(&rig.log()).await, 1);
    assert_eq!(queries::flagged(&rig.log()).await, 1);
    assert_eq!(scrape.count("tercet_transactions_attention"), 1);
    assert_eq!(
        scrape.count("tercet_transactions_open{state=\"confirming\"}"),
        1
    );
    assert_eq!(scrape.count(WAITING), 1);
    let calls = "tercet_participant_call_duration_seconds_count";
    let refused = "{outcome=\"refused\",participant=\"p\",phase=\"confirm\"}";
    assert_eq!(scrape.count(&format!("{calls}{refused}")), 2);
    let retries = "tercet_participant_retries_total";
    let confirms = "{participant=\"p\",phase=\"confirm\"}";
    assert_eq!(scrape.count(&format!("{retries}{confirms}")), 1);
    let oldest = oldest(&rig).await;
    let told = scrape.value("tercet_oldest_unresolved_age_seconds");
    assert!(told > 0.0 && told <= oldest, "{told} {oldest}");

    let resume = ResumeTransactionRequest {
        gid: "g-1".into(),
        reason: "it says yes now".into(),
    };
    rig.admin().resume_transaction(resume).await.unwrap();
    rig.participant.expect("confirm").await.done();
    let ended = "tercet_transactions_ended_total{outcome=\"confirmed\",reason=\"none\"}";
    let scrape = with(&rig, ended, 1).await;
    for series in [
        "tercet_transactions_parked",
        "tercet_transactions_attention",
        "tercet_oldest_unresolved_age_seconds",
        WAITING,
    ] {
        assert_eq!(scrape.count(series), 0, "{series}");
    }
    assert_eq!(queries::flagged(&rig.log()).await, 0);
}

#[tokio::test]
async fn a_start_finds_what_is_open_and_counts_nothing_twice() {
    let rig = Rig::start("").await;
    rig.confirmed("g-1").await;
    drop(rig.participant.expect("confirm").await);

    let rig = rig.restart().await;

    let scrape = Scrape::of(&rig.coordinator.http).await;
    assert_eq!(
        scrape.count("tercet_transactions_open{state=\"confirming\"}"),
        1
    );
    assert_eq!(scrape.count("tercet_transactions_begun_total"), 0);
    assert_eq!(
        scrape.count("tercet_transaction_decision_seconds_count{decision=\"confirm\"}"),
        0
    );
    assert!(scrape.value("tercet_oldest_unresolved_age_seconds") > 0.0);
    rig.participant.expect("confirm").await.done();
    let ended = "tercet_transactions_ended_total{outcome=\"confirmed\",reason=\"none\"}";
    with(&rig, ended, 1).await;
}

#[tokio::test]
async fn a_silent_participant_opens_its_own_breaker() {
    let rig = Rig::start("[participants.dead]\nendpoints = [\"http://127.0.0.1:9\"]\n[participants.dead.actions]\nact = \"test.v1.ActService\"\n").await;
    let scrape = Scrape::of(&rig.coordinator.http).await;
    let closed = "tercet_participant_breaker_state{participant=\"dead\",state=\"closed\"}";
    let open = "tercet_participant_breaker_state{participant=\"dead\",state=\"open\"}";
    assert_eq!((scrape.count(closed), scrape.count(open)), (1, 0));

    for number in 0..5 {
        let mut request = execute(&format!("g-{number}")).into_inner();
        request.branches[0].participant = "dead".into();
        // Refused or cancelled: the participant isn't there.
        let _answer = rig.client().execute_transaction(request).await;
    }

    let scrape = with(&rig, open, 1).await;
    assert_eq!(scrape.count(closed), 0);
    let other = "tercet_participant_breaker_state{participant=\"p\",state=\"closed\"}";
    assert_eq!(scrape.count(other), 1, "its neighbour's isn't");
}
