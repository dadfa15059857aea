//! The cells of the matrix: which there are, which of them run, and how they are shown.

use std::fmt::Write as _;

use rand::seq::SliceRandom as _;

use crate::points::{POINTS, Point};
use crate::seed::Seed;

/// What the databases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    MariaDb,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::MariaDb];

    const fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::MariaDb => "MariaDB",
        }
    }
}

/// What happens at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Abort,
    Error,
    Delay,
}

impl Action {
    pub(crate) const ALL: [Self; 3] = [Self::Abort, Self::Error, Self::Delay];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Error => "error",
            Self::Delay => "delay",
        }
    }
}

/// One failpoint, one action, one kind of database.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Its row in [`POINTS`].
    pub(crate) row: usize,
    pub(crate) action: Action,
    pub(crate) kind: Kind,
    /// Whose process it happens to: the command.
    pub(crate) victim: &'static str,
    /// How often the place is passed before.
    pub(crate) passes: u64,
    /// Of a delay.
    pub(crate) millis: u64,
    /// Where the coordinator dies that leaves transactions open, for a cell about what comes after.
    pub(crate) left_open_at: &'static str,
}

/// Shorter than any patience; longer than that with a participant; longer than that with the database.
const DELAYS: [u64; 3] = [50, 1_300, 2_300];
/// Undecided, decided, and something of both.
const LEFT_OPEN_AT: [&str; 3] = [
    "call::after-try=1*abort",
    "call::before-confirm=1*abort",
    "append::after=3*off->1*abort",
];

impl Cell {
    fn drawn(seed: &mut Seed, row: usize, action: Action, kind: Kind) -> Self {
        let point = &POINTS[row];
        Self {
            row,
            action,
            kind,
            victim: seed.one_of(point.victims),
            passes: seed.below(point.passes_max + 1),
            millis: seed.one_of(&DELAYS),
            left_open_at: seed.one_of(&LEFT_OPEN_AT),
        }
    }

    pub(crate) const fn point(&self) -> &'static Point {
        &POINTS[self.row]
    }

    /// What the process's environment says.
    pub(crate) fn failpoint(&self) -> String {
        let action = match self.action {
            Action::Delay => format!("delay({})", self.millis),
            other => other.word().to_owned(),
        };
        let name = self.point().name;
        match self.passes {
            0 => format!("{name}=1*{action}"),
            passes => format!("{name}={passes}*off->1*{action}"),
        }
    }
}

/// The cells to run, in an order of the seed's. All of them in the long form; else two of each row, on both kinds of
/// database where it is reached on both, with actions of the seed's.
pub(crate) fn chosen(seed: &mut Seed, all: bool, kinds: &[Kind]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (row, point) in POINTS.iter().enumerate() {
        let mut applies: Vec<Kind> = kinds.to_vec();
        applies.retain(|kind| point.applies_to(*kind));
        for kind in applies {
            let mut actions = Action::ALL;
            actions.shuffle(&mut seed.random);
            let count = if all { actions.len() } else { 1 };
            cells.extend(
                actions[..count]
                    .iter()
                    .map(|action| Cell::drawn(seed, row, *action, kind)),
            );
        }
    }
    cells.shuffle(&mut seed.random);
    cells
}

/// What became of a cell. In the matrix one that failed in any round has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Held,
    Failed,
}

/// The matrix as text.
pub(crate) fn shown(results: &[(Cell, Sign)]) -> String {
    let mut text = String::new();
    let mut header = format!("{:<37}", "");
    for kind in Kind::ALL {
        let _ = write!(header, "{:<21}", kind.word());
    }
    let _ = writeln!(text, "{}", header.trim_end());
    let actions: Vec<&str> = Kind::ALL
        .iter()
        .flat_map(|_| Action::ALL.map(Action::word))
        .collect();
    let line = actions
        .iter()
        .fold(format!("{:<37}", "failpoint"), |line, word| {
            format!("{line}{word:<7}")
        });
    let _ = writeln!(text, "{}", line.trim_end());
    for (row, point) in POINTS.iter().enumerate() {
        let mut line = format!("{:<24}{:<13}", point.name, point.when.word());
        for kind in Kind::ALL {
            for action in Action::ALL {
                let mut signs = results
                    .iter()
                    .filter(|(cell, _)| (cell.row, cell.action, cell.kind) == (row, action, kind))
                    .map(|(_, sign)| *sign);
                let sign = match signs.next() {
                    Some(Sign::Held) if signs.all(|sign| sign == Sign::Held) => "✓",
                    Some(_) => "✗",
                    None if point.applies_to(kind) => ".",
                    None => "",
                };
                let _ = write!(line, "{sign:<7}");
            }
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[test]
fn a_cell_that_failed_once_is_shown_as_failed() {
    let mut seed = Seed::new("a failed cell");
    let cell = Cell::drawn(&mut seed, 0, Action::Error, Kind::Sqlite);
    let line = |signs: &[Sign]| {
        let results: Vec<_> = signs.iter().map(|sign| (cell.clone(), *sign)).collect();
        let row = shown(&results).lines().nth(2).unwrap().to_owned();
        row.split_whitespace().skip(1).collect::<String>()
    };
    assert_eq!(line(&[Sign::Held, Sign::Held]), ".✓....");
    assert_eq!(line(&[Sign::Held, Sign::Failed]), ".✗....");
    assert_eq!(line(&[]), "......");
}

#[test]
fn every_row_has_a_cell_in_the_short_form_and_all_of_them_in_the_long_one() {
    let mut seed = Seed::new("cells");
    let short = chosen(&mut seed, false, &Kind::ALL);
    for (row, point) in POINTS.iter().enumerate() {
        let cells = short.iter().filter(|cell| cell.row == row).count();
        assert_eq!(
            cells,
            if point.needs_server { 1 } else { 2 },
            "{}",
            point.name
        );
    }
    let long = chosen(&mut seed, true, &Kind::ALL);
    assert_eq!(long.len(), 3 * short.len());
}
