//! What only MySQL and MariaDB take, and what only a log of many sessions has.

use sqlx::QueryBuilder;

use super::Db;

/// On Galera it also waits until this node has seen what others have committed.
pub(crate) const BEGIN: &str = "START TRANSACTION";

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

/// The driver reads the new beat from the answer itself: one round trip, nothing to read afterwards.
pub(crate) const RAISE_BEAT: &str =
    "UPDATE session SET beat = LAST_INSERT_ID(beat + 1) WHERE id = ? AND fenced = 0";

pub(crate) const SESSIONS: &str =
    "SELECT id, endpoint, opened_at, beat, fenced FROM session ORDER BY id";

pub(crate) const OPEN_COUNTS: &str =
    "SELECT owner, COUNT(*) FROM global_transaction WHERE ended_at IS NULL GROUP BY owner";

/// First the session, then its lanes, everywhere in this order. The lanes' rows are where a batch under way is waited for.
pub(crate) const FENCE_SESSION: &str =
    "UPDATE session SET fenced = 1 WHERE id = ? AND (beat = ? OR fenced = 1)";
pub(crate) const FENCE_OWN: &str = "UPDATE session SET fenced = 1 WHERE id = ?";
pub(crate) const FENCE_LANES: &str = "UPDATE session_lane SET fenced = 1 WHERE session = ?";

pub(crate) const BEAT: &str = "SELECT beat FROM session WHERE id = ?";

pub(crate) const IS_FENCED: &str = "SELECT fenced FROM session WHERE id = ?";

/// Every step of an adoption begins with this real change, so that a session that was fenced adopts nothing, on a cluster
/// neither.
pub(crate) const RAISE_ADOPTED: &str =
    "UPDATE session SET adopted = adopted + 1 WHERE id = ? AND fenced = 0";

/// What a session has left open, as a hint: another survivor may be faster.
pub(crate) const LEFT_OPEN: &str = "SELECT gid FROM global_transaction WHERE ended_at IS NULL AND owner = ? ORDER BY gid LIMIT ? OFFSET ?";

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

pub(crate) const ADOPT_ONE: &str = "UPDATE global_transaction SET owner = ?, batch = 0 WHERE gid = ? AND ended_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM session AS s WHERE s.id = global_transaction.owner AND s.fenced = 0)";

pub(crate) const OWNER: &str = "SELECT t.owner, s.endpoint, s.fenced FROM global_transaction AS t \
     LEFT JOIN session AS s ON s.id = t.owner WHERE t.gid = ? AND t.ended_at IS NULL";

pub(crate) const FENCED_SESSIONS: &str =
    "SELECT id FROM session WHERE fenced = 1 AND id <> ? ORDER BY id";

/// A session that is fenced can't come to own anything any more, so what isn't there now never will be.
pub(crate) const FORGET_SESSION: &str = "DELETE FROM session WHERE id = ? AND fenced = 1 AND NOT EXISTS \
     (SELECT 1 FROM global_transaction AS t WHERE t.ended_at IS NULL AND t.owner = session.id)";
pub(crate) const FORGET_LANES: &str = "DELETE FROM session_lane WHERE session = ?";

/// The duty passes to a session that asks for it, once the one that had it is fenced or gone.
pub(crate) const TAKE_DUTY: &str = "UPDATE duty SET session = ? WHERE name = ? AND (session = ? \
     OR NOT EXISTS (SELECT 1 FROM session AS s WHERE s.id = duty.session AND s.fenced = 0))";

pub(crate) const FIRST_DUTY: &str = "INSERT INTO duty (name, session) VALUES (?, ?)";

pub(crate) const READ_DUTY: &str = "SELECT session FROM duty WHERE name = ?";
