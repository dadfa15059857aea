//! Whether a server keeps what it has committed. Asked once, when a service starts: a promise that rests on a server that
//! doesn't is none, and nobody finds out before the day it matters.

use std::collections::HashMap;

use super::{Database, dialect};
use crate::{MySqlUrl, OpenError};

/// What the largest row needs in one packet, with what stands around it.
const PACKET_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// A setting that isn't as it has to be.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    setting: &'static str,
    found: String,
    needed: &'static str,
    because: &'static str,
}

/// Refuses a server that isn't safe, unless the url allows it.
pub(super) async fn check(url: &MySqlUrl, database: &Database) -> Result<(), OpenError> {
    let rows: Vec<(String, String)> = sqlx::query_as(dialect::SAFETY)
        .persistent(false)
        .fetch_all(database.reader())
        .await
        .map_err(|source| OpenError::Server {
            url: url.to_string(),
            source,
        })?;
    let Some(fault) = fault(&rows.into_iter().collect()) else {
        return Ok(());
    };
    let Fault {
        setting,
        found,
        needed,
        because,
    } = fault;
    if url.allows_unsafe_settings() {
        tracing::warn!(
            setting,
            found,
            needed,
            "the database may lose what it has promised: {because}"
        );
        return Ok(());
    }
    Err(OpenError::Unsafe {
        url: url.to_string(),
        setting: setting.to_owned(),
        found,
        needed,
        because,
    })
}

/// The first thing that is wrong. A variable that a server doesn't have (TiDB, Vitess) says nothing.
fn fault(variables: &HashMap<String, String>) -> Option<Fault> {
    let value = |name: &str| variables.get(name).map(String::as_str);
    let fault = |setting, found: &str, needed, because| {
        Some(Fault {
            setting,
            found: found.to_owned(),
            needed,
            because,
        })
    };
    if let Some(version) = value("version")
        && is_too_old(version)
    {
        return fault(
            "version",
            version,
            "MySQL 8.0.16, MariaDB 10.6 or later",
            "older ones leave a table half changed when they crash, or don't look at CHECK",
        );
    }
    // 3 is MariaDB's for the same with one flush more.
    if let Some(found @ ("0" | "2")) = value("innodb_flush_log_at_trx_commit") {
        return fault(
            "innodb_flush_log_at_trx_commit",
            found,
            "1",
            "a crash would undo decisions that were answered",
        );
    }
    if value("log_bin").is_some_and(|on| on.eq_ignore_ascii_case("on"))
        && let Some(found) = value("sync_binlog").filter(|found| *found != "1")
    {
        return fault(
            "sync_binlog",
            found,
            "1",
            "a crash would leave the binary log, and with it every replica, behind what was answered",
        );
    }
    if value("group_replication_group_name").is_some_and(|name| !name.is_empty())
        && let Some(found) = value("group_replication_consistency")
            .filter(|found| found.eq_ignore_ascii_case("eventual"))
    {
        return fault(
            "group_replication_consistency",
            found,
            "BEFORE_ON_PRIMARY_FAILOVER or stricter",
            "a new primary would show less than was answered",
        );
    }
    if value("wsrep_on").is_some_and(|on| on.eq_ignore_ascii_case("on"))
        && let Some(fault) = galera_fault(variables)
    {
        return Some(fault);
    }
    if let Some(found) = value("max_allowed_packet")
        && found
            .parse::<u64>()
            .is_ok_and(|bytes| bytes < PACKET_BYTES_MIN)
    {
        return fault(
            "max_allowed_packet",
            found,
            "16777216 or more",
            "the server would break the connection over a large row",
        );
    }
    None
}

/// CHECK is looked at since MySQL 8.0.16, and a change of a table is whole or not there since MariaDB 10.6. Engines with a
/// version of their own behind the protocol's are let through.
fn is_too_old(version: &str) -> bool {
    if version.contains("TiDB") || version.contains("Vitess") {
        return false;
    }
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    let found = (part(), part(), part());
    let oldest = if version.contains("MariaDB") {
        (10, 6, 0)
    } else {
        (8, 0, 16)
    };
    found < oldest
}

/// The same of a node of a Galera cluster.
fn galera_fault(variables: &HashMap<String, String>) -> Option<Fault> {
    let value = |name: &str| variables.get(name).map(String::as_str);
    // MariaDB 10.11: without a binary log a node replicates what a statement had written before it failed (from 8 KiB of it
    // on), though its SQL transaction goes on without that. The other nodes then can't apply it and leave the cluster.
    if value("log_bin").is_some_and(|on| on.eq_ignore_ascii_case("off")) {
        return Some(Fault {
            setting: "log_bin",
            found: "OFF".to_owned(),
            needed: "ON on a Galera node",
            because: "a statement that fails half-way would be replicated all the same, and throw the other nodes out",
        });
    }
    if let Some(found) =
        value("wsrep_osu_method").filter(|found| !found.eq_ignore_ascii_case("toi"))
    {
        return Some(Fault {
            setting: "wsrep_osu_method",
            found: found.to_owned(),
            needed: "TOI",
            because: "tables would be made and changed on one node alone",
        });
    }
    let options = value("wsrep_provider_options").unwrap_or_default();
    for (option, setting) in [
        ("pc.ignore_sb", "wsrep_provider_options pc.ignore_sb"),
        (
            "pc.ignore_quorum",
            "wsrep_provider_options pc.ignore_quorum",
        ),
    ] {
        let found = options.split(';').filter_map(|one| one.split_once('='));
        let found = found.map(|(name, value)| (name.trim(), value.trim()));
        let is_on =
            |value: &str| !matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "0");
        if let Some((_, found)) = found
            .into_iter()
            .find(|(name, value)| *name == option && is_on(value))
        {
            return Some(Fault {
                setting,
                found: found.to_owned(),
                needed: "false",
                because: "two halves of the cluster could each decide for themselves",
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(settings: &[(&str, &str)]) -> Option<&'static str> {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        fault(&settings).map(|fault| fault.setting)
    }

    #[test]
    fn a_server_that_keeps_its_promises_is_taken() {
        for settings in [
            &[
                ("version", "10.11.6-MariaDB-log"),
                ("innodb_flush_log_at_trx_commit", "1"),
                ("log_bin", "OFF"),
                ("sync_binlog", "0"),
            ][..],
            &[
                ("version", "8.0.36"),
                ("innodb_flush_log_at_trx_commit", "1"),
                ("log_bin", "ON"),
                ("sync_binlog", "1"),
            ],
            &[("version", "9.7.0"), ("max_allowed_packet", "67108864")],
            &[("version", "8.0.11-TiDB-v8.5.0")],
            &[
                ("version", "10.11.6-MariaDB-log"),
                ("wsrep_on", "ON"),
                ("log_bin", "ON"),
                ("sync_binlog", "1"),
                ("wsrep_osu_method", "TOI"),
                (
                    "wsrep_provider_options",
                    "gcache.size = 128M; pc.ignore_quorum = false; pc.ignore_sb = false; pc.weight = 1; ",
                ),
            ],
            // Not a node, whatever its binary log is.
            &[("wsrep_on", "OFF"), ("log_bin", "OFF")],
            &[
                ("version", "11.8.2-MariaDB"),
                ("innodb_flush_log_at_trx_commit", "3"),
            ],
            &[
                ("version", "8.4.0"),
                ("group_replication_group_name", "g"),
                (
                    "group_replication_consistency",
                    "BEFORE_ON_PRIMARY_FAILOVER",
                ),
            ],
        ] {
            assert_eq!(fault_of(settings), None, "{settings:?}");
        }
    }

    #[test]
    fn one_that_does_not_is_refused_by_name() {
        for (settings, setting) in [
            (
                &[("innodb_flush_log_at_trx_commit", "2")][..],
                "innodb_flush_log_at_trx_commit",
            ),
            (
                &[("innodb_flush_log_at_trx_commit", "0")],
                "innodb_flush_log_at_trx_commit",
            ),
            (&[("log_bin", "ON"), ("sync_binlog", "0")], "sync_binlog"),
            (&[("log_bin", "ON"), ("sync_binlog", "1000")], "sync_binlog"),
            (&[("max_allowed_packet", "1048576")], "max_allowed_packet"),
            (&[("wsrep_on", "ON"), ("log_bin", "OFF")], "log_bin"),
            (
                &[("wsrep_on", "ON"), ("wsrep_osu_method", "RSU")],
                "wsrep_osu_method",
            ),
            (
                &[
                    ("wsrep_on", "ON"),
                    (
                        "wsrep_provider_options",
                        "pc.ignore_quorum = false; pc.ignore_sb = true; ",
                    ),
                ],
                "wsrep_provider_options pc.ignore_sb",
            ),
            (&[("version", "5.7.44")], "version"),
            (&[("version", "8.0.15")], "version"),
            (&[("version", "10.5.9-MariaDB")], "version"),
            (
                &[
                    ("group_replication_group_name", "g"),
                    ("group_replication_consistency", "EVENTUAL"),
                ],
                "group_replication_consistency",
            ),
        ] {
            assert_eq!(fault_of(settings), Some(setting), "{settings:?}");
        }
    }
}
