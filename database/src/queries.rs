//! The statements that every database takes alike: the table that says which schema a database has.

/// One row, `id` 1: which schema the tables have, and which is the oldest program version that may work with them.
pub(crate) const CREATE_SCHEMA_VERSION: &str = "
CREATE TABLE IF NOT EXISTS schema_version (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    name          TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    readable_from INTEGER NOT NULL
)";

pub(crate) const READ_SCHEMA_VERSION: &str =
    "SELECT name, version, readable_from FROM schema_version WHERE id = 1";

pub(crate) const DELETE_SCHEMA_VERSION: &str = "DELETE FROM schema_version";

pub(crate) const INSERT_SCHEMA_VERSION: &str =
    "INSERT INTO schema_version (id, name, version, readable_from) VALUES (1, ?, ?, ?)";
