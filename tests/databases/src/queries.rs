//! What this crate itself asks a server. Names can't be bound; they are made here, of letters, digits and `_`.

/// Makes a database; text is compared byte by byte unless a table says otherwise.
pub(crate) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

/// The user of restricted databases.
pub(crate) const USER: &str = "tercet_test";

/// Its password.
pub(crate) const PASSWORD: &str = "tercet test";

/// Makes the user of restricted databases.
pub(crate) fn create_user() -> String {
    format!("CREATE USER IF NOT EXISTS `{USER}`@`%` IDENTIFIED BY '{PASSWORD}'")
}

/// Gives it one database.
pub(crate) fn grant(name: &str) -> String {
    format!("GRANT ALL PRIVILEGES ON `{name}`.* TO `{USER}`@`%`")
}

/// Answered as soon as the server serves.
pub(crate) const PING: &str = "SELECT 1";

/// Asks the server to end, as an operator would.
pub(crate) const SHUTDOWN: &str = "SHUTDOWN";

/// What a node of a Galera cluster says of itself; the second column.
pub(crate) const NODE_STATE: &str = "SHOW STATUS LIKE 'wsrep_local_state_comment'";

/// Makes a node that has lost the majority the beginning of a new one.
pub(crate) const BOOTSTRAP: &str = "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'";

/// Keeps a node from applying what the others have committed, as long as the connection lives.
pub(crate) const HOLD: &str = "FLUSH TABLES WITH READ LOCK";

/// Lets it go on.
pub(crate) const RELEASE: &str = "UNLOCK TABLES";

/// Whatever this connection reads next, it reads what was committed on any node before.
pub(crate) const WAIT_FOR_ALL: &str = "SET SESSION wsrep_sync_wait = 1";
