//! What the console does with what others have written, and with what other sites ask for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use tercet_proto::tercet::v1 as pb;

use super::fields::{Fields, transaction};
use super::safety::{Refusal, check};
use super::transaction::waterfall;
use super::visitor::Visitor;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

fn checked(method: &Method, address: &str, pairs: &[(&'static str, &str)]) -> Result<(), Refusal> {
    check(method, &headers(pairs), address.parse().unwrap())
}

#[test]
fn on_loopback_it_is_asked_for_by_a_name_of_loopback() {
    let asked = |host| checked(&Method::GET, "127.0.0.1:7401", &[("host", host)]);
    for host in [
        "127.0.0.1:7401",
        "localhost:9",
        "[::1]:7401",
        "a.localhost",
        "LOCALHOST",
    ] {
        assert_eq!(asked(host), Ok(()), "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:7401", "", "a b"] {
        assert_eq!(asked(host), Err(Refusal::Misdirected), "{host}");
    }
    let elsewhere = [("host", "tercet.example:7401")];
    assert_eq!(checked(&Method::GET, "0.0.0.0:7401", &elsewhere), Ok(()));
    assert!(checked(&Method::GET, "0.0.0.0:7401", &[]).is_err());
}

#[test]
fn another_sites_page_changes_nothing_and_reads_nothing() {
    let host = ("host", "localhost:7401");
    let post = |more: &[(&'static str, &str)]| {
        checked(&Method::POST, "127.0.0.1:7401", &[&[host], more].concat())
    };
    let own = ("origin", "http://localhost:7401");
    assert_eq!(post(&[own]), Ok(()));
    assert_eq!(post(&[own, ("sec-fetch-site", "same-origin")]), Ok(()));
    for foreign in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "http://localhost:7402")],
        &[("origin", "null")],
        &[own, ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(post(foreign), Err(Refusal::Foreign), "{foreign:?}");
    }
    let get = |mode| {
        let pairs = [
            host,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", mode),
        ];
        checked(&Method::GET, "127.0.0.1:7401", &pairs)
    };
    assert_eq!(get("navigate"), Ok(()), "a link is followed");
    assert_eq!(get("no-cors"), Err(Refusal::Foreign));
}

#[test]
fn a_form_is_one_of_ours_only_with_the_token_of_its_browser() {
    let form = |token: &str| Fields::parse(format!("token={token}&name=+Anna%0A").as_bytes());
    let mut stranger = Visitor::of(&HeaderMap::new());
    let token = stranger.form_token();
    assert!(stranger.submits(&form(&token)).is_err(), "it has no cookie");

    let mut answer = HeaderMap::new();
    stranger.remember(&mut answer);
    let cookie = answer["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    assert!(
        !cookie.contains(&token),
        "the form doesn't have the cookie in it"
    );
    let pair = cookie.split(';').next().unwrap();
    let mut known = Visitor::of(&headers(&[("cookie", &format!("a=b; {pair}"))]));
    assert_eq!(known.form_token(), token);
    assert!(known.submits(&form("")).is_err() && known.submits(&form("00")).is_err());
    assert!(known.submits(&form(&token)).is_ok());
    assert_eq!(known.name, "Anna");
    let request = known.request(());
    assert_eq!(request.metadata().get("tercet-operator").unwrap(), "Anna");
}

#[test]
fn any_gid_has_an_address() {
    for gid in ["order-1", "..", "a/b?c=d&e#f%20+\"<>", "."] {
        let address = transaction(gid);
        let query = address.strip_prefix("/transaction?").unwrap();
        assert_eq!(Fields::parse(query.as_bytes()).get("gid"), gid);
    }
}

/// A transaction as the rpc shows it.
fn stuck(attempts: u32) -> pb::Transaction {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let attempt = |number: u32| pb::Attempt {
        branch_id: "1".to_owned(),
        phase: pb::Phase::Confirm as i32,
        // Some in the middle aren't kept.
        number: if number > 5 { number + 10 } else { number },
        started_at: at(1_000 + i64::from(number)),
        took: Some(prost_types::Duration {
            seconds: 0,
            nanos: 5_000_000,
        }),
        code: 14,
        message: "<b>gone</b>".to_owned(),
        endpoint: "http://127.0.0.1:7413".to_owned(),
    };
    pb::Transaction {
        gid: "order-1".to_owned(),
        state: pb::TransactionState::Confirming as i32,
        begun_at: at(1_000),
        decided_at: at(1_000),
        attempts: (1..=attempts).map(attempt).collect(),
        branches: vec![pb::BranchStatus {
            id: "1".to_owned(),
            participant: "stock".to_owned(),
            action: "reserve".to_owned(),
            ..pb::BranchStatus::default()
        }],
        ..pb::Transaction::default()
    }
}

#[test]
fn a_waterfall_has_every_attempt_and_says_which_are_not_kept() {
    let now = jiff::Timestamp::from_second(2_000).unwrap();
    let text = waterfall(&stuck(8), now, false).into_string();
    assert_eq!(text.matches("UNAVAILABLE").count(), 8);
    for words in [
        "decided to confirm",
        "10 attempts to confirm 1 stock.reserve that are not kept",
        "127.0.0.1:7413",
        "&lt;b&gt;gone&lt;/b&gt;",
        "now, still open",
        "long waits are shortened",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("style="), "the content policy forbids it");

    let many = waterfall(&stuck(400), now, false).into_string();
    assert!(many.contains("Show all") && many.matches("UNAVAILABLE").count() <= 150);
    let all = waterfall(&stuck(400), now, true).into_string();
    assert_eq!(all.matches("UNAVAILABLE").count(), 400);
}
