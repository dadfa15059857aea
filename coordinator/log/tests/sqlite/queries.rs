//! What the tests ask the file itself, behind the store's back.

pub(crate) const FORGE_STATE: &str =
    "UPDATE global_transaction SET definition = x'ff' WHERE gid = ?";
pub(crate) const OVERVIEW: &str = "SELECT gid, state, mode, participants, labels, begun_at, decided_at FROM transaction_overview ORDER BY gid";
pub(crate) const APPENDED: &str = "SELECT appended FROM session WHERE id = ?";
pub(crate) const SESSIONS: &str = "SELECT id, fenced FROM session ORDER BY id";
pub(crate) const DROP_SESSIONS: &str = "DELETE FROM session";
pub(crate) const FORGET_BATCH: &str = "UPDATE session SET appended = appended - 1";
pub(crate) const LABELS: &str = "SELECT COUNT(*) FROM transaction_label";
pub(crate) const PLAN_OPEN: &str = "EXPLAIN QUERY PLAN SELECT gid FROM global_transaction WHERE owner = ? AND \
                                    ended_at IS NULL AND gid > ? ORDER BY gid LIMIT ?";
pub(crate) const PLAN_ENDED: &str = "EXPLAIN QUERY PLAN SELECT gid FROM global_transaction WHERE ended_at IS NOT NULL \
                                     AND ended_at < ? ORDER BY ended_at, gid LIMIT ?";
pub(crate) const PLAN_UPDATE: &str = "EXPLAIN QUERY PLAN WITH v (gid, expected) AS (VALUES (?, ?), (?, ?)) UPDATE global_transaction AS t SET version = \
     v.expected + 1 FROM v WHERE t.gid = v.gid AND t.version = v.expected AND t.owner = ? RETURNING gid";
