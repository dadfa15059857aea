//! Lists: transactions, participants, the coordinator's own state, what people have done.

use jiff::Timestamp;
use tercet_client::proto::{
    Action, AuditRecord, BreakerState, CoordinatorSession, GetStatusResponse, Participant,
    Transaction,
};

use super::{
    columns::{Cell, Columns},
    style::Style,
    words,
};

/// Transactions, one a line.
pub(crate) fn transactions(list: &[Transaction], now: Timestamp, style: Style) -> String {
    if list.is_empty() {
        return "no transactions".to_owned();
    }
    let mut table = Columns::new(
        &[
            "GID",
            "STATE",
            "BEGUN",
            "AGE",
            "BRANCHES",
            "LABELS",
            "ATTENTION",
        ],
        style,
    );
    for transaction in list {
        let begun = transaction.begun_at.as_ref().and_then(words::instant);
        let labels = std::collections::BTreeMap::from_iter(&transaction.labels);
        let labels: Vec<String> = labels
            .into_iter()
            .map(|(key, value)| words::clean(&format!("{key}={value}")))
            .collect();
        let attention = transaction
            .attention
            .as_ref()
            .map(|attention| words::attention(attention, now))
            .unwrap_or_default();
        table.row([
            Cell::from(words::clean(&transaction.gid)),
            state_cell(transaction, style),
            Cell::from(begun.map(words::date_and_time).unwrap_or_default()),
            Cell::right(
                &begun.map_or_else(String::new, |at| words::duration(now.duration_since(at))),
            ),
            Cell::right(&transaction.branches.len().to_string()),
            Cell::from(labels.join(" ")),
            Cell::painted(&attention, style.bad(&attention)),
        ]);
    }
    table.text()
}

/// Participants, one a line.
pub(crate) fn participants(list: &[Participant], now: Timestamp, style: Style) -> String {
    if list.is_empty() {
        return "no participants are configured".to_owned();
    }
    let mut table = Columns::new(
        &[
            "NAME",
            "HEALTH",
            "IN FLIGHT",
            "WAITING",
            "ENDPOINTS",
            "ACTIONS",
            "LAST ERROR",
        ],
        style,
    );
    for participant in list {
        let last_error = participant.last_error.as_ref().map(|error| {
            let at = participant.last_error_at.as_ref().and_then(words::instant);
            let ago = at.map(|at| format!(", {} ago", words::duration(now.duration_since(at))));
            format!("{}{}", words::call_error(error), ago.unwrap_or_default())
        });
        table.row([
            Cell::from(words::clean(&participant.name)),
            health(participant, style),
            Cell::right(&participant.in_flight.to_string()),
            Cell::right(&participant.waiting.to_string()),
            Cell::from(words::clean(&participant.endpoints.join(" "))),
            Cell::from(actions(&participant.actions)),
            Cell::from(last_error.unwrap_or_default()),
        ]);
    }
    table.text()
}

fn health(participant: &Participant, style: Style) -> Cell {
    match (participant.paused, participant.breaker()) {
        (true, _) => {
            let mut text = "paused".to_owned();
            for (before, word) in [
                (" by ", &participant.paused_by),
                (": ", &participant.pause_reason),
            ] {
                if !word.is_empty() {
                    text.push_str(before);
                    text.push_str(&words::clean(word));
                }
            }
            Cell::painted(&text, style.open(&text))
        }
        (false, BreakerState::Open) => Cell::painted("down", style.bad("down")),
        (false, BreakerState::HalfOpen) => Cell::painted("being tried", style.open("being tried")),
        (false, _) => Cell::painted("ok", style.good("ok")),
    }
}

fn actions(actions: &[Action]) -> String {
    let named: Vec<String> = actions
        .iter()
        .map(|action| {
            let verbs: Vec<&str> = action.verbs().map(words::phase).collect();
            format!("{}({})", words::clean(&action.name), verbs.join(","))
        })
        .collect();
    named.join(" ")
}

/// One coordinator.
pub(crate) fn status(status: &GetStatusResponse, now: Timestamp, style: Style) -> String {
    let mut table = Columns::without_head();
    let mut row = |name: &str, value: Cell| {
        table.row([Cell::painted(name, style.faint(name)), value]);
    };
    let health = if status.draining {
        Cell::painted("draining", style.open("draining"))
    } else {
        Cell::painted("serving", style.good("serving"))
    };
    row("coordinator", words::clean(&status.coordinator_id).into());
    row("address", words::clean(&status.advertised_address).into());
    row("version", words::clean(&status.version).into());
    row("health", health);
    if let Some(uptime) = &status.uptime {
        row("up for", words::duration(words::span(uptime)).into());
    }
    let open: Vec<String> = status
        .open
        .iter()
        .filter(|count| count.count > 0)
        .map(|count| {
            format!(
                "{} {}",
                count.count,
                words::transaction_state(count.state())
            )
        })
        .collect();
    let open = if open.is_empty() {
        "none".to_owned()
    } else {
        open.join(", ")
    };
    row("open", open.into());
    if let Some(begun) = status
        .oldest_unresolved_begun_at
        .as_ref()
        .and_then(words::instant)
    {
        row(
            "oldest open",
            words::duration(now.duration_since(begun)).into(),
        );
    }
    let parked = status.parked.to_string();
    let painted = if status.parked > 0 {
        style.bad(&parked)
    } else {
        parked.clone()
    };
    row("parked", Cell::painted(&parked, painted));
    row("log queue", status.log_queue_depth.to_string().into());
    if let Some(took) = &status.last_batch_took {
        let took = words::duration(words::span(took));
        let entries = match status.last_batch_entries {
            1 => "1 entry".to_owned(),
            entries => format!("{entries} entries"),
        };
        row("last batch", format!("{entries} in {took}").into());
    }
    if status.adopted > 0 {
        row("taken over", status.adopted.to_string().into());
    }
    for waiting in &status.waiting {
        let name = format!("waiting for {}", words::clean(&waiting.participant));
        row(&name, waiting.waiting.to_string().into());
    }
    let mut text = table.text();
    if status.sessions.len() > 1 {
        text.push_str("\n\n");
        text.push_str(&coordinators(&status.sessions, now, style));
    }
    text
}

/// The coordinators on one log, one a line.
fn coordinators(sessions: &[CoordinatorSession], now: Timestamp, style: Style) -> String {
    let mut table = Columns::new(
        &["COORDINATOR", "ADDRESS", "UP FOR", "STATE", "OPEN"],
        style,
    );
    for session in sessions {
        let opened = session.opened_at.as_ref().and_then(words::instant);
        let up = opened.map(|opened| words::duration(now.duration_since(opened)));
        let state = match (session.fenced, session.answering) {
            // It is gone; what it has left is going to the others.
            (true, _) => Cell::painted("being taken over", style.bad("being taken over")),
            (false, true) => Cell::painted("this one", style.good("this one")),
            // Whether it lives shows within the take-over time.
            (false, false) => Cell::from("in session".to_owned()),
        };
        table.row([
            Cell::from(words::clean(&session.coordinator_id)),
            Cell::from(words::clean(&session.advertised_address)),
            Cell::from(up.unwrap_or_default()),
            state,
            Cell::from(session.open.to_string()),
        ]);
    }
    table.text()
}

/// Audit records, one a line.
pub(crate) fn audit(records: &[AuditRecord], style: Style) -> String {
    if records.is_empty() {
        return "no records".to_owned();
    }
    let mut table = Columns::new(
        &[
            "TIME",
            "WHO",
            "ACTION",
            "GID",
            "BRANCH",
            "PARTICIPANT",
            "BEFORE",
            "AFTER",
            "REASON",
        ],
        style,
    );
    for record in records {
        let time = record.time.as_ref().and_then(words::instant);
        table.row([
            Cell::from(time.map(words::date_and_time).unwrap_or_default()),
            Cell::from(words::clean(&record.who)),
            Cell::from(words::clean(&record.action)),
            Cell::from(words::clean(&record.gid)),
            Cell::from(words::clean(&record.branch_id)),
            Cell::from(words::clean(&record.participant)),
            Cell::from(words::clean(&record.before)),
            Cell::from(words::clean(&record.after)),
            Cell::from(words::clean(&record.reason)),
        ]);
    }
    table.text()
}

fn state_cell(transaction: &Transaction, style: Style) -> Cell {
    let state = transaction.state();
    let painted = words::paint_transaction_state(state, style);
    Cell::painted(words::transaction_state(state), painted)
}

#[cfg(test)]
mod tests {
    use tercet_client::proto::{CallError, Phase, StateCount, TransactionState};

    use super::*;
    use crate::render::sample::{at, confirmed, stamp};

    #[test]
    fn transactions_stand_in_columns() {
        let text = transactions(&[confirmed()], at(90_000), Style::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("GID"), "{text}");
        let words: Vec<&str> = lines[1]
            .split("  ")
            .map(str::trim)
            .filter(|w| !w.is_empty())
            .collect();
        assert_eq!(
            words,
            [
                "order-1",
                "CONFIRMED",
                "2026-01-31 13:05:09.000 UTC",
                "1 min 30 s",
                "2",
                "order_no=4711"
            ]
        );
        assert_eq!(transactions(&[], at(0), Style::Plain), "no transactions");
    }

    #[test]
    fn colours_keep_the_columns() {
        let plain = transactions(&[confirmed()], at(0), Style::Plain);
        let colour = transactions(&[confirmed()], at(0), Style::Colour);
        let column = |text: &str| {
            text.lines()
                .nth(1)
                .and_then(|line| line.find("2026"))
                .unwrap_or(0)
        };
        // Further along by the escape sequences around CONFIRMED, and by nothing else.
        assert_eq!(
            column(&colour),
            column(&plain) + "\u{1b}[32m\u{1b}[0m".len()
        );
    }

    #[test]
    fn a_participants_trouble_is_seen() {
        let mut participant = Participant {
            name: "stock".to_owned(),
            endpoints: vec!["http://127.0.0.1:7413".to_owned()],
            actions: vec![Action {
                name: "notify".to_owned(),
                service: "shop.stock.v1.NotifyService".to_owned(),
                verbs: vec![Phase::Confirm.into()],
            }],
            waiting: 12,
            last_error: Some(CallError {
                code: 14,
                ..CallError::default()
            }),
            last_error_at: stamp(0),
            ..Participant::default()
        };
        participant.set_breaker(BreakerState::Open);
        let text = participants(&[participant.clone()], at(5_000), Style::Plain);
        for word in ["down", "12", "notify(confirm)", "UNAVAILABLE, 5.0 s ago"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        participant.paused = true;
        let text = participants(&[participant], at(5_000), Style::Plain);
        assert!(text.contains("paused") && !text.contains("down"), "{text}");
    }

    #[test]
    fn a_status_names_what_is_open() {
        let mut count = StateCount {
            count: 3,
            ..StateCount::default()
        };
        count.set_state(TransactionState::Confirming);
        let text = status(
            &GetStatusResponse {
                coordinator_id: "c-1".to_owned(),
                open: vec![count],
                oldest_unresolved_begun_at: stamp(0),
                ..GetStatusResponse::default()
            },
            at(120_000),
            Style::Plain,
        );
        for line in [
            "health       serving",
            "open         3 CONFIRMING",
            "oldest open  2 min 0 s",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
    }

    #[test]
    fn a_status_lists_the_coordinators_where_there_are_several() {
        let session = |id: &str, answering, fenced, open| CoordinatorSession {
            coordinator_id: id.to_owned(),
            advertised_address: format!("http://{id}:7400"),
            opened_at: stamp(0),
            answering,
            fenced,
            open,
        };
        let mut answer = GetStatusResponse {
            adopted: 7,
            sessions: vec![session("c-1", true, false, 3)],
            ..GetStatusResponse::default()
        };
        let alone = status(&answer, at(1_000), Style::Plain);
        assert!(!alone.contains("COORDINATOR"), "{alone}");
        answer.sessions.push(session("c-2", false, false, 2));
        answer.sessions.push(session("c-3", false, true, 5));
        let text = status(&answer, at(1_000), Style::Plain);
        assert!(text.lines().any(|line| line == "taken over   7"), "{text}");
        for (id, state, open) in [
            ("c-1", "this one", " 3"),
            ("c-2", "in session", " 2"),
            ("c-3", "being taken over", " 5"),
        ] {
            let is_it =
                |line: &str| line.starts_with(id) && line.contains(state) && line.ends_with(open);
            assert!(text.lines().any(is_it), "{text}");
        }
    }
}
