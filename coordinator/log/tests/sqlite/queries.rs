//! What the tests ask the file itself, behind the store's back.

pub(crate) const FORGE_STATE: &str =
    "UPDATE global_transaction SET definition = x'ff' WHERE gid = ?";
pub(crate) const OVERVIEW: &str = "SELECT gid, state, mode, participants, labels, begun_at, decided_at FROM transaction_overview ORDER BY gid";
pub(crate) const APPENDED: &str = "SELECT appended FROM session WHERE id = ?";
pub(crate) const SESSIONS: &str = "SELECT id, fenced FROM session ORDER BY id";
pub(crate) const DROP_SESSIONS: &str = "DELETE FROM session";
pub(crate) const FORGET_BATCH: &str = "UPDATE session SET appended = appended - 1";
/// What the versions before wrote that don't say how things stood.
pub(crate) const AUDIT_BEFORE: &str = "INSERT INTO audit (at, who, action, gid, reason) VALUES (5, 'anna', 'RetryTransaction', 'a', 'older')";
pub(crate) const LABELS: &str = "SELECT COUNT(*) FROM transaction_label";
