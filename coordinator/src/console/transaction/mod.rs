//! One transaction: where it stands, why it waits and until when, every attempt, and what may be done about it.

mod branches;
mod forms;
mod waterfall;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService as _;

use super::fields::{Fields, address};
use super::page::{Notice, Page, Tab, plain, status_of};
use super::visitor::Visitor;
use super::{Console, audit, badges, words};
pub(super) use forms::{Draft, typed_out, who_and_why};
#[cfg(test)]
pub(super) use waterfall::render as waterfall;

/// Audit records that the page shows; the audit page has all of them.
const RECORDS_SHOWN: i32 = 20;

pub(super) async fn show(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let fields = Fields::of_query(query.as_deref());
    let done = match fields.get("done") {
        "retry" => Some("Whatever waits is tried again now."),
        "park" => Some("Parked: nothing is retried until somebody resumes it."),
        "resume" => Some("Resumed: retries go on."),
        "cancel" => Some("Decided to cancel: whatever was tried is given back."),
        "force" => Some("Recorded as done by hand."),
        "answered" => {
            Some("The call that was under way has ended the branch by itself; nothing was forced.")
        }
        _ => None,
    };
    let notice = done.map(|text| Notice::Done(text.to_owned()));
    let asked = Asked {
        gid: fields.get("gid"),
        notice,
        status: StatusCode::OK,
        draft: Draft::default(),
        is_whole: fields.get("attempts") == "all",
    };
    page(&console, &visitor, asked).await
}

/// Which transaction is to be shown, and what has just come of an action.
pub(super) struct Asked<'a> {
    pub(super) gid: &'a str,
    pub(super) notice: Option<Notice>,
    pub(super) status: StatusCode,
    /// What was typed into a form that was refused.
    pub(super) draft: Draft<'a>,
    /// Every attempt that is kept, however many.
    pub(super) is_whole: bool,
}

/// The page of a transaction.
pub(super) async fn page(console: &Console, visitor: &Visitor, asked: Asked<'_>) -> Response {
    let gid = asked.gid;
    let request = pb::GetTransactionRequest {
        gid: gid.to_owned(),
    };
    let found = console.service().get_transaction(visitor.request(request));
    let transaction = match found.await {
        Ok(answer) => answer.into_inner().transaction.unwrap_or_default(),
        Err(status) => {
            let place = (Tab::Transactions, status_of(&status));
            let title = if status.code() == tonic::Code::NotFound {
                "Not found"
            } else {
                "It can't be shown now"
            };
            return plain(console, visitor, place, title, &words::refusal(&status));
        }
    };
    let records = records(console, visitor, gid).await;
    let view = View {
        console,
        visitor,
        transaction: &transaction,
        now: console.now(),
        is_whole: asked.is_whole,
    };
    let body = html! {
        (view.changing(&asked.draft))
        (audit_of(gid, &records, view.now))
    };
    let attempts = if asked.is_whole { "all" } else { "" };
    let live = address("/live/transaction", [("gid", gid), ("attempts", attempts)]);
    Page {
        live: (!words::is_ended(transaction.state())).then_some(live),
        notice: asked.notice,
        status: asked.status,
        ..Page::new(Tab::Transactions, gid)
    }
    .answer(console, visitor, &body)
}

/// A transaction that is about to be shown to somebody.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) console: &'a Console,
    pub(super) visitor: &'a Visitor,
    pub(super) transaction: &'a pb::Transaction,
    pub(super) now: Timestamp,
    pub(super) is_whole: bool,
}

impl View<'_> {
    /// What changes while it runs.
    pub(super) fn changing(self, draft: &Draft<'_>) -> Markup {
        let transaction = self.transaction;
        html! {
            section id="head" aria-label="Transaction" { (self.head()) }
            section id="actions" aria-labelledby="actions-title" { (forms::actions(self, draft)) }
            section id="branches" aria-labelledby="branches-title" { (branches::table(self)) }
            section id="attempts" aria-labelledby="attempts-title" {
                (waterfall::render(transaction, self.now, self.is_whole))
            }
        }
    }

    fn head(self) -> Markup {
        let transaction = self.transaction;
        let state = transaction.state();
        html! {
            div.title {
                p.kind { "Transaction" }
                h1 { code.gid { (transaction.gid) } }
                (badges::transaction(state)) " "
                (badges::attention(transaction.attention.as_ref()))
            }
            @if let Some(attention) = &transaction.attention { (self.alarm(attention)) }
            @if let Some(cause) = &transaction.cancel_cause {
                p.cause { strong { "Cancelled: " } (words::cancel_cause(cause, transaction)) }
            }
            (self.facts())
        }
    }

    fn alarm(self, attention: &pb::Attention) -> Markup {
        let since = attention.since.as_ref().and_then(words::instant);
        html! {
            p.notice.bad {
                (badges::icon(if attention.parked { "pause" } else { "warning" }))
                span {
                    strong { (words::why(attention)) }
                    @if let Some(since) = since { ", for " (words::age(since, self.now)) }
                    @if attention.parked { ". Nothing is retried until somebody resumes it." }
                    @else { ". Retries go on." }
                }
            }
        }
    }

    fn facts(self) -> Markup {
        let transaction = self.transaction;
        let at = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(words::instant);
        let begun = at(&transaction.begun_at);
        let (decided, ended) = (at(&transaction.decided_at), at(&transaction.ended_at));
        let deadline = at(&transaction.try_deadline);
        let mut labels: Vec<_> = transaction.labels.iter().collect();
        labels.sort();
        html! {
            dl.pairs {
                @if let Some(begun) = begun {
                    div { dt { "Begun" } dd { (words::date_and_time(begun)) " " span.faint { (words::relative(begun, self.now)) } } }
                    @match ended {
                        Some(ended) => div { dt { "Ended after" } dd { (words::duration(words::between(begun, ended))) } },
                        None => div { dt { "Open for" } dd { (words::age(begun, self.now)) } },
                    }
                    @if let Some(decided) = decided {
                        div { dt { "Decided after" } dd { (words::duration(words::between(begun, decided))) } }
                    }
                }
                @if let (Some(deadline), None) = (deadline, decided) {
                    div { dt { "Deadline" } dd { (words::relative(deadline, self.now)) " "
                        span.faint { "then it is decided, or its initiator is asked" } } }
                }
                @if !transaction.coordinator.is_empty() {
                    div { dt { "Owned by" } dd { code { (transaction.coordinator) } } }
                }
                @if !labels.is_empty() {
                    div { dt { "Labels" } dd { ul.inline {
                        @for (key, value) in labels {
                            @let label = format!("{key}={value}");
                            li { a.label href=(address("/transactions", [("label", label.as_str())])) { (label) } }
                        }
                    } } }
                }
            }
        }
    }
}

async fn records(
    console: &Console,
    visitor: &Visitor,
    gid: &str,
) -> Result<pb::ListAuditRecordsResponse, String> {
    let request = pb::ListAuditRecordsRequest {
        gid: gid.to_owned(),
        page_size: RECORDS_SHOWN,
        ..pb::ListAuditRecordsRequest::default()
    };
    let service = console.service();
    let answer = service.list_audit_records(visitor.request(request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| words::refusal(&status))
}

fn audit_of(
    gid: &str,
    records: &Result<pb::ListAuditRecordsResponse, String>,
    now: Timestamp,
) -> Markup {
    html! {
        section aria-labelledby="audit-title" {
            h2 id="audit-title" { "What people have done to it" }
            @match records {
                Err(why) => p.faint { "The audit records can't be read now: " (why) },
                Ok(listed) if listed.records.is_empty() => p.faint { "Nothing." },
                Ok(listed) => {
                    (audit::table(&listed.records, now))
                    @if !listed.next_page_token.is_empty() {
                        p { a href=(address("/audit", [("gid", gid)])) { "All records" } }
                    }
                },
            }
        }
    }
}
