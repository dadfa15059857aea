//! The branches of a transaction, and for each that is open why it waits and until when.

use maud::{Markup, html};
use tercet_core::ParticipantName;
use tercet_proto::tercet::v1 as pb;

use super::super::{badges, words};
use super::View;
use crate::participants::Participant;

pub(super) fn table(view: View<'_>) -> Markup {
    let branches = &view.transaction.branches;
    html! {
        h2 id="branches-title" { "Branches" }
        @if branches.is_empty() { p.faint { "It has none." } } @else {
            div.wide {
                table {
                    thead { tr {
                        th scope="col" { "Branch" } th scope="col" { "State" }
                        th.number scope="col" { "Attempts" } th scope="col" { "Now" }
                    } }
                    tbody {
                        @for branch in branches { (row(view, branch)) }
                    }
                }
            }
        }
    }
}

fn row(view: View<'_>, branch: &pb::BranchStatus) -> Markup {
    html! {
        tr.attention[branch.attention.is_some()] {
            th scope="row" {
                span.id { (branch.id) } " "
                a href={ "/participants#" (branch.participant) } { (branch.participant) } "." (branch.action)
            }
            td { (badges::branch(branch)) }
            td.number data-label="Attempts" { (branch.attempts) }
            td.text data-label="Now" { (now(view, branch)) }
        }
    }
}

fn is_over(branch: &pb::BranchStatus) -> bool {
    matches!(
        branch.state(),
        pb::BranchState::Confirmed | pb::BranchState::Cancelled
    )
}

/// Why a branch waits and until when; what has become of one that is over.
fn now(view: View<'_>, branch: &pb::BranchStatus) -> Markup {
    if is_over(branch) {
        return html! {
            @if branch.forced { "Recorded as done by hand; its participant was not asked." }
            @else if branch.attempts == 0 { span.faint { "Done without a call." } }
            @else { span.faint { "Done." } }
        };
    }
    html! {
        (waits(view, branch))
        @if let Some(error) = &branch.last_error {
            div.error { "Last answer: " (words::call_error(error)) }
        }
        @if let Some(attention) = branch.attention.as_ref().filter(|it| !is_said(view, it)) {
            @let since = attention.since.as_ref().and_then(words::instant);
            div.why {
                (badges::attention(Some(attention))) " " (words::why(attention))
                @if let Some(since) = since { ", for " (words::age(since, view.now)) }
            }
        }
    }
}

/// Whether it stands on top of the page already.
fn is_said(view: View<'_>, attention: &pb::Attention) -> bool {
    let said = view.transaction.attention.as_ref();
    said.is_some_and(|said| said.why == attention.why)
}

fn waits(view: View<'_>, branch: &pb::BranchStatus) -> Markup {
    let name = branch.participant.as_str();
    let participants = &view.console.shared().participants;
    let configured = ParticipantName::parse(name).ok();
    let configured = configured.and_then(|name| participants.get(&name));
    let pause = configured.and_then(|participant| participant.pause());
    let is_parked = branch.attention.as_ref().is_some_and(|it| it.parked);
    let is_undecided = view.transaction.state() == pb::TransactionState::Trying;
    let next = branch.next_attempt_at.as_ref().and_then(words::instant);
    html! {
        @if is_parked {
            div { strong { "Parked." } " Nothing is called until somebody resumes it." }
        } @else if is_undecided && branch.state() == pb::BranchState::Tried {
            div { "Tried; waits for the decision." }
        } @else if is_undecided && branch.state() == pb::BranchState::Refused {
            div { "Refused; waits for the decision." }
        } @else if configured.is_none() {
            div { strong { "No participant is called " (name) } " in this coordinator's configuration; the branch is kept." }
        } @else if let Some(pause) = pause {
            div {
                strong { (name) " is paused" }
                @if !pause.who.is_empty() { " by " (pause.who) }
                @if !pause.reason.is_empty() { ": " q { (pause.reason) } }
                ". It goes on when somebody "
                a href={ "/participants#" (name) } { "resumes the participant" } "."
            }
        } @else if let Some(next) = next {
            div { "Next attempt " (words::relative(next, view.now)) "." (silent(configured)) }
        } @else if branch.attempts > 0 {
            div { "Attempt " (branch.attempts) " is under way." (silent(configured)) }
        } @else {
            div { "Waits for its turn." }
        }
    }
}

/// That none of the participant's endpoints answers, if so.
fn silent(participant: Option<&std::sync::Arc<Participant>>) -> Markup {
    let endpoints = participant.map(|it| it.endpoints_now()).unwrap_or_default();
    let is_silent = !endpoints.is_empty() && endpoints.iter().all(|it| it.failures > 0);
    html! { @if is_silent { " None of its endpoints answers." } }
}
