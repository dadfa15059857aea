//! Named places where a test lets a process die, fail or wait.
//!
//! Without the feature `failpoints` there is nothing of it: [`failpoint!`] is a constant, and not even the names are in
//! the program. With it, a place does what the environment says of its name:
//!
//! ```text
//! TERCET_FAILPOINTS='log::after-commit=2*off->1*abort;call::before-try=30%error'
//! ```
//!
//! | action | what it does |
//! | --- | --- |
//! | `abort` | the process dies there, as by `kill -9` |
//! | `error` | a connection breaks there: the place gets an error of kind `ConnectionReset` |
//! | `delay(MS)` | the task waits there so many milliseconds; the others go on |
//! | `off` | nothing |
//!
//! `3*` before an action: so many times, then what stands behind `->`, else nothing more. `30%`: with that probability.
//! The rest is the language of the crate `fail`, which does the counting.
//!
//! With `TERCET_FAILPOINTS_HITS=FILE` each action that is carried out is a line of that file, `NAME ACTION`, written
//! before it takes effect: how a test knows that the place was reached.
//!
//! Must never: be switched on by anything but a dev-dependency, which `tests/walls` holds.

/// Does what the test has said about the name: a literal, and if need be something displayable that ends it.
///
/// Gives `std::io::Result<()>`, an error where the action is `error`. Only in async code.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal $(, $end:expr)?) => {
        ::core::result::Result::<(), ::std::io::Error>::Ok(())
    };
}

/// Does what the test has said about the name: a literal, and if need be something displayable that ends it.
///
/// Gives `std::io::Result<()>`, an error where the action is `error`. Only in async code.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::hit($name).await
    };
    ($name:literal, $end:expr) => {
        $crate::hit(&::std::format!("{}{}", $name, $end)).await
    };
}

#[cfg(feature = "failpoints")]
pub use on::hit;

/// Whether places do anything here.
pub const ARE_ON: bool = cfg!(feature = "failpoints");

#[cfg(feature = "failpoints")]
mod on {
    use std::fs::OpenOptions;
    use std::io::{self, Write as _};
    use std::sync::Once;
    use std::time::Duration;

    /// See [`crate::failpoint!`].
    pub async fn hit(name: &str) -> io::Result<()> {
        static SET_UP: Once = Once::new();
        SET_UP.call_once(set_up);
        let Some(action) = said(name) else {
            return Ok(());
        };
        note(name, &action);
        if action == "abort" {
            std::process::abort();
        }
        if let Some(millis) = delay(&action) {
            tokio::time::sleep(millis).await;
            return Ok(());
        }
        let message = format!("the failpoint {name}");
        Err(io::Error::new(io::ErrorKind::ConnectionReset, message))
    }

    /// The action whose turn it is.
    fn said(name: &str) -> Option<String> {
        fail::fail_point!(name, |action| action);
        None
    }

    fn delay(action: &str) -> Option<Duration> {
        let millis = action.strip_prefix("delay ")?;
        millis.parse().ok().map(Duration::from_millis)
    }

    fn set_up() {
        let said = std::env::var("TERCET_FAILPOINTS").unwrap_or_default();
        for one in said.split(';').filter(|one| !one.trim().is_empty()) {
            let set = match one.split_once('=') {
                Some((name, actions)) => fail::cfg(name.trim(), &translated(actions)),
                None => Err("no = in it".to_owned()),
            };
            if let Err(error) = set {
                tracing::error!(one, error, "TERCET_FAILPOINTS can't be understood");
            }
        }
    }

    /// Our actions in the words of `fail`, which knows neither an abort nor a wait that blocks no thread.
    fn translated(actions: &str) -> String {
        let one = |action: &str| {
            let action = action.trim();
            let start = action.rfind(['*', '%']).map_or(0, |at| at + 1);
            let (times, what) = action.split_at(start);
            let millis = what
                .strip_prefix("delay(")
                .and_then(|rest| rest.strip_suffix(')'));
            match (what, millis) {
                ("abort" | "error", _) => format!("{times}return({what})"),
                (_, Some(millis)) => format!("{times}return(delay {millis})"),
                _ => action.to_owned(),
            }
        };
        actions.split("->").map(one).collect::<Vec<_>>().join("->")
    }

    fn note(name: &str, action: &str) {
        tracing::warn!(name, action, "failpoint");
        let Ok(file) = std::env::var("TERCET_FAILPOINTS_HITS") else {
            return;
        };
        let line = format!("{name} {action}\n");
        let file = OpenOptions::new().create(true).append(true).open(file);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::error!(name, %error, "the failpoint can't be noted");
        }
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    mod tests {
        use super::*;

        #[test]
        fn our_actions_in_the_words_of_fail() {
            for (ours, theirs) in [
                ("abort", "return(abort)"),
                ("2*off->1*abort", "2*off->1*return(abort)"),
                ("12%error", "12%return(error)"),
                ("30%2*delay(500)", "30%2*return(delay 500)"),
                (" off -> error ", "off->return(error)"),
            ] {
                assert_eq!(translated(ours), theirs);
            }
        }

        #[tokio::test(start_paused = true)]
        async fn a_place_fails_waits_and_goes_on() {
            fail::cfg("t::a", &translated("1*error->1*delay(500)->off")).unwrap();
            let failed = crate::failpoint!("t::", 'a').unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::ConnectionReset);
            let before = tokio::time::Instant::now();
            crate::failpoint!("t::a").unwrap();
            assert_eq!(before.elapsed(), Duration::from_millis(500));
            crate::failpoint!("t::a").unwrap();
            assert_eq!(before.elapsed(), Duration::from_millis(500));
            crate::failpoint!("t::another").unwrap();
        }
    }
}

#[cfg(all(test, not(feature = "failpoints")))]
mod tests {
    /// It is a constant, so nothing is called, and what would end the name isn't even looked at.
    #[test]
    fn without_the_feature_there_is_nothing() {
        const NOTHING: std::io::Result<()> = crate::failpoint!("t::a");
        const STILL_NOTHING: std::io::Result<()> = crate::failpoint!("t::", panic!());
        assert!(NOTHING.is_ok() && STILL_NOTHING.is_ok());
        const { assert!(!crate::ARE_ON) };
    }
}
