//! What only SQLite is asked.

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";

pub(super) const INTEGRITY: &str = "PRAGMA integrity_check";
