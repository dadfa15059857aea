//! One action on everything that a filter finds: first what it would be, then, with the count typed out, done.
//!
//! The same as `tercet tx … --yes`: all gids are gathered before the first is touched, since acting on them moves the pages.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;
use tonic::Status;

use super::acting::{Action, Target, forged, missing};
use super::fields::{self, Fields};
use super::filter::Filter;
use super::page::{Notice, Page, Tab, plain, status_of};
use super::transaction::{typed_out, who_and_why};
use super::visitor::Visitor;
use super::{Console, words};

/// Transactions a page while gathering.
const PAGE: i32 = 500;
/// Transactions one action is done to. Who wants more does it again.
const TRANSACTIONS_MAX: usize = 10_000;
/// Under way at a time: enough to share the log's batches.
const AT_A_TIME: usize = 32;
/// Gids that are named on a page.
const NAMED: usize = 50;

/// What is to be done to what.
struct Plan {
    action: Action,
    filter: Filter,
}

impl Plan {
    fn parse(fields: &Fields) -> Result<Self, String> {
        let action = Action::parse(fields.get("action"))
            .filter(|action| *action != Action::Force)
            .ok_or("That can't be done to many at once.")?;
        let mut filter = Filter::parse(fields)?;
        filter.page.clear();
        Ok(Self { action, filter })
    }

    /// Whether the action would change anything about that one.
    fn concerns(&self, transaction: &pb::Transaction) -> bool {
        let state = transaction.state();
        let is_undecided = state == pb::TransactionState::Trying;
        let parked =
            |attention: &Option<pb::Attention>| attention.as_ref().is_some_and(|it| it.parked);
        match self.action {
            _ if words::is_ended(state) => false,
            Action::Cancel => is_undecided,
            Action::Park => !is_undecided,
            Action::Resume => transaction.branches.iter().any(|it| parked(&it.attention)),
            Action::Retry | Action::Force => true,
        }
    }

    /// Which of those that the filter finds are meant.
    fn whom(&self) -> &'static str {
        match self.action {
            Action::Cancel => "undecided",
            Action::Park => "decided and open",
            Action::Resume => "parked",
            Action::Retry | Action::Force => "open",
        }
    }

    async fn gather(&self, console: &Console, visitor: &Visitor) -> Result<Vec<String>, Status> {
        let mut gids = Vec::new();
        let mut token = String::new();
        loop {
            let request = pb::ListTransactionsRequest {
                page_size: PAGE,
                page_token: token,
                ..self.filter.request()
            };
            let listed = console
                .service()
                .list_transactions(visitor.request(request));
            let page = listed.await?.into_inner();
            let concerned = page.transactions.into_iter().filter(|it| self.concerns(it));
            gids.extend(concerned.map(|transaction| transaction.gid));
            gids.truncate(TRANSACTIONS_MAX);
            token = page.next_page_token;
            if token.is_empty() || gids.len() >= TRANSACTIONS_MAX {
                return Ok(gids);
            }
        }
    }

    fn title(&self) -> &'static str {
        match self.action {
            Action::Retry => "Retry many",
            Action::Park => "Park many",
            Action::Resume => "Resume many",
            Action::Cancel | Action::Force => "Cancel many",
        }
    }
}

pub(super) async fn ask(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let plan = match Plan::parse(&Fields::of_query(query.as_deref())) {
        Ok(plan) => plan,
        Err(why) => return wrong(&console, &visitor, &why),
    };
    let gids = plan.gather(&console, &visitor).await;
    question(&console, &visitor, &plan, gids, (None, StatusCode::OK), "")
}

fn wrong(console: &Console, visitor: &Visitor, why: &str) -> Response {
    let place = (Tab::Transactions, StatusCode::BAD_REQUEST);
    plain(console, visitor, place, "Not done", why)
}

/// What it would be, and the form.
fn question(
    console: &Console,
    visitor: &Visitor,
    plan: &Plan,
    gids: Result<Vec<String>, Status>,
    (notice, status): (Option<Notice>, StatusCode),
    reason: &str,
) -> Response {
    let (gids, notice, status) = match gids {
        Ok(gids) => (gids, notice, status),
        Err(error) => {
            let why = Notice::NotDone(words::refusal(&error));
            (Vec::new(), Some(why), status_of(&error))
        }
    };
    let count = gids.len();
    let title = plan.title();
    let body = html! {
        h1 { (title) }
        p.lead {
            "The filter “" (plan.filter.words()) "” finds "
            strong { (words::count(u64::try_from(count).unwrap_or(u64::MAX), "transaction", "transactions")) }
            " that are " (plan.whom()) "."
            @if count == TRANSACTIONS_MAX { " More are not taken at once." }
        }
        @if gids.is_empty() {
            p { a href=(plan.filter.address("/transactions", "")) { "Back to the list" } }
        } @else {
            (named(&gids))
            form.action-form method="post" action="/bulk" {
                p { (plan.action.effect()) }
                input type="hidden" name="token" value=(visitor.form_token());
                input type="hidden" name="action" value=(plan.action.name());
                @for (name, value) in plan.filter.fields() { input type="hidden" name=(name) value=(value); }
                (who_and_why(visitor, "bulk", true, reason))
                (typed_out("bulk", "count", &count.to_string()))
                div.buttons {
                    button.primary.danger { (title) }
                    a href=(plan.filter.address("/transactions", "")) { "Back to the list" }
                }
            }
        }
    };
    Page {
        notice,
        status,
        ..Page::new(Tab::Transactions, title)
    }
    .answer(console, visitor, &body)
}

fn named(gids: &[String]) -> Markup {
    html! {
        ul.gids {
            @for gid in gids.iter().take(NAMED) { li { a.gid href=(fields::transaction(gid)) { (gid) } } }
            @if gids.len() > NAMED { li.faint { "and " (gids.len() - NAMED) " more" } }
        }
    }
}

pub(super) async fn act(
    State(console): State<Console>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Fields::parse(&body);
    let mut visitor = Visitor::of(&headers);
    if visitor.submits(&form).is_err() {
        return forged(&console, &visitor);
    }
    let plan = match Plan::parse(&form) {
        Ok(plan) => plan,
        Err(why) => return wrong(&console, &visitor, &why),
    };
    let mut response = carry_out(&console, &visitor, plan, &form).await;
    visitor.remember_name(response.headers_mut());
    response
}

async fn carry_out(console: &Console, visitor: &Visitor, plan: Plan, form: &Fields) -> Response {
    let reason = form.get("reason").to_owned();
    let gids = match plan.gather(console, visitor).await {
        Ok(gids) => gids,
        Err(status) => {
            let nothing = (None, StatusCode::OK);
            return question(console, visitor, &plan, Err(status), nothing, &reason);
        }
    };
    let again = |what: String, gids: Vec<String>| {
        let notice = (Some(Notice::NotDone(what)), StatusCode::BAD_REQUEST);
        question(console, visitor, &plan, Ok(gids), notice, &reason)
    };
    if let Some(what) = missing(visitor, form, true, &gids.len().to_string()) {
        return again(what, gids);
    }
    if console.0.bulk.available_permits() == 0 {
        return again("Another action on many is under way here.".to_owned(), gids);
    }
    // It goes on when the browser goes away: half of it done, and nobody told, is worst.
    let work = all(
        console.clone(),
        visitor.clone(),
        plan.action,
        gids,
        reason.clone(),
    );
    let outcome = tokio::spawn(work).await.unwrap_or_default();
    result(console, visitor, &plan, &outcome)
}

/// What became of each.
#[derive(Debug, Default)]
struct Outcome {
    done: usize,
    /// Those that failed, with why.
    failed: Vec<(String, String)>,
}

async fn all(
    console: Console,
    visitor: Visitor,
    action: Action,
    gids: Vec<String>,
    reason: String,
) -> Outcome {
    // The semaphore is never closed.
    let _turn = console.0.bulk.acquire().await;
    let (console, visitor, reason) = (&console, &visitor, &reason);
    let each = gids.into_iter().map(|gid| async move {
        let target = Target {
            gid: &gid,
            branch: "",
            reason,
        };
        let done = action.run(console, visitor, target).await;
        done.map(drop)
            .map_err(|status| (gid, words::refusal(&status)))
    });
    let mut outcome = Outcome::default();
    let mut each = stream::iter(each).buffer_unordered(AT_A_TIME);
    while let Some(one) = each.next().await {
        match one {
            Ok(()) => outcome.done += 1,
            Err(failed) => outcome.failed.push(failed),
        }
    }
    outcome
}

fn result(console: &Console, visitor: &Visitor, plan: &Plan, outcome: &Outcome) -> Response {
    let title = plan.title();
    let said = format!("{} done, {} failed.", outcome.done, outcome.failed.len());
    let body = html! {
        h1 { (title) }
        @if !outcome.failed.is_empty() {
            div.wide { table {
                thead { tr { th scope="col" { "Transaction" } th scope="col" { "Why not" } } }
                tbody {
                    @for (gid, why) in outcome.failed.iter().take(NAMED) {
                        tr { th scope="row" { a.gid href=(fields::transaction(gid)) { (gid) } } td.text { (why) } }
                    }
                    @if outcome.failed.len() > NAMED { tr { td colspan="2" { "and " (outcome.failed.len() - NAMED) " more" } } }
                }
            } }
        }
        p { a href=(plan.filter.address("/transactions", "")) { "Back to the list" } }
    };
    let notice = if outcome.failed.is_empty() {
        Notice::Done(said)
    } else {
        Notice::NotDone(said)
    };
    Page {
        notice: Some(notice),
        ..Page::new(Tab::Transactions, title)
    }
    .answer(console, visitor, &body)
}
