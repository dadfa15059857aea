//! The transactions that a filter finds, newest first.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;

use super::fields::{self, Fields, address};
use super::filter::{Filter, STATES};
use super::page::{Notice, Page, Tab, status_of};
use super::visitor::Visitor;
use super::{Console, badges, words};

/// Labels that a row shows; the page of the transaction has all of them.
const LABELS_SHOWN: usize = 3;

pub(super) async fn show(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let parsed = Filter::parse(&Fields::of_query(query.as_deref()));
    let (filter, listed, status) = match parsed {
        Err(why) => (Filter::default(), Err(why), StatusCode::BAD_REQUEST),
        Ok(filter) => {
            let answer = console
                .service()
                .list_transactions(visitor.request(filter.request()))
                .await;
            match answer {
                Ok(answer) => (filter, Ok(answer.into_inner()), StatusCode::OK),
                Err(status) => (filter, Err(words::refusal(&status)), status_of(&status)),
            }
        }
    };
    let notice = listed.as_ref().err().cloned().map(Notice::NotDone);
    let now = console.now();
    let body = html! {
        h1 { "Transactions" }
        (form(&console, &filter))
        @if let Ok(listed) = &listed { (results(&filter, listed, now)) }
    };
    Page {
        // Later pages stand still: what is read there must not move.
        live: filter
            .page
            .is_empty()
            .then(|| "/live/transactions".to_owned()),
        notice,
        status,
        ..Page::new(Tab::Transactions, "Transactions")
    }
    .answer(&console, &visitor, &body)
}

fn form(console: &Console, filter: &Filter) -> Markup {
    let labels: Vec<String> = filter
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let participants = console.shared().participants.iter();
    html! {
        form.filter method="get" action="/transactions" aria-label="Filter" {
            fieldset {
                legend { "State" }
                @for (name, state) in STATES {
                    label.check {
                        input type="checkbox" name="state" value=(name) checked[filter.states.contains(&name)];
                        (badges::transaction(state))
                    }
                }
                label.check {
                    input type="checkbox" name="attention" checked[filter.attention];
                    (badges::badge("bad", "warning", "needs attention"))
                }
            }
            div.field {
                label for="label" { "Label" }
                input id="label" name="label" value=(labels.first().map_or("", String::as_str))
                    placeholder="order_no=1001" autocomplete="off" spellcheck="false" maxlength="330";
            }
            @for label in labels.iter().skip(1) {
                div.field {
                    label for={ "label-" (label) } { "and" }
                    input id={ "label-" (label) } name="label" value=(label) autocomplete="off" spellcheck="false" maxlength="330";
                }
            }
            div.field {
                label for="participant" { "Participant" }
                select id="participant" name="participant" {
                    option value="" { "any" }
                    @for participant in participants {
                        @let name = participant.name.as_str();
                        option value=(name) selected[name == filter.participant] { (name) }
                    }
                    @if !is_configured(console, &filter.participant) {
                        option value=(filter.participant) selected { (filter.participant) " (not configured)" }
                    }
                }
            }
            div.field.short {
                label for="older" { "Begun at least" }
                input id="older" name="older" value=(filter.older) placeholder="5m" autocomplete="off" maxlength="12";
                span.after { "ago" }
            }
            div.buttons {
                button.primary { "Show" }
                @if !filter.is_empty() { a href="/transactions" { "Clear" } }
            }
        }
    }
}

fn is_configured(console: &Console, name: &str) -> bool {
    let mut participants = console.shared().participants.iter();
    name.is_empty() || participants.any(|participant| participant.name.as_str() == name)
}

fn results(filter: &Filter, listed: &pb::ListTransactionsResponse, now: Timestamp) -> Markup {
    html! {
        div id="results" {
            div.wide {
                table.list {
                    thead { tr {
                        th scope="col" { "Transaction" } th scope="col" { "State" } th scope="col" { "Begun" }
                        th scope="col" { "Branches" } th scope="col" { "Labels" }
                    } }
                    tbody {
                        @for transaction in &listed.transactions { (row(transaction, now)) }
                        @if listed.transactions.is_empty() {
                            tr { td.empty colspan="5" {
                                @if filter.is_empty() { "There is no transaction yet." }
                                @else { "No transaction meets every condition." }
                            } }
                        }
                    }
                }
            }
            nav.pages aria-label="Pages" {
                @if !filter.page.is_empty() { a href=(filter.address("/transactions", "")) { "« Newest" } }
                span { (words::count(number(listed), "transaction", "transactions")) " on this page, newest first" }
                @if !listed.next_page_token.is_empty() {
                    a href=(filter.address("/transactions", &listed.next_page_token)) { "Older »" }
                }
            }
            (bulk(filter))
        }
    }
}

fn number(listed: &pb::ListTransactionsResponse) -> u64 {
    u64::try_from(listed.transactions.len()).unwrap_or(u64::MAX)
}

fn row(transaction: &pb::Transaction, now: Timestamp) -> Markup {
    let begun = transaction.begun_at.as_ref().and_then(words::instant);
    let ended = transaction.ended_at.as_ref().and_then(words::instant);
    let why = transaction.attention.as_ref().map(words::why);
    html! {
        tr.attention[transaction.attention.is_some()] {
            th scope="row" {
                a.gid href=(fields::transaction(&transaction.gid)) { (transaction.gid) }
                @if let Some(why) = why { div.why { (why) } }
            }
            td { (badges::transaction(transaction.state())) " " (badges::attention(transaction.attention.as_ref())) }
            td data-label="Begun" {
                @if let Some(begun) = begun {
                    (words::relative(begun, now))
                    div.faint {
                        @match ended {
                            Some(ended) => { "took " (words::duration(words::between(begun, ended))) }
                            None => { "open" }
                        }
                    }
                }
            }
            td data-label="Branches" { (branches(transaction)) }
            td data-label="Labels" { (labels(transaction)) }
        }
    }
}

fn branches(transaction: &pb::Transaction) -> Markup {
    html! {
        ul.inline {
            @for branch in transaction.branches.iter().take(6) {
                li.branch.(branch_tone(branch)) title={ (branch.id) " " (branch.participant) "." (branch.action) ": " (words::branch_state(branch.state())) } {
                    (branch.participant)
                    @if branch.attention.is_some() { span.unseen { " needs attention" } }
                }
            }
            @if transaction.branches.len() > 6 { li.faint { "and " (transaction.branches.len() - 6) " more" } }
        }
    }
}

fn branch_tone(branch: &pb::BranchStatus) -> &'static str {
    if branch.attention.is_some() {
        return "bad";
    }
    match branch.state() {
        pb::BranchState::Confirmed => "good",
        pb::BranchState::Refused | pb::BranchState::InDoubt => "warn",
        pb::BranchState::Cancelled => "calm",
        _ => "try",
    }
}

fn labels(transaction: &pb::Transaction) -> Markup {
    let mut labels: Vec<_> = transaction.labels.iter().collect();
    labels.sort();
    html! {
        ul.inline {
            @for (key, value) in labels.iter().take(LABELS_SHOWN) {
                @let label = format!("{key}={value}");
                li { a.label href=(address("/transactions", [("label", label.as_str())])) { (label) } }
            }
            @if labels.len() > LABELS_SHOWN { li.faint { "and " (labels.len() - LABELS_SHOWN) " more" } }
        }
    }
}

/// Doing something to everything that the filter finds: a page of its own asks first.
fn bulk(filter: &Filter) -> Markup {
    html! {
        details.bulk id="bulk" {
            summary { "Act on everything that this filter finds…" }
            p { "Not only on this page. The next page shows what it would be, and asks before anything is done." }
            div.buttons {
                @for (action, name) in [("retry", "Retry all…"), ("park", "Park all…"), ("resume", "Resume all…"), ("cancel", "Cancel all undecided…")] {
                    @let path = filter.address("/bulk", "");
                    @let joint = if path.contains('?') { '&' } else { '?' };
                    a.button href={ (path) (joint) "action=" (action) } { (name) }
                }
            }
        }
    }
}
