//! What only an SQLite file has: one session at a time, which takes over whatever the one before has left.

/// Every batch begins with this: it takes the lane's lock, and matches nothing once the session is fenced or the
/// counter isn't what this process believes it to be.
pub(crate) const RAISE_APPENDED: &str =
    "UPDATE session SET appended = ? WHERE id = ? AND lane = ? AND appended = ? AND fenced = 0";

pub(crate) const HOLDS: &str =
    "SELECT COUNT(*) FROM session WHERE id = ? AND lane = 0 AND fenced = 0";

pub(crate) const LAST_SESSION: &str = "SELECT COALESCE(MAX(id), 0) FROM session";

pub(crate) const FENCE_OTHERS: &str = "UPDATE session SET fenced = 1 WHERE id <> ?";

pub(crate) const FENCE_OWN: &str = "UPDATE session SET fenced = 1 WHERE id = ?";

pub(crate) const INSERT_SESSION: &str = "INSERT INTO session (id, lane, endpoint, opened_at, appended, fenced) VALUES (?, ?, ?, ?, 0, 0)";

pub(crate) const ADOPT: &str = "UPDATE global_transaction SET owner = ? WHERE ended_at IS NULL";

/// Sessions that no open transaction names any more.
pub(crate) const FORGET_SESSIONS: &str = "DELETE FROM session WHERE id < ? AND fenced = 1";
