//! Alerts: what needs a person is told once, signed, and again when the receiver failed.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ring::hmac;
use serde_json::Value;
use tercet_service::axum;
use tokio::net::TcpListener;
use tonic::Status;

use crate::harness::until;
use crate::rig::Rig;
use crate::scrape::Scrape;

const SECRET: &str = "a secret of the test, long enough";

/// What was posted, with whether it was refused.
#[derive(Clone, Debug)]
struct Posted {
    refused: bool,
    delivery: String,
    document: Value,
}

/// An HTTP server that refuses the first `failures` posts and checks every signature.
#[derive(Clone, Default)]
struct Receiver {
    failures: usize,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    async fn start(failures: usize) -> (Self, String) {
        let receiver = Self {
            failures,
            posted: Arc::default(),
        };
        let router = axum::Router::new()
            .route("/hook", post(receive))
            .with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, format!("http://{address}/hook"))
    }

    fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    fn taken(&self) -> Vec<Posted> {
        let posted = self.posted().into_iter();
        posted.filter(|posted| !posted.refused).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signature = header("tercet-signature");
    let hex = signature.strip_prefix("v1=").unwrap();
    let tag: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let signed = [header("tercet-timestamp").as_bytes(), b".", &body[..]].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &signed, &tag).expect("it is signed");
    let mut posted = receiver.posted.lock().unwrap();
    let refused = posted.len() < receiver.failures;
    posted.push(Posted {
        refused,
        delivery: header("tercet-delivery"),
        document: serde_json::from_slice(&body).unwrap(),
    });
    if refused {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

/// The coordinator's file with that webhook. The secret stands in a file of its own.
fn alerts(url: &str, secret: &tempfile::TempDir, repeat_every: &str) -> String {
    let file = secret.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let file = file.display();
    format!(
        "[retry]\ninitial = \"1ms\"\n[alerts]\nwebhook = \"{url}\"\nwebhook_secret_file = '{file}'\nrepeat_every = \"{repeat_every}\"\n"
    )
}

#[tokio::test]
async fn a_participant_that_says_no_makes_one_alert_signed_and_repeated_until_it_is_taken() {
    let (receiver, url) = Receiver::start(2).await;
    let secret = tempfile::TempDir::new().unwrap();
    let rig = Rig::start(&alerts(&url, &secret, "1h")).await;
    for number in 0..20 {
        let gid = format!("g-{number}");
        // Confirms of those before are refused meanwhile.
        rig.confirming(rig.decided(&gid), &Status::failed_precondition("no"))
            .await;
    }
    let raised = "tercet_alerts_raised_total{cause=\"refused\",participant=\"p\"}";
    let all = until("all to be flagged", || async {
        let scrape = Scrape::of(&rig.coordinator.http).await;
        (scrape.count(raised) == 20).then_some(scrape)
    });
    rig.refusing(Status::failed_precondition("no"), all).await;

    let taken = until("the alert", || async {
        Some(receiver.taken()).filter(|taken| !taken.is_empty())
    })
    .await;

    let posted = receiver.posted();
    assert_eq!(posted.len(), 3, "two refusals, then taken: {posted:?}");
    assert_eq!(taken.len(), 1, "one alert for all of them");
    let delivery = &taken[0].delivery;
    assert!(posted.iter().all(|posted| posted.delivery == *delivery));
    let document = &taken[0].document;
    assert_eq!(document["participant"], "p");
    assert_eq!(document["cause"], "refused");
    assert_eq!(document["count"], 1);
    assert_eq!(document["repeat"], false);
    assert!(document["gid"].as_str().unwrap().starts_with("g-"));
    assert_eq!(document["branch"], "1");
    assert!(document["why"].as_str().unwrap().contains("no"));
    let said = rig.coordinator.said();
    assert_eq!(said.matches("needs attention").count(), 1, "{said}");
    for hidden in [SECRET, url.as_str()] {
        assert!(!said.contains(hidden), "{said}");
    }
    let scrape = Scrape::of(&rig.coordinator.http).await;
    assert_eq!(scrape.count("tercet_alerts_told_total"), 1);
    let posts = |result: &str| {
        scrape.count(&format!(
            "tercet_webhook_posts_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!(
        (posts("failed"), posts("given_up"), posts("dropped")),
        (2, 0, 0)
    );
    assert_eq!(scrape.count("tercet_webhook_queue_depth"), 0);
}

#[tokio::test]
async fn what_follows_within_the_repeat_time_comes_together_with_its_count() {
    let (receiver, url) = Receiver::start(0).await;
    let secret = tempfile::TempDir::new().unwrap();
    let rig = Rig::start(&alerts(&url, &secret, "1s")).await;
    let no = Status::failed_precondition("no");
    for number in 0..3 {
        let gid = format!("g-{number}");
        rig.confirming(rig.decided(&gid), &no).await;
    }
    let counted = until("all three to be told", || async {
        let taken = receiver.taken();
        let counts = taken
            .iter()
            .map(|posted| posted.document["count"].as_u64().unwrap());
        (counts.sum::<u64>() == 3).then_some(taken)
    });
    let taken = rig.refusing(no, counted).await;
    assert_eq!(taken[0].document["repeat"], false);
    assert!(
        taken[1..]
            .iter()
            .all(|posted| posted.document["repeat"] == true)
    );
}

#[tokio::test]
async fn a_drain_waits_until_the_alerts_are_posted() {
    // It refuses the first post, so the alert isn't out when the drain begins, or has just gone.
    let (receiver, url) = Receiver::start(1).await;
    let secret = tempfile::TempDir::new().unwrap();
    let more = alerts(&url, &secret, "1h") + "[limits]\ndrain_grace = \"0s\"\n";
    let rig = Rig::start(&more).await;
    let no = Status::failed_precondition("no");
    rig.confirming(rig.decided("g-1"), &no).await;
    let refused = until("the first post", || async {
        (!receiver.posted().is_empty()).then_some(())
    });
    rig.refusing(no, refused).await;

    rig.coordinator.terminate();
    let (status, _) = rig.coordinator.ended().await;

    assert_eq!(status.code(), Some(0));
    assert_eq!(receiver.taken().len(), 1, "{:?}", receiver.posted());
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever_for_a_receiver_that_is_not_there() {
    let secret = tempfile::TempDir::new().unwrap();
    let more =
        alerts("http://127.0.0.1:9/hook", &secret, "1h") + "[limits]\ndrain_grace = \"0s\"\n";
    let rig = Rig::start(&more).await;
    let no = Status::failed_precondition("no");
    rig.confirming(rig.decided("g-1"), &no).await;
    let failed = "tercet_webhook_posts_total{result=\"failed\"}";
    let tried = until("an attempt", || async {
        let scrape = Scrape::of(&rig.coordinator.http).await;
        (scrape.count(failed) > 0).then_some(())
    });
    rig.refusing(no, tried).await;

    rig.coordinator.terminate();
    let folder = rig.folder;
    let (status, _) = rig.coordinator.ended().await;

    assert_eq!(status.code(), Some(0));
    let said = std::fs::read_to_string(folder.path().join("serve.stderr")).unwrap();
    assert!(said.contains("didn't reach the webhook"), "{said}");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_holds_nobody_up() {
    let secret = tempfile::TempDir::new().unwrap();
    let rig = Rig::start(&alerts("http://127.0.0.1:9/hook", &secret, "1h")).await;
    let no = Status::failed_precondition("no");
    rig.confirming(rig.decided("g-1"), &no).await;
    let failed = "tercet_webhook_posts_total{result=\"failed\"}";
    let tried = until("an attempt", || async {
        let scrape = Scrape::of(&rig.coordinator.http).await;
        (scrape.count(failed) > 0).then_some(())
    });
    rig.refusing(no, tried).await;
    // While the webhook is retried, transactions go on.
    let ended = "tercet_transactions_ended_total{outcome=\"confirmed\",reason=\"none\"}";
    let done = until("the end", || async {
        let scrape = Scrape::of(&rig.coordinator.http).await;
        (scrape.count(ended) == 1).then_some(())
    });
    rig.participant.answering(done).await;
}
