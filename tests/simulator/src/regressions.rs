//! The kept list of seeds that once showed a violation.

/// The seeds of `tests/simulator/regressions.txt`, with what each showed.
pub fn regressions() -> Vec<(u64, &'static str)> {
    include_str!("../regressions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .filter_map(|line| {
            let (seed, what) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            Some((seed.parse().ok()?, what.trim()))
        })
        .collect()
}
