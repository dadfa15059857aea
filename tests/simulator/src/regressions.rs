//! The kept list of seeds that once showed a violation.

use crate::run::Shape;

/// The seeds of `tests/simulator/regressions.txt`, each with its kind of world and what it showed.
pub fn regressions() -> Vec<(u64, Shape, &'static str)> {
    include_str!("../regressions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .filter_map(|line| {
            let (seed, what) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let what = what.trim();
            let (shape, said) = what.split_once(char::is_whitespace).unwrap_or((what, ""));
            let (shape, what) = match Shape::parse(shape) {
                Some(shape) => (shape, said.trim()),
                None => (Shape::One, what),
            };
            Some((seed.parse().ok()?, shape, what))
        })
        .collect()
}
