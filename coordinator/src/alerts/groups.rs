//! Grouping, without IO or a clock of its own: what is told at once, and what is gathered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Cause, Raised};

/// What belongs together. Both are bounded: configured participants, and a few causes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) participant: Arc<str>,
    pub(super) cause: Cause,
}

/// One alert, for a person.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) key: Key,
    /// How many there were since the last one of this kind.
    pub(super) count: u64,
    /// The last of them, as an example.
    pub(super) last: Raised,
    /// Whether it follows another one of its kind.
    pub(super) is_repeat: bool,
}

#[derive(Debug)]
struct Group {
    told_at: Instant,
    since_then: u64,
    last: Raised,
}

/// What was told, and what has gathered since.
#[derive(Debug)]
pub(super) struct Groups {
    repeat_every: Duration,
    groups: BTreeMap<Key, Group>,
}

impl Groups {
    pub(super) fn new(repeat_every: Duration) -> Self {
        Self {
            repeat_every,
            groups: BTreeMap::new(),
        }
    }

    /// Takes note; the first of its kind is to be told at once.
    pub(super) fn note(&mut self, key: Key, raised: Raised, now: Instant) -> Option<Told> {
        if let Some(group) = self.groups.get_mut(&key) {
            group.since_then += 1;
            group.last = raised;
            return None;
        }
        let group = Group {
            told_at: now,
            since_then: 0,
            last: raised.clone(),
        };
        self.groups.insert(key.clone(), group);
        Some(Told {
            key,
            count: 1,
            last: raised,
            is_repeat: false,
        })
    }

    /// What has gathered long enough. A kind of which nothing came for a whole repeat time is forgotten: its next one
    /// is a first one again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Told> {
        let repeat_every = self.repeat_every;
        let mut due = Vec::new();
        self.groups.retain(|key, group| {
            if now.saturating_duration_since(group.told_at) < repeat_every {
                return true;
            }
            if group.since_then == 0 {
                return false;
            }
            due.push(Told {
                key: key.clone(),
                count: group.since_then,
                last: group.last.clone(),
                is_repeat: true,
            });
            group.told_at = now;
            group.since_then = 0;
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tercet_core::Gid;

    use super::*;

    const REPEAT: Duration = Duration::from_mins(5);

    fn key(participant: &str) -> Key {
        Key {
            participant: participant.into(),
            cause: Cause::Refused,
        }
    }

    fn raised(number: u32) -> Raised {
        Raised {
            gid: Gid::parse(&format!("g-{number}")).unwrap(),
            branch: None,
            participant: "p".into(),
            cause: Cause::Refused,
            why: "no".to_owned(),
        }
    }

    #[test]
    fn a_thousand_are_one_alert_and_one_more_after_the_repeat_time() {
        let mut groups = Groups::new(REPEAT);
        let start = Instant::now();
        let told: Vec<_> = (0..1_000)
            .filter_map(|number| groups.note(key("p"), raised(number), start))
            .collect();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].count, told[0].is_repeat), (1, false));
        assert!(groups.due(start + REPEAT / 2).is_empty());
        let due = groups.due(start + REPEAT);
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].count, due[0].is_repeat), (999, true));
        assert_eq!(due[0].last.gid.as_str(), "g-999");
    }

    #[test]
    fn participants_do_not_hide_one_another() {
        let mut groups = Groups::new(REPEAT);
        let now = Instant::now();
        assert!(groups.note(key("one"), raised(1), now).is_some());
        assert!(groups.note(key("other"), raised(2), now).is_some());
    }

    #[test]
    fn after_a_quiet_repeat_time_the_next_one_is_told_at_once() {
        let mut groups = Groups::new(REPEAT);
        let start = Instant::now();
        groups.note(key("p"), raised(1), start);
        assert!(groups.due(start + REPEAT).is_empty());
        let again = groups.note(key("p"), raised(2), start + REPEAT);
        assert!(!again.unwrap().is_repeat);
    }
}
