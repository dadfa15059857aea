//! The error numbers of MySQL and MariaDB as classes.
//!
//! Sources: <https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html> and
//! <https://mariadb.com/kb/en/mariadb-error-codes/>. A number that isn't here is [`ErrorClass::Other`], which at COMMIT
//! means that nobody knows: what is listed as definite has to be so at COMMIT too.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::ErrorClass;

/// The class of a MySQL or MariaDB error; none when the error comes from another database.
pub(crate) fn class(error: &dyn DatabaseError) -> Option<ErrorClass> {
    let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(class_of(error.number(), error.message()))
}

fn class_of(number: u16, message: &str) -> ErrorClass {
    match number {
        // Duplicate key, by position and by name of the key.
        1062 | 1586 => ErrorClass::UniqueViolation,
        // NULL, foreign key (four), CHECK of MySQL and of MariaDB, no default, out of range, wrong text or number,
        // cut, too long (what STRICT_ALL_TABLES makes of silently changed values).
        1048 | 1216 | 1217 | 1451 | 1452 | 3819 | 4025 | 1364 | 1264 | 1366 | 1265 | 1406 => {
            ErrorClass::Constraint
        }
        // Lock wait (only the statement is undone: roll back), deadlock (all is undone; on Galera also at COMMIT, when
        // certification fails), the row has changed since it was read, locks used up, XA forms of the first two,
        // table definition changed or statement to be prepared again, group replication refused the commit; TiDB: write
        // conflict, schema changed.
        1205 | 1213 | 1020 | 1206 | 1613 | 1614 | 1412 | 1615 | 3101 | 9007 | 8028 => {
            ErrorClass::Busy
        }
        // Packet, result, or SQL transaction beyond the server's limit.
        1153 | 1301 | 1197 => ErrorClass::TooLarge,
        // Disk or table space full.
        1021 | 1114 => ErrorClass::DiskFull,
        // --read-only and --super-read-only, InnoDB read-only, read-only SQL transaction.
        1290 | 1836 | 1792 => ErrorClass::ReadOnly,
        // Too many connections (three ways), prepared statements used up, Galera: this node is not ready.
        1040 | 1203 | 1226 | 1461 | 1047 => ErrorClass::Unavailable,
        // The server failed while committing, is stopping, was told to kill the statement or the connection, or lost
        // the connection; 2006 and 2013 are what a proxy says when it lost the server behind it.
        1180 | 1053 | 1317 | 1927 | 1152 | 1158 | 1159 | 1160 | 1161 | 1184 | 4031 | 2006
        | 2013 => ErrorClass::ConnectionLost,
        // A storage engine's or the operating system's error; 28 is "no space left on device".
        // (Only the engine's, which no COMMIT gives: of a binary log that can't be written nobody knows what follows.)
        1030 if message.contains("error 28 ") => ErrorClass::DiskFull,
        1030 | 1026 | 3 | 20 => ErrorClass::Io,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_committed_is_never_called_definite() {
        for number in [1180, 1053, 1317, 1927, 2006, 2013, 1105, 9001, 1026] {
            assert!(!class_of(number, "").is_definite(), "{number}");
        }
    }

    #[test]
    fn a_certification_failure_and_a_node_that_is_not_ready_are_definite_and_may_be_tried_again() {
        for number in [1213, 1205, 1020, 1047] {
            let class = class_of(number, "");
            assert!(class.is_definite() && class.is_retryable(), "{number}");
        }
    }

    #[test]
    fn no_space_is_told_from_other_io_errors() {
        let full = r#"Got error 28 "No space left on device" from storage engine InnoDB"#;
        assert_eq!(class_of(1030, full), ErrorClass::DiskFull);
        let other = r#"Got error 5 "Input/output error" from storage engine InnoDB"#;
        assert_eq!(class_of(1030, other), ErrorClass::Io);
    }
}
