//! The participants: what they are called for, how they answer, and the switch that stops calls to them.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;

use super::fields::{Fields, address};
use super::page::{Notice, Page, Tab};
use super::visitor::Visitor;
use super::{Console, badges, words};
use crate::participants::EndpointNow;

/// A participant as it is now.
#[derive(Debug)]
pub(super) struct View {
    pub(super) message: pb::Participant,
    pub(super) queued: u64,
    endpoints: Vec<EndpointNow>,
}

impl View {
    /// Every configured one, by name.
    pub(super) fn all(console: &Console) -> Vec<Self> {
        let participants = console.shared().participants.iter();
        participants
            .map(|participant| Self {
                message: participant.message(),
                queued: participant.queued(),
                endpoints: participant.endpoints_now(),
            })
            .collect()
    }

    /// Whether calls go to an endpoint that answers.
    pub(super) fn is_any_well(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.failures == 0)
    }

    /// How the last failed call ended, and when.
    pub(super) fn last_failure(&self, now: Timestamp) -> Markup {
        let at = self.message.last_error_at.as_ref().and_then(words::instant);
        html! {
            @match (&self.message.last_error, at) {
                (Some(error), Some(at)) => { (words::call_error(error)) span.faint { ", " (words::relative(at, now)) } }
                _ => span.faint { "none since the start" }
            }
        }
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let fields = Fields::of_query(query.as_deref());
    let name = fields.get("participant");
    let notice = match fields.get("done") {
        "pause" => Some(format!("{name} is paused: it gets no calls.")),
        "resume" => Some(format!("{name} gets calls again.")),
        _ => None,
    };
    page(&console, &visitor, notice.map(Notice::Done), StatusCode::OK)
}

/// The page, with what came of an action.
pub(super) fn page(
    console: &Console,
    visitor: &Visitor,
    notice: Option<Notice>,
    status: StatusCode,
) -> Response {
    let body = html! {
        h1 { "Participants" }
        (contents(console, visitor))
    };
    Page {
        live: Some("/live/participants".to_owned()),
        notice,
        status,
        ..Page::new(Tab::Participants, "Participants")
    }
    .answer(console, visitor, &body)
}

/// What changes on it.
pub(super) fn contents(console: &Console, visitor: &Visitor) -> Markup {
    let now = console.now();
    html! {
        div id="participants" {
            @for view in View::all(console) {
                (card(&view, visitor, now))
            }
        }
    }
}

fn card(view: &View, visitor: &Visitor, now: Timestamp) -> Markup {
    let participant = &view.message;
    let name = participant.name.as_str();
    html! {
        section.card id=(name) aria-labelledby={ "name-" (name) } {
            header {
                h2 id={ "name-" (name) } { (name) }
                (badges::participant(participant, view.is_any_well()))
                a.aside href=(address("/transactions", [("participant", name), ("state", "trying"), ("state", "confirming"), ("state", "cancelling")])) {
                    "Open transactions with it"
                }
            }
            @if participant.paused { (paused(participant, now)) }
            dl.pairs {
                div { dt { "In flight" } dd { (participant.in_flight) } }
                div { dt { "Queued" } dd { (view.queued) } }
                div { dt { "Decided branches waiting" } dd { (participant.waiting) } }
                div { dt { "Last failure" } dd { (view.last_failure(now)) } }
            }
            div.columns {
                div {
                    h3 { "Endpoints" }
                    ul.plain {
                        @for endpoint in &view.endpoints { li { (endpoint_line(endpoint)) } }
                    }
                }
                div {
                    h3 { "Actions" }
                    ul.plain {
                        @for action in &participant.actions {
                            li { strong { (action.name) } " " code { (action.service) } " "
                                span.faint { (verbs(action)) } }
                        }
                    }
                }
            }
            (switch(participant, visitor))
        }
    }
}

fn verbs(action: &pb::Action) -> String {
    let verbs: Vec<&str> = action.verbs().map(words::phase).collect();
    verbs.join(", ")
}

fn endpoint_line(endpoint: &EndpointNow) -> Markup {
    html! {
        code { (endpoint.name) }
        @if let Some(address) = endpoint.address { " " span.faint { "at " (address) } }
        " "
        @if endpoint.failures == 0 {
            (badges::badge("good", "check", "in use"))
        } @else {
            (badges::badge("bad", "warning", "left out"))
            " " span.faint {
                (words::count(u64::from(endpoint.failures), "failure", "failures")) " in a row"
                @if !endpoint.tried_again_in.is_zero() {
                    ", tried again in " (words::duration(endpoint.tried_again_in))
                }
            }
        }
    }
}

fn paused(participant: &pb::Participant, now: Timestamp) -> Markup {
    let since = participant.paused_since.as_ref().and_then(words::instant);
    html! {
        p.notice.warn { (badges::icon("pause")) span {
            "Paused"
            @if let Some(since) = since { " for " (words::age(since, now)) }
            @if !participant.paused_by.is_empty() { " by " (participant.paused_by) }
            @if !participant.pause_reason.is_empty() { ": " q { (participant.pause_reason) } }
            ". Calls wait and use up no attempts; new transactions that name it are refused."
        } }
    }
}

/// The form that pauses or resumes it.
fn switch(participant: &pb::Participant, visitor: &Visitor) -> Markup {
    let name = participant.name.as_str();
    let (action, verb, effect) = if participant.paused {
        (
            "resume",
            "Resume",
            "Everything that waits for it is called at once, within its max_in_flight.",
        )
    } else {
        (
            "pause",
            "Pause",
            "It gets no calls, from any coordinator. What has begun waits; what is new is refused.",
        )
    };
    html! {
        details.action id={ "switch-" (name) } {
            summary { (verb) " " (name) "…" }
            form method="post" action={ "/participants/" (action) } {
                p { (effect) }
                input type="hidden" name="token" value=(visitor.form_token());
                input type="hidden" name="participant" value=(name);
                (super::transaction::who_and_why(visitor, &format!("{action}-{name}"), true, ""))
                button.primary { (verb) " " (name) }
            }
        }
    }
}
