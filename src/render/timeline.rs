//! One transaction as a waterfall: every attempt with its offset from the begin, the decision, the end, and for
//! what is still open why it waits and until when.

use std::{collections::BTreeMap, fmt::Write};

use jiff::{SignedDuration, Timestamp};
use tercet_client::proto::{Attempt, BranchState, BranchStatus, Transaction, TransactionState};

use super::{style::Style, words};

/// Cells of the bar, over the whole time of the transaction.
const BAR_CELLS: usize = 24;
/// Characters of a message that fit on its line.
const MESSAGE_MAX: usize = 72;

/// The whole picture. `now` is for what still waits.
pub(crate) fn render(transaction: &Transaction, now: Timestamp, style: Style) -> String {
    let mut text = String::new();
    head(&mut text, transaction, now, style);
    branches(&mut text, transaction, style);
    waterfall(&mut text, transaction, style);
    waits(&mut text, transaction, now, style);
    text
}

/// Writing to a `String` can't fail.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {{
        let _ = writeln!($text, $($arguments)*);
    }};
}

fn head(text: &mut String, transaction: &Transaction, now: Timestamp, style: Style) {
    let state = words::paint_transaction_state(transaction.state(), style);
    line!(
        text,
        "{}  {state}",
        style.strong(&words::clean(&transaction.gid))
    );
    let begun = transaction.begun_at.as_ref().and_then(words::instant);
    if let Some(begun) = begun {
        let end = transaction.ended_at.as_ref().and_then(words::instant);
        let took = words::duration(end.unwrap_or(now).duration_since(begun));
        let verb = if end.is_some() {
            "ended after"
        } else {
            "open for"
        };
        line!(
            text,
            "  begun        {}, {verb} {took}",
            words::date_and_time(begun)
        );
    }
    if let Some(cause) = &transaction.cancel_cause {
        let cause = words::cancel_cause(cause, transaction);
        line!(text, "  cancelled    {}", style.bad(&cause));
    }
    if let Some(attention) = &transaction.attention {
        let attention = words::attention(attention, now);
        line!(text, "  attention    {}", style.bad(&attention));
    }
    if !transaction.labels.is_empty() {
        let labels: BTreeMap<_, _> = transaction.labels.iter().collect();
        let labels: Vec<String> = labels
            .into_iter()
            .map(|(key, value)| format!("{}={}", words::clean(key), words::clean(value)))
            .collect();
        line!(text, "  labels       {}", labels.join(" "));
    }
    if !transaction.coordinator.is_empty() {
        line!(
            text,
            "  coordinator  {}",
            words::clean(&transaction.coordinator)
        );
    }
}

fn branches(text: &mut String, transaction: &Transaction, style: Style) {
    let width = name_width(transaction);
    for branch in &transaction.branches {
        let name = words::branch_name(transaction, &branch.id);
        let state = words::branch_state(branch.state());
        let painted = match branch.state() {
            BranchState::Confirmed => style.good(state),
            BranchState::Refused | BranchState::InDoubt => style.bad(state),
            BranchState::Cancelled => style.faint(state),
            _ => style.open(state),
        };
        let forced = if branch.forced { "  by hand" } else { "" };
        line!(text, "  branch       {name:<width$}  {painted}{forced}");
    }
}

/// What the waterfall is drawn from, in order of time.
enum Event<'a> {
    Attempt(&'a Attempt),
    /// So many attempts of a branch and phase that the log doesn't keep.
    Gap(u32, &'a Attempt),
    Decided(&'static str),
    Ended(TransactionState),
}

fn waterfall(text: &mut String, transaction: &Transaction, style: Style) {
    let events = events(transaction);
    let begun = transaction.begun_at.as_ref().and_then(words::instant);
    let Some(base) = begun.or_else(|| events.first().map(|(at, _)| *at)) else {
        return;
    };
    let Some(last) = events.iter().map(|(at, event)| event.end(*at)).max() else {
        return;
    };
    let scale = Scale {
        base,
        whole: last
            .duration_since(base)
            .max(SignedDuration::from_micros(1)),
    };
    let width = name_width(transaction);
    line!(text, "");
    for (at, event) in &events {
        let offset = format!("+{}", words::duration(at.duration_since(base)));
        let offset = style.faint(&format!("{offset:>12}"));
        match event {
            Event::Attempt(attempt) => {
                let line = attempt_line(transaction, attempt, &scale, width, style);
                line!(text, "{offset}  {line}");
            }
            Event::Gap(count, attempt) => {
                let name = words::branch_name(transaction, &attempt.branch_id);
                let phase = words::phase(attempt.phase());
                let gap = format!("… {count} attempts to {phase} {name} are not kept");
                line!(text, "{:>12}  {}", "", style.faint(&gap));
            }
            Event::Decided(word) => line!(text, "{offset}  {}", style.strong(word)),
            Event::Ended(state) => {
                let state = words::paint_transaction_state(*state, style);
                line!(text, "{offset}  ■ {state}");
            }
        }
    }
}

fn attempt_line(
    transaction: &Transaction,
    attempt: &Attempt,
    scale: &Scale,
    width: usize,
    style: Style,
) -> String {
    let phase = words::phase(attempt.phase());
    let name = words::branch_name(transaction, &attempt.branch_id);
    let started = attempt.started_at.as_ref().and_then(words::instant);
    let took = attempt.took.as_ref().map(words::span).unwrap_or_default();
    let is_ok = attempt.code == 0;
    let bar = scale.bar(started.unwrap_or(scale.base), took, is_ok);
    let took = words::duration(took);
    let number = format!("#{}", attempt.number);
    let answer = if is_ok {
        style.good("OK")
    } else {
        let code = words::code(attempt.code);
        let message = cut(&words::clean(&attempt.message));
        let separator = if message.is_empty() { "" } else { " " };
        format!("{}{separator}{message}", style.bad(&code))
    };
    let bar = if is_ok { bar } else { style.bad(&bar) };
    format!("{phase:<7} {name:<width$} {number:>4} │{bar}│ {took:>8}  {answer}")
}

/// Where on the bar a time stands.
struct Scale {
    base: Timestamp,
    whole: SignedDuration,
}

impl Scale {
    fn bar(&self, started: Timestamp, took: SignedDuration, is_ok: bool) -> String {
        let from = self
            .cell(started.duration_since(self.base))
            .min(BAR_CELLS - 1);
        let end = self.cell(started.duration_since(self.base) + took);
        // However short, a call is seen.
        let to = end.clamp(from + 1, BAR_CELLS);
        let fill = if is_ok { "█" } else { "▒" };
        let after = BAR_CELLS - to;
        format!(
            "{}{}{}",
            " ".repeat(from),
            fill.repeat(to - from),
            " ".repeat(after)
        )
    }

    fn cell(&self, offset: SignedDuration) -> usize {
        let cells = i128::try_from(BAR_CELLS).unwrap_or(0);
        let cell = offset.as_micros().max(0) * cells / self.whole.as_micros().max(1);
        usize::try_from(cell).unwrap_or(BAR_CELLS).min(BAR_CELLS)
    }
}

fn events(transaction: &Transaction) -> Vec<(Timestamp, Event<'_>)> {
    let mut attempts: Vec<(Timestamp, &Attempt)> = transaction
        .attempts
        .iter()
        .filter_map(|attempt| {
            let started = attempt.started_at.as_ref().and_then(words::instant)?;
            Some((started, attempt))
        })
        .collect();
    attempts.sort_by_key(|(started, attempt)| (*started, attempt.number));

    let mut seen: BTreeMap<(&str, i32), u32> = BTreeMap::new();
    let mut events = Vec::with_capacity(attempts.len() + 2);
    for (started, attempt) in attempts {
        let key = (attempt.branch_id.as_str(), attempt.phase);
        let former = seen.insert(key, attempt.number).unwrap_or(0);
        let missing = attempt.number.saturating_sub(former).saturating_sub(1);
        if missing > 0 {
            events.push((started, Event::Gap(missing, attempt)));
        }
        events.push((started, Event::Attempt(attempt)));
    }
    let decision = match transaction.state() {
        TransactionState::Confirming | TransactionState::Confirmed => "◆ decided to confirm",
        _ => "◆ decided to cancel",
    };
    // The decision comes before the calls that follow from it, also within one tick of the clock.
    if let Some(at) = transaction.decided_at.as_ref().and_then(words::instant) {
        events.push((at, Event::Decided(decision)));
    }
    if let Some(at) = transaction.ended_at.as_ref().and_then(words::instant) {
        events.push((at, Event::Ended(transaction.state())));
    }
    events.sort_by_key(|(at, event)| (*at, event.rank()));
    events
}

impl Event<'_> {
    /// What stands first at the same time: tries, the decision, phase two, the end.
    fn rank(&self) -> u8 {
        use tercet_client::proto::Phase;
        match self {
            Self::Attempt(attempt) | Self::Gap(_, attempt) if attempt.phase() == Phase::Try => 0,
            Self::Decided(_) => 1,
            Self::Attempt(_) | Self::Gap(..) => 2,
            Self::Ended(_) => 3,
        }
    }

    fn end(&self, at: Timestamp) -> Timestamp {
        let took = match self {
            Self::Attempt(attempt) => attempt.took.as_ref().map(words::span).unwrap_or_default(),
            _ => SignedDuration::ZERO,
        };
        at.checked_add(took).unwrap_or(at)
    }
}

/// Why it isn't over yet, and until when it waits.
fn waits(text: &mut String, transaction: &Transaction, now: Timestamp, style: Style) {
    let state = transaction.state();
    if matches!(
        state,
        TransactionState::Confirmed | TransactionState::Cancelled
    ) {
        return;
    }
    line!(text, "");
    if state == TransactionState::Trying {
        let deadline = transaction.try_deadline.as_ref().and_then(words::instant);
        let until = deadline.map_or_else(String::new, |at| format!(" until {}", until(at, now)));
        line!(text, "  {}", style.open(&format!("undecided{until}")));
    }
    for branch in &transaction.branches {
        if let Some(reason) = wait(branch, state, now) {
            let name = words::branch_name(transaction, &branch.id);
            line!(text, "  {} {name}: {reason}", style.open("waits"));
        }
    }
}

fn wait(branch: &BranchStatus, state: TransactionState, now: Timestamp) -> Option<String> {
    if matches!(
        branch.state(),
        BranchState::Confirmed | BranchState::Cancelled
    ) {
        return None;
    }
    let mut reason = match branch.next_attempt_at.as_ref().and_then(words::instant) {
        Some(at) => format!("next attempt {}", until(at, now)),
        None if branch.attention.as_ref().is_some_and(|it| it.parked) => {
            "parked, no further attempt until resumed".to_owned()
        }
        None => match state {
            TransactionState::Confirming => "its confirm is under way".to_owned(),
            TransactionState::Cancelling => "its cancel is under way".to_owned(),
            _ if branch.state() == BranchState::Registered => "its try is under way".to_owned(),
            _ => return None,
        },
    };
    if let Some(error) = &branch.last_error {
        let error = words::call_error(error);
        let _ = write!(reason, ", attempt {} ended {error}", branch.attempts);
    }
    if let Some(attention) = &branch.attention {
        let attention = words::attention(attention, now);
        let _ = write!(reason, " ({attention})");
    }
    Some(reason)
}

fn until(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_positive() {
        let left = words::duration(left);
        format!("{}, in {left}", words::time_of_day(at))
    } else {
        "now".to_owned()
    }
}

fn name_width(transaction: &Transaction) -> usize {
    let names = transaction.branches.iter();
    let lengths = names.map(|branch| words::branch_name(transaction, &branch.id).chars().count());
    lengths.max().unwrap_or(0)
}

fn cut(message: &str) -> String {
    if message.chars().count() <= MESSAGE_MAX {
        return message.to_owned();
    }
    let kept: String = message.chars().take(MESSAGE_MAX - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
