//! What only MySQL and MariaDB take.

use super::session::{Limits, Server, Use};

/// Only ever an SQL transaction that is going to write. On Galera it also waits until this node has seen every write that
/// was committed before (`wsrep_sync_wait`).
pub(crate) const BEGIN: &str = "START TRANSACTION";

/// What a connection has to know of its server, in one round trip. Variables that a server doesn't have are left out.
pub(crate) const SERVER: &str = "SHOW VARIABLES WHERE Variable_name IN \
     ('wsrep_on', 'idle_transaction_timeout')";

/// What decides whether a committed transaction outlives a crash, and whether a node shows what others have committed.
pub(crate) const SAFETY: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
     ('version', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'max_allowed_packet', \
      'group_replication_group_name', 'group_replication_consistency', \
      'wsrep_on', 'wsrep_osu_method', 'wsrep_provider_options')";

pub(crate) const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
pub(crate) const ISOLATION_READER: &str =
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY";

/// Settings whose server-wide values must not matter, each set whole.
pub(crate) fn session_settings(limits: &Limits, server: &Server) -> String {
    let lock_wait = limits.lock_wait_seconds();
    let client = limits.client_seconds();
    let idle_transaction = if server.has_idle_transaction_timeout {
        format!(", idle_transaction_timeout = {client}")
    } else {
        String::new()
    };
    // Reads, and the beginning of an SQL transaction, see what any node has committed; a node without the majority shows
    // nothing.
    let causal_reads = if server.is_galera {
        ", wsrep_sync_wait = 1, wsrep_dirty_reads = OFF"
    } else {
        ""
    };
    format!(
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, autocommit = 1, time_zone = '+00:00', \
         sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', \
         innodb_lock_wait_timeout = {lock_wait}, lock_wait_timeout = {lock_wait}, \
         wait_timeout = {client}, net_read_timeout = {client}, net_write_timeout = {client}{idle_transaction}{causal_reads}"
    )
}

/// The isolation of a connection for `usage`.
pub(crate) const fn isolation(usage: Use) -> &'static str {
    match usage {
        Use::Writing => ISOLATION,
        Use::Reading => ISOLATION_READER,
    }
}

/// Its name is one that needs no quotes.
pub(crate) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

pub(crate) const TABLE_EXISTS: &str = "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.tables \
     WHERE table_schema = DATABASE() AND table_name = ?";

/// One row, `id` 1: which schema the tables have, and which is the oldest program version that may work with them.
pub(crate) const CREATE_SCHEMA_VERSION: &str = "
CREATE TABLE IF NOT EXISTS schema_version (
    id            BIGINT NOT NULL PRIMARY KEY,
    name          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version       BIGINT NOT NULL,
    readable_from BIGINT NOT NULL,
    CONSTRAINT schema_version_one_row CHECK (id = 1)
) ENGINE = InnoDB";

/// One row for each migration that was begun: who runs it, a counter that this process raises while it does, and
/// whether it is done. DDL commits by itself here, so no SQL transaction and no lock could hold a migration together.
pub(crate) const CREATE_SCHEMA_MIGRATION: &str = "
CREATE TABLE IF NOT EXISTS schema_migration (
    version     BIGINT NOT NULL PRIMARY KEY,
    description VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    checksum    VARBINARY(64) NOT NULL,
    runner      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    beat        BIGINT NOT NULL,
    done        TINYINT NOT NULL
) ENGINE = InnoDB";

pub(crate) const READ_MIGRATION: &str =
    "SELECT checksum, runner, beat, done FROM schema_migration WHERE version = ?";

/// Fails with a unique violation where somebody was first.
pub(crate) const CLAIM_MIGRATION: &str = "INSERT INTO schema_migration (version, description, checksum, runner, beat, done) VALUES (?, ?, ?, ?, 0, 0)";

/// Takes a migration over from a process whose beat stood still: matches nothing if it was raised meanwhile.
pub(crate) const TAKE_MIGRATION_OVER: &str = "UPDATE schema_migration SET runner = ?, beat = beat + 1 \
     WHERE version = ? AND runner = ? AND beat = ? AND done = 0";

pub(crate) const BEAT_MIGRATION: &str =
    "UPDATE schema_migration SET beat = beat + 1 WHERE version = ? AND runner = ? AND done = 0";

pub(crate) const FINISH_MIGRATION: &str =
    "UPDATE schema_migration SET done = 1 WHERE version = ? AND runner = ? AND done = 0";

/// Leaves it to the next one, who goes on at once.
pub(crate) const RELEASE_MIGRATION: &str =
    "UPDATE schema_migration SET runner = '' WHERE version = ? AND runner = ? AND done = 0";

pub(crate) const FORGET_MIGRATION: &str =
    "DELETE FROM schema_migration WHERE version = ? AND runner = ? AND done = 0";
