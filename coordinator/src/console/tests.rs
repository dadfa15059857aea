//! What the console does with what others have written, and with what other sites ask for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::fields::{Fields, transaction};
use super::safety::{Refusal, check};
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
