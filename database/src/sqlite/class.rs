//! SQLite's result codes (<https://www.sqlite.org/rescode.html>) as classes.

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

use crate::ErrorClass;

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const NOT_A_DATABASE: i32 = 26;
const CONSTRAINT_PRIMARY_KEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;
const CONSTRAINT_ROWID: i32 = 2579;

/// The class of an SQLite error; none when the error comes from another database.
pub(crate) fn class(error: &dyn DatabaseError) -> Option<ErrorClass> {
    code(error).map(class_of_code)
}

fn code(error: &dyn DatabaseError) -> Option<i32> {
    error
        .try_downcast_ref::<SqliteError>()?
        .code()?
        .parse()
        .ok()
}

/// The class of an extended result code; its low byte is the primary code.
fn class_of_code(code: i32) -> ErrorClass {
    match code {
        CONSTRAINT_PRIMARY_KEY | CONSTRAINT_UNIQUE | CONSTRAINT_ROWID => {
            ErrorClass::UniqueViolation
        }
        _ => match code & 0xff {
            CONSTRAINT => ErrorClass::Constraint,
            BUSY | LOCKED => ErrorClass::Busy,
            TOO_BIG => ErrorClass::TooLarge,
            FULL => ErrorClass::DiskFull,
            READ_ONLY => ErrorClass::ReadOnly,
            IO => ErrorClass::Io,
            _ => ErrorClass::Other,
        },
    }
}

fn has_primary_code(error: &sqlx::Error, primary: &[i32]) -> bool {
    error
        .as_database_error()
        .and_then(code)
        .is_some_and(|code| primary.contains(&(code & 0xff)))
}

pub(super) fn is_not_a_database(error: &sqlx::Error) -> bool {
    has_primary_code(error, &[NOT_A_DATABASE, CORRUPT])
}

pub(super) fn cannot_open(error: &sqlx::Error) -> bool {
    has_primary_code(error, &[CANNOT_OPEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_keep_the_class_of_their_primary_code() {
        for (code, class) in [
            (5, ErrorClass::Busy),
            (261, ErrorClass::Busy),      // BUSY_RECOVERY
            (517, ErrorClass::Busy),      // BUSY_SNAPSHOT
            (1032, ErrorClass::ReadOnly), // READONLY_DBMOVED
            (778, ErrorClass::Io),        // IOERR_WRITE
            (1034, ErrorClass::Io),       // IOERR_FSYNC
            (13, ErrorClass::DiskFull),
            (18, ErrorClass::TooLarge),
            (275, ErrorClass::Constraint),  // CONSTRAINT_CHECK
            (1299, ErrorClass::Constraint), // CONSTRAINT_NOTNULL
            (787, ErrorClass::Constraint),  // CONSTRAINT_FOREIGNKEY
            (1555, ErrorClass::UniqueViolation),
            (2067, ErrorClass::UniqueViolation),
            (1, ErrorClass::Other),
            (11, ErrorClass::Other),
        ] {
            assert_eq!(class_of_code(code), class, "{code}");
        }
    }
}
