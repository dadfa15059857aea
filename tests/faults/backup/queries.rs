//! How a copy of the coordinator's database is made while it is in use, and what puts it back.

/// A file's copy, its `-wal` included.
pub(super) const COPY_FILE: &str = "VACUUM INTO ?";

/// The tables of a database.
pub(super) const TABLES: &str = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
     WHERE table_schema = ? AND table_type = 'BASE TABLE'";

/// All rows of all tables as of one moment.
pub(super) const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
pub(super) const COMMIT: &str = "COMMIT";

/// Makes one table of the copy.
pub(super) fn create(copy: &str, of: &str, table: &str) -> String {
    format!("CREATE TABLE `{copy}`.`{table}` LIKE `{of}`.`{table}`")
}

/// Fills it.
pub(super) fn fill(copy: &str, of: &str, table: &str) -> String {
    format!("INSERT INTO `{copy}`.`{table}` SELECT * FROM `{of}`.`{table}`")
}

/// Empties a table that is restored.
pub(super) fn clear(of: &str, table: &str) -> String {
    format!("DELETE FROM `{of}`.`{table}`")
}
