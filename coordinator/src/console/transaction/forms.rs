//! What a person may do to a transaction, with what it means, and what they have to say for it.

use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;

use super::super::acting::Action;
use super::super::visitor::Visitor;
use super::super::words;
use super::View;

/// A reason that is longer is cut by the rpc.
const REASON_CHARS_MAX: u32 = 1_000;

/// What was typed into a form that was refused, so that it needn't be typed again.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Draft<'a> {
    pub(in super::super) action: Option<Action>,
    pub(in super::super) branch: &'a str,
    pub(in super::super) reason: &'a str,
}

/// The forms of everything that can be done now.
pub(super) fn actions(view: View<'_>, draft: &Draft<'_>) -> Markup {
    let transaction = view.transaction;
    if words::is_ended(transaction.state()) {
        return html! {
            h2.unseen id="actions-title" { "What you may do" }
            p.faint { "It has ended. Nothing is left to do." }
        };
    }
    let is_undecided = transaction.state() == pb::TransactionState::Trying;
    let open = || transaction.branches.iter().filter(|branch| is_open(branch));
    let is_any_parked = open().any(is_parked);
    let is_any_going = open().any(|branch| !is_parked(branch));
    let form = |action: Action, more: &Markup| form(view, action, draft, more);
    let nothing = html! {};
    html! {
        h2 id="actions-title" { "What you may do" }
        div.actions {
            (form(Action::Retry, &nothing))
            @if !is_undecided && is_any_going { (form(Action::Park, &nothing)) }
            @if is_any_parked { (form(Action::Resume, &nothing)) }
            @if is_undecided { (form(Action::Cancel, &nothing)) }
            @if !is_undecided && open().next().is_some() {
                (form(Action::Force, &branch_choice(transaction, draft)))
            }
        }
    }
}

fn is_parked(branch: &pb::BranchStatus) -> bool {
    branch.attention.as_ref().is_some_and(|it| it.parked)
}

fn is_open(branch: &pb::BranchStatus) -> bool {
    !matches!(
        branch.state(),
        pb::BranchState::Confirmed | pb::BranchState::Cancelled
    )
}

fn form(view: View<'_>, action: Action, draft: &Draft<'_>, more: &Markup) -> Markup {
    let is_drafted = draft.action == Some(action);
    let name = action.name();
    let reason = if is_drafted { draft.reason } else { "" };
    let gid = &view.transaction.gid;
    html! {
        details.action.danger[action.is_dangerous()] id={ "do-" (name) } name="action" open[is_drafted] {
            summary { (action.title()) "…" }
            form method="post" action={ "/transaction/" (name) } {
                p { (action.effect()) }
                input type="hidden" name="token" value=(view.visitor.form_token());
                input type="hidden" name="gid" value=(gid);
                (more)
                (who_and_why(view.visitor, name, action.is_dangerous(), reason))
                @if action.is_dangerous() { (typed_out(name, "gid", gid)) }
                button.primary.danger[action.is_dangerous()] { (action.title()) }
            }
        }
    }
}

fn branch_choice(transaction: &pb::Transaction, draft: &Draft<'_>) -> Markup {
    let open = transaction.branches.iter().filter(|branch| is_open(branch));
    html! {
        div.field {
            label for="force-branch" { "Branch" }
            select id="force-branch" name="branch" required {
                @for branch in open {
                    option value=(branch.id) selected[branch.id == draft.branch] {
                        (branch.id) " " (branch.participant) "." (branch.action)
                    }
                }
            }
        }
    }
}

/// Two fields that every action has.
pub(in super::super) fn who_and_why(
    visitor: &Visitor,
    form: &str,
    is_reason_needed: bool,
    reason: &str,
) -> Markup {
    html! {
        div.field {
            label for={ "name-for-" (form) } { "Your name" }
            input id={ "name-for-" (form) } name="name" value=(visitor.name) required maxlength="64"
                autocomplete="name" spellcheck="false";
        }
        div.field.long {
            label for={ "reason-for-" (form) } { "Reason" @if !is_reason_needed { " " span.faint { "(optional)" } } }
            input id={ "reason-for-" (form) } name="reason" value=(reason) required[is_reason_needed]
                maxlength=(REASON_CHARS_MAX) autocomplete="off" placeholder="for the audit records";
        }
    }
}

/// A field into which `text` has to be typed, so that nobody does it to the wrong one.
pub(in super::super) fn typed_out(form: &str, what: &str, text: &str) -> Markup {
    html! {
        div.field.long {
            label for={ "typed-for-" (form) } { "Type the " (what) " to go on" }
            input id={ "typed-for-" (form) } name="typed" required data-must-be=(text)
                autocomplete="off" spellcheck="false" placeholder=(text) maxlength="128";
        }
    }
}
