//! The table of states against its drawing in the docs, and what must hold of any such table.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Where a state that was come into sideways may go back to.
fn left_behind(state: State) -> BTreeSet<String> {
    let mut seen = vec![state];
    let mut left = BTreeSet::new();
    let mut at = 0;
    while let Some(to) = seen.get(at).copied() {
        at += 1;
        for from in State::ALL {
            for event in Event::ALL {
                match next(from, event) {
                    Ok(Next::Aside(next)) if next == to => {
                        left.insert(name(from));
                    }
                    // It was come into from a state that remembers.
                    Ok(Next::To(next))
                        if next == to && goes_back(from) && !seen.contains(&from) =>
                    {
                        seen.push(from);
                    }
                    _ => {}
                }
            }
        }
    }
    left
}

fn goes_back(state: State) -> bool {
    Event::ALL
        .iter()
        .any(|event| next(state, *event) == Ok(Next::Back))
}

/// Its name in a diagram, where a dash isn't a letter.
fn name(state: State) -> String {
    state.word().replace('-', "_")
}

/// The lines of a state diagram.
fn drawing() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for from in State::ALL {
        for event in Event::ALL {
            let targets = match next(from, event) {
                Ok(Next::To(to) | Next::Aside(to)) => BTreeSet::from([name(to)]),
                Ok(Next::Back) => left_behind(from),
                Err(_) => continue,
            };
            for to in targets {
                lines.insert(format!("{} --> {to}: {event:?}", name(from)));
            }
        }
        if from.is_final() {
            lines.insert(format!("{} --> [*]", name(from)));
        }
    }
    lines.insert("[*] --> pending".to_owned());
    lines
}

#[test]
fn the_docs_draw_this_table() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/shop.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let (_, rest) = docs.split_once("<!-- states of an order -->").unwrap();
    let block = rest.split("```").nth(1).unwrap();
    let drawn = block.lines().map(|line| line.trim().to_owned());
    let drawn: BTreeSet<String> = drawn.filter(|line| line.contains("-->")).collect();
    let table = drawing();
    let lines: Vec<&str> = table.iter().map(String::as_str).collect();
    assert_eq!(
        drawn,
        table,
        "docs/shop.md must have:\n    {}",
        lines.join("\n    ")
    );
}

#[test]
fn nothing_happens_to_what_is_over_and_everything_else_can_end() {
    for state in State::ALL {
        let can_leave = Event::ALL.iter().any(|event| next(state, *event).is_ok());
        assert_eq!(can_leave, !state.is_final(), "{state:?}");
        for event in Event::ALL {
            if state.is_final() {
                assert_eq!(next(state, event), Err(No::WrongState), "{state:?}");
            }
        }
    }
}

#[test]
fn whoever_sets_an_order_aside_is_alone_with_it() {
    for state in [
        State::Settling,
        State::Closing,
        State::Refunding,
        State::Returning,
    ] {
        for tried in [
            Event::PayTried,
            Event::CloseTried,
            Event::RefundTried,
            Event::ReturnTried,
        ] {
            assert_eq!(next(state, tried), Err(No::Busy), "{state:?} {tried:?}");
        }
    }
}

#[test]
fn numbers_and_words_are_stored_and_stay() {
    for (index, state) in State::ALL.into_iter().enumerate() {
        assert_eq!(State::from_code(state.code()), Some(state));
        assert_eq!(
            State::ALL.iter().position(|other| *other == state),
            Some(index)
        );
    }
    let words: BTreeSet<_> = State::ALL.iter().map(|state| state.word()).collect();
    assert_eq!(words.len(), State::ALL.len());
    let codes = [
        State::Pending,
        State::Created,
        State::Cancelled,
        State::Paid,
        State::Returning,
    ];
    assert_eq!(codes.map(State::code), [1, 2, 3, 5, 17]);
    assert_eq!((State::from_code(0), State::from_code(18)), (None, None));
}
