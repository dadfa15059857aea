//! What only SQLite takes.

/// Takes SQLite's write lock at once; a deferred BEGIN fails half-way when two connections write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

pub(crate) const SCHEMA_VERSION_EXISTS: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
