//! What only MySQL and MariaDB take, and what only a log of many sessions has.

use sqlx::QueryBuilder;

use super::Db;

pub(crate) const COMMIT: &str = "COMMIT";

pub(crate) const ROLLBACK: &str = "ROLLBACK";

/// The row that a lane's batches raise.
pub(crate) const COUNTER: &str =
    "SELECT appended, attempt, fenced FROM session_lane WHERE session = ? AND lane = ?";

pub(crate) const INSERT_SESSION: &str = "INSERT INTO session (id, endpoint, opened_at, beat, adopted, fenced) VALUES (?, ?, ?, 0, 0, 0)";

pub(crate) const LAST_SESSION: &str = "SELECT COALESCE(MAX(id), 0) FROM session";

pub(crate) const INSERT_LANE: &str =
    "INSERT INTO session_lane (session, lane, appended, attempt, fenced) VALUES (?, ?, 0, 0, 0)";

pub(crate) const HOLDS: &str =
    "SELECT CAST(COUNT(*) AS SIGNED) FROM session WHERE id = ? AND fenced = 0";

/// First the session, then its lanes, everywhere in this order. The lanes' rows are where a batch under way is waited for.
pub(crate) const FENCE_SESSION: &str = "UPDATE session SET fenced = 1 WHERE id = ?";
pub(crate) const FENCE_LANES: &str = "UPDATE session_lane SET fenced = 1 WHERE session = ?";

/// Every step of an adoption begins with this real change, so that a session that was fenced adopts nothing, on a cluster
/// neither.
pub(crate) const RAISE_ADOPTED: &str =
    "UPDATE session SET adopted = adopted + 1 WHERE id = ? AND fenced = 0";

/// Open transactions of sessions that are fenced, as a hint: somebody else may be faster.
pub(crate) const ORPHANS: &str =
    "SELECT gid FROM global_transaction WHERE ended_at IS NULL AND owner = ? ORDER BY gid LIMIT ?";

/// Takes `gids` over from a fenced session. `batch` is written together with the owner, so that no number of the session
/// before can be taken for one of this session's.
pub(crate) fn adopt(to: i64, from: i64, gids: &[String]) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new("UPDATE global_transaction SET owner = ");
    query
        .push_bind(to)
        .push(", batch = 0 WHERE ended_at IS NULL AND owner = ")
        .push_bind(from)
        .push(" AND gid IN (");
    let mut names = query.separated(", ");
    for gid in gids {
        names.push_bind(gid.clone());
    }
    query.push(")");
    query
}

pub(crate) const OTHER_SESSIONS: &str =
    "SELECT id FROM session WHERE fenced = 0 AND id <> ? ORDER BY id";

pub(crate) const SESSIONS_AT_ENDPOINT: &str =
    "SELECT id FROM session WHERE fenced = 0 AND id <> ? AND endpoint = ? ORDER BY id";

pub(crate) const FENCED_SESSIONS: &str =
    "SELECT id FROM session WHERE fenced = 1 AND id <> ? ORDER BY id";

/// The duty passes to a session that asks for it, once the one that had it is fenced or gone.
pub(crate) const TAKE_DUTY: &str = "UPDATE duty SET session = ? WHERE name = ? AND (session = ? \
     OR NOT EXISTS (SELECT 1 FROM session AS s WHERE s.id = duty.session AND s.fenced = 0))";

pub(crate) const FIRST_DUTY: &str = "INSERT INTO duty (name, session) VALUES (?, ?)";

pub(crate) const READ_DUTY: &str = "SELECT session FROM duty WHERE name = ?";
