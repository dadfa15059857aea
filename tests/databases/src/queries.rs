//! What this crate itself asks a server. Names can't be bound; they are made here, of letters, digits and `_`.

/// Makes a database; text is compared byte by byte unless a table says otherwise.
pub(crate) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

/// Answered as soon as the server serves.
pub(crate) const PING: &str = "SELECT 1";

/// Asks the server to end, as an operator would.
pub(crate) const SHUTDOWN: &str = "SHUTDOWN";
