//! The statements of a batch on SQLite: many rows in one statement, an exact verdict for each row by RETURNING.

use std::sync::OnceLock;

/// Sizes are powers of two up to 256, so that few statements are prepared and each is used again.
const SIZES: usize = 9;

/// A statement for any number of rows.
pub(crate) struct ManyRows {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
    sized: [OnceLock<String>; SIZES],
}

impl ManyRows {
    const fn new(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        Self {
            head,
            row,
            tail,
            sized: [const { OnceLock::new() }; SIZES],
        }
    }

    /// The largest size that isn't more than `rows`, and the statement for it. `rows` is at least 1.
    pub(crate) fn for_up_to(&'static self, rows: usize) -> (usize, &'static str) {
        let power = (rows.max(1).ilog2() as usize).min(SIZES - 1);
        let text = self.sized[power].get_or_init(|| {
            let mut text = self.head.to_owned();
            for number in 0..1_usize << power {
                text.push_str(if number == 0 { "" } else { ", " });
                text.push_str(self.row);
            }
            text.push_str(self.tail);
            text
        });
        (1 << power, text)
    }
}

/// Begins. What isn't returned was there before.
pub(crate) static INSERT: ManyRows = ManyRows::new(
    "INSERT INTO global_transaction (gid, version, owner, state, mode, content_hash, begun_at, try_deadline, \
     decided_at, ended_at, attention_since, parked, participants, definition, progress) VALUES ",
    "(?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (gid) DO NOTHING RETURNING gid",
);

/// Changes that leave the definition alone. What isn't returned has another version or owner, or isn't there.
pub(crate) static UPDATE: ManyRows = ManyRows::new(
    "WITH v (gid, expected, state, try_deadline, decided_at, ended_at, attention_since, parked, progress) AS (VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ") UPDATE global_transaction AS t \
     SET version = v.expected + 1, state = v.state, try_deadline = v.try_deadline, decided_at = v.decided_at, \
         ended_at = v.ended_at, attention_since = v.attention_since, parked = v.parked, progress = v.progress \
     FROM v WHERE t.gid = v.gid AND t.version = v.expected AND t.owner = ? RETURNING gid",
);

/// Changes with a new definition.
pub(crate) static REDEFINE: ManyRows = ManyRows::new(
    "WITH v (gid, expected, state, try_deadline, decided_at, ended_at, attention_since, parked, progress, \
     participants, definition) AS (VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ") UPDATE global_transaction AS t \
     SET version = v.expected + 1, state = v.state, try_deadline = v.try_deadline, decided_at = v.decided_at, \
         ended_at = v.ended_at, attention_since = v.attention_since, parked = v.parked, progress = v.progress, \
         participants = v.participants, definition = v.definition \
     FROM v WHERE t.gid = v.gid AND t.version = v.expected AND t.owner = ? RETURNING gid",
);

pub(crate) static INSERT_LABELS: ManyRows = ManyRows::new(
    "INSERT INTO transaction_label (gid, name, value) VALUES ",
    "(?, ?, ?)",
    "",
);

pub(crate) static INSERT_AUDIT: ManyRows = ManyRows::new(
    "INSERT INTO audit (at, who, action, gid, branch_id, participant, reason, state_before, state_after) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
);
