//! Rows as they were last read, for answering the hopeless from memory: a sold-out piece stays sold out for a moment.
//!
//! A copy carries the row's version and loses to a higher one; it dies by itself half a second after it was read, so no
//! replica can stay wrong for longer. It is only ever used to refuse a try early, never to grant one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a copy may be used.
pub(super) const LIFE: Duration = Duration::from_millis(500);
/// Rows remembered at once; beyond that, further ones aren't.
const ROWS_MAX: usize = 10_000;

#[derive(Debug)]
struct Seen<R> {
    row: R,
    version: i64,
    at: Instant,
}

impl<R> Seen<R> {
    fn is_alive(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < LIFE
    }
}

/// Rows by their key.
#[derive(Debug)]
pub struct LastSeen<R> {
    rows: Mutex<HashMap<String, Seen<R>>>,
}

impl<R> Default for LastSeen<R> {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
        }
    }
}

impl<R: Clone> LastSeen<R> {
    /// Takes note of a row as the database had it at `read_at`. One of a lower version than what is remembered and
    /// alive changes nothing.
    pub fn note(&self, key: &str, row: &R, version: i64, read_at: Instant) {
        let seen = Seen {
            row: row.clone(),
            version,
            at: read_at,
        };
        let mut rows = self.lock();
        if let Some(known) = rows.get_mut(key) {
            let is_older = (version, read_at) < (known.version, known.at);
            if !(is_older && known.is_alive(read_at)) {
                *known = seen;
            }
            return;
        }
        if rows.len() >= ROWS_MAX {
            rows.retain(|_, known| known.is_alive(read_at));
        }
        if rows.len() < ROWS_MAX {
            rows.insert(key.to_owned(), seen);
        }
    }

    /// The row, if it was read less than half a second before `now`.
    pub fn get(&self, key: &str, now: Instant) -> Option<R> {
        let rows = self.lock();
        let seen = rows.get(key)?;
        seen.is_alive(now).then(|| seen.row.clone())
    }

    /// Forgets a row, e.g. one that was just restocked elsewhere in this process.
    pub fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen<R>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_copy_dies_by_itself() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        seen.note("a", &1, 7, start);
        assert_eq!(seen.get("a", at(start, 499)), Some(1));
        assert_eq!(seen.get("a", at(start, 500)), None);
        assert_eq!(seen.get("b", start), None);
    }

    #[test]
    fn a_copy_loses_to_a_higher_version_and_to_no_lower_one() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        seen.note("a", &1, 7, start);
        seen.note("a", &2, 8, at(start, 1));
        seen.note("a", &3, 6, at(start, 2));
        assert_eq!(seen.get("a", at(start, 3)), Some(2));
        seen.note("a", &4, 6, at(start, 600));
        assert_eq!(
            seen.get("a", at(start, 601)),
            Some(4),
            "the dead can't hold on"
        );
    }

    #[test]
    fn the_same_version_seen_again_lives_on() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        seen.note("a", &1, 7, start);
        seen.note("a", &1, 7, at(start, 400));
        seen.note("a", &1, 7, at(start, 100));
        assert_eq!(seen.get("a", at(start, 800)), Some(1));
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        seen.note("a", &1, 7, start);
        seen.forget("a");
        assert_eq!(seen.get("a", start), None);
    }

    #[test]
    fn memory_is_bounded_and_the_dead_make_room() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        for key in 0..=ROWS_MAX {
            seen.note(&key.to_string(), &1, 1, start);
        }
        assert_eq!(seen.lock().len(), ROWS_MAX);
        seen.note("late", &1, 1, at(start, 501));
        assert_eq!(seen.lock().len(), 1);
    }
}
