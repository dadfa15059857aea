//! Named places where a test lets this process die, fail or wait. Compiled to nothing without the feature `failpoints`.
//!
//! `FAILPOINTS='log::after-commit=return(abort)'` ends the process there as `kill -9` would; `return(error)` is a connection
//! that broke there; `sleep(500)` holds it up. The names:
//!
//! | name | where |
//! | --- | --- |
//! | `log::before-counter` | before the first statement of a batch |
//! | `log::after-changes` | after the statements of a batch, before its audit records |
//! | `log::before-commit` | before COMMIT |
//! | `log::after-commit` | after COMMIT, before anybody hears of it |

/// Does here what the test has said about `name`.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) -> Result<(), sqlx::Error> {
    set_up();
    fail::fail_point!(name, |action| {
        if action.as_deref() == Some("abort") {
            std::process::abort();
        }
        Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::ConnectionReset,
            "a failpoint",
        )))
    });
    Ok(())
}

#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
pub(crate) const fn hit(_name: &str) -> Result<(), sqlx::Error> {
    Ok(())
}

/// What the environment says, once. Without the crate's own `FailScenario`, which an in-process test may hold.
#[cfg(feature = "failpoints")]
fn set_up() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let said = std::env::var("FAILPOINTS").unwrap_or_default();
        for (name, actions) in said.split(';').filter_map(|one| one.split_once('=')) {
            if let Err(error) = fail::cfg(name, actions) {
                tracing::error!(name, error, "FAILPOINTS can't be understood");
            }
        }
    });
}
