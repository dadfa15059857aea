//! Who owns how much: the coordinators on the same log. Asks the log once for each page that somebody opens.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;

use super::page::{Notice, Page, Tab, status_of};
use super::visitor::Visitor;
use super::{Console, badges, words};

pub(super) async fn show(State(console): State<Console>, headers: HeaderMap) -> Response {
    let visitor = Visitor::of(&headers);
    let asked = console
        .service()
        .get_status(visitor.request(pb::GetStatusRequest {}));
    let page = Page::new(Tab::Coordinators, "Coordinators");
    match asked.await {
        Ok(answer) => {
            let body = contents(&answer.into_inner(), console.now());
            page.answer(&console, &visitor, &body)
        }
        Err(status) => Page {
            notice: Some(Notice::NotDone(words::refusal(&status))),
            status: status_of(&status),
            ..page
        }
        .answer(&console, &visitor, &html! { h1 { "Coordinators" } }),
    }
}

fn contents(status: &pb::GetStatusResponse, now: Timestamp) -> Markup {
    let whole: u64 = status.sessions.iter().map(|session| session.open).sum();
    let uptime = status.uptime.as_ref().map(words::span).unwrap_or_default();
    html! {
        h1 { "Coordinators" }
        p.lead {
            "This one has been up for " (words::whole(uptime.as_secs()))
            " and has taken over " (words::count(status.adopted, "transaction", "transactions")) " from others."
        }
        div.wide {
            table {
                thead { tr {
                    th scope="col" { "Address" } th scope="col" { "Session" } th scope="col" { "Health" }
                    th scope="col" { "Started" } th.number scope="col" { "Open, owned" } th scope="col" { "Share" }
                } }
                tbody {
                    @for session in &status.sessions { (row(session, whole, now)) }
                }
            }
        }
    }
}

fn row(session: &pb::CoordinatorSession, whole: u64, now: Timestamp) -> Markup {
    let opened = session.opened_at.as_ref().and_then(words::instant);
    let percent = (session.open * 100).checked_div(whole).unwrap_or(0);
    html! {
        tr {
            th scope="row" {
                code { (session.advertised_address) }
                @if session.answering { " " span.faint { "this one" } }
            }
            td data-label="Session" { (session.coordinator_id) }
            td {
                @if session.fenced { (badges::badge("bad", "stop", "fenced, being taken over")) }
                @else { (badges::badge("good", "check", "alive")) }
            }
            td data-label="Started" {
                @match opened { Some(opened) => (words::relative(opened, now)), None => span.faint { "unknown" } }
            }
            td.number data-label="Open, owned" { (session.open) }
            td data-label="Share" {
                svg.share viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={ (percent) " %" } {
                    rect.rest width="100" height="8" {}
                    rect.part width=(percent) height="8" {}
                }
                " " (percent) " %"
            }
        }
    }
}
