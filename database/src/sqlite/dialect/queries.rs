//! What only SQLite takes.

/// Takes SQLite's write lock at once; a deferred BEGIN fails half-way when two connections write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

pub(crate) const SCHEMA_VERSION_EXISTS: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";

/// One row, `id` 1: which schema the tables have, and which is the oldest program version that may work with them.
pub(crate) const CREATE_SCHEMA_VERSION: &str = "
CREATE TABLE IF NOT EXISTS schema_version (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    name          TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    readable_from INTEGER NOT NULL
)";
