//! States with a colour, a shape and a word, so that none of them has to carry the meaning alone.

use maud::{Markup, PreEscaped, html};
use tercet_proto::tercet::v1 as pb;

use super::words;

/// The shapes. Constants of the code, so they need no escaping.
const fn shape(name: &str) -> &'static str {
    match name.as_bytes() {
        b"ring" => {
            r#"<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2.4"/>"#
        }
        b"half" => {
            r#"<circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="2"/><path d="M8 2.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor"/>"#
        }
        b"check" => {
            r#"<path d="M3 8.6l3.2 3.2L13 4.6" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>"#
        }
        b"back" => {
            r#"<path d="M6.4 3.2L2.8 6.8l3.6 3.6M3.2 6.8h6.2a3.4 3.4 0 0 1 0 6.6H7" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>"#
        }
        b"cross" => {
            r#"<path d="M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"/>"#
        }
        b"pause" => r#"<path d="M4 3h3v10H4zM9 3h3v10H9z" fill="currentColor"/>"#,
        b"hand" => {
            r#"<path d="M8 2.2l1.6 3.5 3.8.4-2.9 2.5.9 3.8L8 10.4l-3.4 2 .9-3.8-2.9-2.5 3.8-.4z" fill="currentColor"/>"#
        }
        b"question" => {
            r#"<path d="M5.4 6a2.6 2.6 0 1 1 3.7 2.4C8.3 8.8 8 9.2 8 10" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/><circle cx="8" cy="12.9" r="1.2" fill="currentColor"/>"#
        }
        b"stop" => {
            r#"<path d="M5.2 2h5.6L14 5.2v5.6L10.8 14H5.2L2 10.8V5.2z" fill="currentColor"/>"#
        }
        b"diamond" => r#"<path d="M8 1.6L14.4 8 8 14.4 1.6 8z" fill="currentColor"/>"#,
        b"square" => r#"<path d="M3 3h10v10H3z" fill="currentColor"/>"#,
        b"dot" => r#"<circle cx="8" cy="8" r="4" fill="currentColor"/>"#,
        // warning
        _ => {
            r#"<path d="M8 1.8l6.8 12.4H1.2z" fill="currentColor"/><path d="M8 6.2v3.6" class="cut" stroke-width="1.6" stroke-linecap="round"/><circle cx="8" cy="11.9" r=".9" class="cut-dot"/>"#
        }
    }
}

/// A shape beside a word that says the same.
pub(super) fn icon(name: &'static str) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false" {
            (PreEscaped(shape(name)))
        }
    }
}

/// A shape and a word in the colour of `tone`.
pub(super) fn badge(tone: &str, shape: &'static str, word: &str) -> Markup {
    html! { span.badge.(tone) { (icon(shape)) (word) } }
}

/// The state of a transaction.
pub(super) fn transaction(state: pb::TransactionState) -> Markup {
    use pb::TransactionState::{Cancelled, Cancelling, Confirmed, Confirming, Trying, Unspecified};
    let (tone, shape) = match state {
        Trying => ("try", "ring"),
        Confirming => ("going", "half"),
        Confirmed => ("good", "check"),
        Cancelling => ("undo", "back"),
        Cancelled => ("calm", "cross"),
        Unspecified => ("calm", "question"),
    };
    badge(tone, shape, words::transaction_state(state))
}

/// The state of a branch.
pub(super) fn branch(branch: &pb::BranchStatus) -> Markup {
    use pb::BranchState::{Cancelled, Confirmed, InDoubt, Refused, Registered, Tried, Unspecified};
    let state = branch.state();
    let (tone, shape) = match state {
        Registered => ("try", "ring"),
        Tried => ("going", "half"),
        Refused => ("bad", "stop"),
        InDoubt => ("warn", "question"),
        Confirmed => ("good", "check"),
        Cancelled => ("calm", "cross"),
        Unspecified => ("calm", "question"),
    };
    html! {
        (badge(tone, shape, words::branch_state(state)))
        @if branch.forced { " " (badge("warn", "hand", "by hand")) }
    }
}

/// That a person should look at it, if that is so.
pub(super) fn attention(attention: Option<&pb::Attention>) -> Markup {
    match attention {
        Some(attention) if attention.parked => badge("bad", "pause", "parked"),
        Some(_) => badge("bad", "warning", "needs attention"),
        None => html! {},
    }
}

/// How the calls to a participant are.
pub(super) fn participant(participant: &pb::Participant, is_any_well: bool) -> Markup {
    html! {
        @if participant.paused { (badge("warn", "pause", "paused")) " " }
        @match participant.breaker() {
            pb::BreakerState::Open => { (badge("bad", "stop", "breaker open")) }
            pb::BreakerState::HalfOpen => { (badge("warn", "question", "breaker half open")) }
            _ if !is_any_well => { (badge("bad", "warning", "not answering")) }
            _ if !participant.paused => { (badge("good", "check", "answering")) }
            _ => {}
        }
    }
}
