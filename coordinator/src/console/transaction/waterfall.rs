//! Every attempt that is kept, in order of time, with the decision and the end.
//!
//! Time runs from left to right. Where nothing was under way for long it is shortened, or a retry an hour later would
//! leave nothing of the first milliseconds to be seen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;

use super::super::fields::address;
use super::super::{badges, words};

mod scale;

use scale::{Scale, WIDTH};

/// Rows that are shown unless all are asked for; the last ones.
const ROWS_SHOWN: usize = 150;

/// One line.
enum Event<'a> {
    Attempt(&'a pb::Attempt),
    /// So many attempts of a branch and phase that aren't kept.
    Gap(u32, &'a pb::Attempt),
    Decided(&'static str),
    Ended(pb::TransactionState),
}

/// When an attempt began and how it ended.
fn extent(attempt: &pb::Attempt) -> Option<(Timestamp, Timestamp)> {
    let start = attempt.started_at.as_ref().and_then(words::instant)?;
    let took = attempt.took.as_ref().map(words::span).unwrap_or_default();
    Some((start, start.checked_add(took).unwrap_or(start)))
}

/// In order of time; at the same time a gap comes first and an end last.
fn events(transaction: &pb::Transaction) -> Vec<(Timestamp, Event<'_>)> {
    let mut events = Vec::new();
    let mut last_numbers = BTreeMap::<(&str, i32), u32>::new();
    for attempt in &transaction.attempts {
        let Some((start, _)) = extent(attempt) else {
            continue;
        };
        let key = (attempt.branch_id.as_str(), attempt.phase);
        let last = last_numbers.insert(key, attempt.number).unwrap_or(0);
        let missing = attempt.number.saturating_sub(last).saturating_sub(1);
        if missing > 0 {
            events.push((start, Event::Gap(missing, attempt)));
        }
        events.push((start, Event::Attempt(attempt)));
    }
    let at = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(words::instant);
    if let Some(decided) = at(&transaction.decided_at) {
        let word = match transaction.state() {
            pb::TransactionState::Confirming | pb::TransactionState::Confirmed => {
                "decided to confirm"
            }
            _ => "decided to cancel",
        };
        // Before the calls that follow from it.
        events.push((decided, Event::Decided(word)));
    }
    if let Some(ended) = at(&transaction.ended_at) {
        events.push((ended, Event::Ended(transaction.state())));
    }
    events.sort_by_key(|(at, event)| (*at, matches!(event, Event::Ended(_))));
    events
}

pub(in super::super) fn render(
    transaction: &pb::Transaction,
    now: Timestamp,
    is_whole: bool,
) -> Markup {
    let title = html! { h2 id="attempts-title" { "Attempts" } };
    let events = events(transaction);
    let begun = transaction.begun_at.as_ref().and_then(words::instant);
    let Some(begun) = begun.filter(|_| !events.is_empty()) else {
        return html! { (title) p.faint { "No call has ended yet." } };
    };
    let is_open = !words::is_ended(transaction.state());
    let extents: Vec<_> = transaction.attempts.iter().filter_map(extent).collect();
    let end = transaction.ended_at.as_ref().and_then(words::instant);
    let scale = Scale::new(begun, &extents, end.unwrap_or(now));
    let hidden = if is_whole {
        0
    } else {
        events.len().saturating_sub(ROWS_SHOWN)
    };
    let decided = transaction.decided_at.as_ref().and_then(words::instant);
    let rows = Rows {
        transaction,
        begun,
        decided: decided.map(|at| scale.x(at)),
        scale: &scale,
    };
    html! {
        (title)
        @if hidden > 0 {
            p.faint {
                (hidden) " earlier lines are left out. "
                a href=(address("/transaction", [("gid", transaction.gid.as_str()), ("attempts", "all")])) { "Show all" }
            }
        }
        div.wide {
            table.waterfall {
                thead { tr {
                    th.number scope="col" { "After" } th scope="col" { "Call" } th scope="col" { "Branch" } th scope="col" { "Endpoint" }
                    th.lane scope="col" {
                        span.unseen { "When" }
                        span.axis aria-hidden="true" {
                            span { "begin" }
                            @if scale.is_shortened() { span { "long waits are shortened" } }
                            span { @if is_open { "now" } @else { "end" } }
                        }
                    }
                    th.number scope="col" { "Took" } th scope="col" { "Answer" }
                } }
                tbody {
                    @for (at, event) in &events[hidden..] { (rows.row(*at, event)) }
                    @if is_open {
                        tr.mark.open {
                            td.number { "+" (words::whole(words::between(begun, now).as_secs())) }
                            td colspan="3" { (badges::icon("ring")) "now, still open" }
                            td.lane {} td {} td {}
                        }
                    }
                }
            }
        }
    }
}

struct Rows<'a> {
    transaction: &'a pb::Transaction,
    begun: Timestamp,
    /// Where the decision is.
    decided: Option<u32>,
    scale: &'a Scale,
}

impl Rows<'_> {
    fn row(&self, at: Timestamp, event: &Event<'_>) -> Markup {
        let after = words::duration(words::between(self.begun, at));
        match event {
            Event::Attempt(attempt) => self.attempt(&after, attempt),
            Event::Gap(count, attempt) => html! {
                tr.gap { td {} td colspan="6" {
                    "… " (words::count(u64::from(*count), "attempt", "attempts")) " to "
                    (words::phase(attempt.phase())) " " (words::branch_name(self.transaction, &attempt.branch_id))
                    " that are not kept"
                } }
            },
            Event::Decided(word) => self.mark(&after, at, "decided", "diamond", word),
            Event::Ended(state) => {
                let word = words::transaction_state(*state);
                self.mark(&after, at, "ended", "square", word)
            }
        }
    }

    fn mark(
        &self,
        after: &str,
        at: Timestamp,
        kind: &str,
        shape: &'static str,
        word: &str,
    ) -> Markup {
        let x = self.scale.x(at);
        html! {
            tr.mark.(kind) {
                td.number { "+" (after) }
                td colspan="3" { (badges::icon(shape)) (word) }
                td.lane { (lane(&html! { rect.mark x=(x.saturating_sub(3)) y="0" width="6" height="20" {} })) }
                td {} td {}
            }
        }
    }

    fn attempt(&self, after: &str, attempt: &pb::Attempt) -> Markup {
        let phase = words::phase(attempt.phase());
        let is_ok = attempt.code == 0;
        let took = attempt.took.as_ref().map(words::span).unwrap_or_default();
        let (from, to) =
            extent(attempt).map_or((0, 0), |(from, to)| (self.scale.x(from), self.scale.x(to)));
        let width = to.saturating_sub(from).max(6);
        let from = from.min(WIDTH - width.min(WIDTH));
        html! {
            tr.failed[!is_ok] {
                td.number { "+" (after) }
                td { span.phase.(phase) { (phase) } " " span.faint { "#" (attempt.number) } }
                td { (words::branch_name(self.transaction, &attempt.branch_id)) }
                td.endpoint { (endpoint(attempt)) }
                td.lane {
                    (lane(&html! {
                        @if let Some(x) = self.decided { line.decided x1=(x) x2=(x) y1="0" y2="20" vector-effect="non-scaling-stroke" {} }
                        rect.call.(phase).failed[!is_ok] x=(from) y="4" width=(width) height="12" rx="2" {}
                    }))
                }
                td.number { (words::duration(took)) }
                td.text {
                    @if is_ok { span.ok { "OK" } } @else {
                        strong.code { (words::code(attempt.code)) }
                        @if !attempt.message.is_empty() { " " (attempt.message) }
                    }
                }
            }
        }
    }
}

/// Where a call went, without the scheme that nearly all have.
fn endpoint(attempt: &pb::Attempt) -> &str {
    let endpoint = attempt.endpoint.as_str();
    endpoint.strip_prefix("http://").unwrap_or(endpoint)
}

/// The line of time of one row.
fn lane(inside: &Markup) -> Markup {
    html! {
        svg viewBox={ "0 0 " (WIDTH) " 20" } preserveAspectRatio="none" aria-hidden="true" focusable="false" { (inside) }
    }
}
