//! The statements that every database takes alike: the table that says which schema a database has.

pub(crate) const READ_SCHEMA_VERSION: &str =
    "SELECT name, version, readable_from FROM schema_version WHERE id = 1";

/// Never lowers it: an older program may have been late.
pub(crate) const RAISE_SCHEMA_VERSION: &str =
    "UPDATE schema_version SET version = ?, readable_from = ? WHERE id = 1 AND version < ?";

pub(crate) const INSERT_SCHEMA_VERSION: &str =
    "INSERT INTO schema_version (id, name, version, readable_from) VALUES (1, ?, ?, ?)";
