//! What people have done: who, when, to what and why.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;

use super::fields::{self, Fields, address};
use super::page::{Notice, Page, Tab, status_of};
use super::visitor::Visitor;
use super::{Console, words};

/// Records of a page.
const PAGE_SIZE: i32 = 100;

pub(super) async fn show(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let fields = Fields::of_query(query.as_deref());
    let request = pb::ListAuditRecordsRequest {
        gid: fields.get("gid").to_owned(),
        participant: fields.get("participant").to_owned(),
        page_size: PAGE_SIZE,
        page_token: fields.get("page").to_owned(),
    };
    let answer = console
        .service()
        .list_audit_records(visitor.request(request.clone()))
        .await;
    let (listed, notice, status) = match answer {
        Ok(answer) => (answer.into_inner(), None, StatusCode::OK),
        Err(status) => (
            pb::ListAuditRecordsResponse::default(),
            Some(Notice::NotDone(words::refusal(&status))),
            status_of(&status),
        ),
    };
    let body = html! {
        h1 { "Audit" }
        p.lead { "What people have done. Each record was written in the same step as its effect, and stays when the transaction is purged." }
        (form(&request))
        (table(&listed.records, console.now()))
        (pages(&request, &listed.next_page_token))
    };
    Page {
        notice,
        status,
        ..Page::new(Tab::Audit, "Audit")
    }
    .answer(&console, &visitor, &body)
}

fn form(request: &pb::ListAuditRecordsRequest) -> Markup {
    html! {
        form.filter method="get" action="/audit" aria-label="Filter" {
            div.field {
                label for="gid" { "Transaction" }
                input id="gid" name="gid" value=(request.gid) placeholder="gid" autocomplete="off" spellcheck="false" maxlength="128";
            }
            div.field {
                label for="participant" { "Participant" }
                input id="participant" name="participant" value=(request.participant) autocomplete="off" spellcheck="false" maxlength="64";
            }
            div.buttons {
                button.primary { "Show" }
                @if !request.gid.is_empty() || !request.participant.is_empty() { a href="/audit" { "Clear" } }
            }
        }
    }
}

/// Records, newest first.
pub(super) fn table(records: &[pb::AuditRecord], now: Timestamp) -> Markup {
    html! {
        div.wide {
            table.audit {
                thead { tr {
                    th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" }
                    th scope="col" { "To what" } th scope="col" { "Before and after" } th scope="col" { "Why" }
                } }
                tbody {
                    @for record in records { (row(record, now)) }
                    @if records.is_empty() { tr { td.empty colspan="6" { "Nothing was done by hand." } } }
                }
            }
        }
    }
}

fn row(record: &pb::AuditRecord, now: Timestamp) -> Markup {
    let at = record.time.as_ref().and_then(words::instant);
    html! {
        tr {
            td data-label="When" {
                @if let Some(at) = at { (words::short_time(at)) div.faint { (words::relative(at, now)) } }
            }
            td.text data-label="Who" { @if record.who.is_empty() { span.faint { "unknown" } } @else { (record.who) } }
            td data-label="What" { strong { (record.action) } }
            td.text data-label="To what" {
                @if !record.gid.is_empty() { a.gid href=(fields::transaction(&record.gid)) { (record.gid) } }
                @if !record.branch_id.is_empty() { div { "branch " (record.branch_id) } }
                @if !record.participant.is_empty() { a href={ "/participants#" (record.participant) } { (record.participant) } }
            }
            td.text data-label="Before and after" {
                @if record.before.is_empty() && record.after.is_empty() { span.faint { "not recorded" } }
                @else { div.faint { (record.before) } div { span.faint aria-label="then" { "→ " } (record.after) } }
            }
            td.text data-label="Why" { @if record.reason.is_empty() { span.faint { "no reason given" } } @else { (record.reason) } }
        }
    }
}

fn pages(request: &pb::ListAuditRecordsRequest, next: &str) -> Markup {
    let at = |page: &str| {
        address(
            "/audit",
            [
                ("gid", request.gid.as_str()),
                ("participant", &request.participant),
                ("page", page),
            ],
        )
    };
    html! {
        nav.pages aria-label="Pages" {
            @if !request.page_token.is_empty() { a href=(at("")) { "« Newest" } }
            @if !next.is_empty() { a href=(at(next)) { "Older »" } }
        }
    }
}
