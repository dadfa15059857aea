//! What changed between two looks at one transaction, a line each.

use jiff::Timestamp;
use tercet_client::proto::{Attempt, Transaction};

use super::{style::Style, words};

/// The lines that `after` adds to `before`. The first look adds all there is.
pub(crate) fn changes(
    before: Option<&Transaction>,
    after: &Transaction,
    now: Timestamp,
    style: Style,
) -> Vec<String> {
    let time = style.faint(&words::time_of_day(now));
    let mut lines = Vec::new();
    let known = before.map(|it| it.attempts.as_slice()).unwrap_or_default();
    for attempt in &after.attempts {
        if !known.iter().any(|other| is_same(other, attempt)) {
            lines.push(attempt_line(after, attempt, style));
        }
    }
    for branch in &after.branches {
        let former = before.and_then(|it| it.branches.iter().find(|other| other.id == branch.id));
        let name = words::branch_name(after, &branch.id);
        if former.map(|it| it.state) != Some(branch.state) {
            let state = words::branch_state(branch.state());
            lines.push(format!("{name} is {state}"));
        }
        if let Some(attention) = &branch.attention
            && former.and_then(|it| it.attention.as_ref()) != Some(attention)
        {
            let text = words::attention(attention, now);
            lines.push(format!("{name} needs attention: {}", style.bad(&text)));
        }
    }
    if before.map(|it| it.state) != Some(after.state) {
        let state = words::paint_transaction_state(after.state(), style);
        let cause = after
            .cancel_cause
            .as_ref()
            .map(|cause| format!(", {}", words::cancel_cause(cause, after)))
            .unwrap_or_default();
        lines.push(format!("{} is {state}{cause}", words::clean(&after.gid)));
    }
    lines
        .into_iter()
        .map(|line| format!("{time}  {line}"))
        .collect()
}

/// The first and the last attempts are kept, so a place in the list means nothing.
fn is_same(a: &Attempt, b: &Attempt) -> bool {
    (&a.branch_id, a.phase, a.number) == (&b.branch_id, b.phase, b.number)
}

fn attempt_line(transaction: &Transaction, attempt: &Attempt, style: Style) -> String {
    let phase = words::phase(attempt.phase());
    let name = words::branch_name(transaction, &attempt.branch_id);
    let took = attempt.took.as_ref().map(words::span).unwrap_or_default();
    let took = words::duration(took);
    let code = words::code(attempt.code);
    let answer = if attempt.code == 0 {
        style.good(&code)
    } else {
        format!("{} {}", style.bad(&code), words::clean(&attempt.message))
    };
    let number = attempt.number;
    format!(
        "{phase} {name} #{number} took {took}: {}",
        answer.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::{at, confirmed};
    use tercet_client::proto::{BranchState, TransactionState};

    fn lines(before: Option<&Transaction>, after: &Transaction) -> Vec<String> {
        changes(before, after, at(0), Style::Plain)
    }

    #[test]
    fn only_what_is_new_is_told() {
        let after = confirmed();
        let mut before = confirmed();
        before.set_state(TransactionState::Confirming);
        before.attempts.pop();
        before.branches[1].set_state(BranchState::Tried);
        assert_eq!(
            lines(Some(&before), &after),
            [
                "13:05:09.000  confirm 2 stock.reserve #2 took 20 ms: OK",
                "13:05:09.000  2 stock.reserve is CONFIRMED",
                "13:05:09.000  order-1 is CONFIRMED",
            ]
        );
        assert!(lines(Some(&after), &after).is_empty());
    }

    #[test]
    fn the_first_look_tells_all() {
        let all = lines(None, &confirmed());
        assert_eq!(all.len(), 5 + 2 + 1);
        assert_eq!(
            all[3],
            "13:05:09.000  confirm 2 stock.reserve #1 took 30 ms: UNAVAILABLE connection refused"
        );
    }
}
