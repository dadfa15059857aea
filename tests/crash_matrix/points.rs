//! Every failpoint: who is to die there, and when it is reached.

use crate::cells::Kind;

/// How a place is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// While clients are served.
    Serving,
    /// While the coordinator starts again after it died and left transactions open.
    Starting,
    /// While another coordinator takes over from one that died and stays away. On a server only.
    TakingOver,
}

impl When {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Serving => "",
            Self::Starting => "at the start",
            Self::TakingOver => "taking over",
        }
    }
}

/// One row of the matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) when: When,
    /// The commands of those who get there, one of whom dies.
    pub(crate) victims: &'static [&'static str],
    /// How often it may be passed before something happens: it is reached more often than that in any run.
    pub(crate) passes_max: u64,
    /// Whether it is reached only where the log is on a server.
    pub(crate) needs_server: bool,
}

impl Point {
    pub(crate) fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::MariaDb || !self.needs_server
    }
}

const COORDINATOR: &[&str] = &["serve"];
/// Whose actions run each behind a fence row of their own.
const FENCED: &[&str] = &["order", "points"];
/// Whose actions are gathered.
const HOT: &[&str] = &["stock"];
const PARTICIPANTS: &[&str] = &["order", "points", "stock"];

const fn point(name: &'static str, victims: &'static [&'static str], passes_max: u64) -> Point {
    Point {
        name,
        when: When::Serving,
        victims,
        passes_max,
        needs_server: false,
    }
}

const fn starting(name: &'static str, needs_server: bool) -> Point {
    Point {
        when: When::Starting,
        needs_server,
        ..point(name, COORDINATOR, 0)
    }
}

const fn taking_over(name: &'static str) -> Point {
    Point {
        when: When::TakingOver,
        needs_server: true,
        ..point(name, COORDINATOR, 0)
    }
}

const fn beat(name: &'static str) -> Point {
    Point {
        needs_server: true,
        ..point(name, COORDINATOR, 2)
    }
}

/// All of them.
pub(crate) const POINTS: &[Point] = &[
    point("append::before", COORDINATOR, 4),
    point("log::before-counter", COORDINATOR, 4),
    point("log::after-changes", COORDINATOR, 4),
    point("log::before-commit", COORDINATOR, 4),
    point("log::after-commit", COORDINATOR, 4),
    point("append::after", COORDINATOR, 4),
    point("call::before-try", COORDINATOR, 3),
    point("call::after-try", COORDINATOR, 3),
    point("call::before-confirm", COORDINATOR, 3),
    point("call::after-confirm", COORDINATOR, 3),
    point("call::before-cancel", COORDINATOR, 1),
    point("call::after-cancel", COORDINATOR, 1),
    point("check::before", COORDINATOR, 0),
    point("check::after", COORDINATOR, 0),
    point("reply::before", COORDINATOR, 4),
    beat("beat::before"),
    beat("beat::after"),
    starting("open::before-commit", false),
    starting("open::after-commit", false),
    starting("recovery::read", false),
    starting("fencing::before", true),
    starting("fencing::before-commit", true),
    starting("fencing::after-commit", true),
    starting("adopting::before", true),
    starting("adopting::before-commit", true),
    starting("adopting::after-commit", true),
    taking_over("fencing::before"),
    taking_over("fencing::before-commit"),
    taking_over("fencing::after-commit"),
    taking_over("adopting::before"),
    taking_over("adopting::before-commit"),
    taking_over("adopting::after-commit"),
    taking_over("adopting::told"),
    point("fence::before-insert", FENCED, 2),
    point("fence::after-insert", FENCED, 2),
    point("fence::before-end", FENCED, 1),
    point("fence::after-end", FENCED, 1),
    point("fence::before-business", FENCED, 2),
    point("fence::after-business", FENCED, 2),
    point("fence::before-commit", PARTICIPANTS, 2),
    point("fence::after-commit", PARTICIPANTS, 2),
    point("hot::before-lock", HOT, 1),
    point("hot::after-lock", HOT, 1),
    point("hot::before-insert", HOT, 1),
    point("hot::after-insert", HOT, 1),
    point("hot::before-end", HOT, 0),
    point("hot::after-end", HOT, 0),
    point("hot::before-business", HOT, 1),
    point("hot::after-business", HOT, 1),
    point("answer::before-try", PARTICIPANTS, 1),
    point("answer::before-confirm", PARTICIPANTS, 1),
    point("answer::before-cancel", PARTICIPANTS, 0),
];

/// What stands in the sources, as a name or as the beginning of one.
fn in_the_sources() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = ["coordinator", "participants", "database", "service", "src"]
        .map(|folder| root.join(folder))
        .to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let names = text.split("failpoint!(\"").skip(1);
                let names = names.map(|rest| rest.split('"').next().unwrap().to_owned());
                found.extend(names.map(|name| (path.display().to_string(), name)));
            }
        }
    }
    found
}

#[test]
fn every_failpoint_of_the_sources_is_in_the_matrix_and_no_other() {
    let sources = in_the_sources();
    assert!(sources.len() > 30, "{sources:?}");
    let stands_for = |name: &str, point: &Point| match name.strip_suffix('-') {
        Some(_) => point.name.starts_with(name),
        None => point.name == name,
    };
    for (path, name) in &sources {
        let is_there = POINTS.iter().any(|point| stands_for(name, point));
        assert!(is_there, "{name} of {path} has no row");
    }
    for point in POINTS {
        let stands = sources.iter().any(|(_, name)| stands_for(name, point));
        assert!(stands, "{} is nowhere in the sources", point.name);
    }
}
