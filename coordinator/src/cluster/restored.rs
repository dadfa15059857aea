//! All that a log holds for the one coordinator that starts after it was restored from a backup.
//!
//! The sessions in a restored log are of processes that wrote another copy. None of them may write this one, so each is
//! fenced whatever its beat does. Must never happen here: a transaction that anybody drives before it is held; so nothing
//! that is adopted here is handed on, the recovery reads it.

use tercet_log::{Fencing, Log, LogError, SharedLog};

/// Transactions adopted in one step.
const ADOPT_PAGE: usize = 250;
/// Looks at the sessions. One whose beat still goes up after so many is a coordinator that runs on this very log.
const LOOKS_MAX: usize = 8;

/// Fences every other session of the log and takes over whatever they have left open. A log that has one coordinator at a
/// time has done both when it was opened.
///
/// # Errors
///
/// When the log can't be written, or another coordinator is running on it.
pub(crate) async fn take_all(log: &Log) -> Result<(), LogError> {
    let Some(shared) = log.shared() else {
        return Ok(());
    };
    let own = log.session().id;
    for _ in 0..LOOKS_MAX {
        let mut is_anybody_alive = false;
        for session in shared.sessions().await? {
            if session.id == own {
                continue;
            }
            match shared.fence(session.id, session.beat).await? {
                Fencing::Fenced => adopt_all(shared, session.id).await?,
                Fencing::Alive(_) => is_anybody_alive = true,
            }
        }
        if !is_anybody_alive {
            shared.forget_sessions().await?;
            return Ok(());
        }
    }
    let why = "another coordinator runs on the restored log; stop all of them first";
    Err(LogError::Failed(why.to_owned()))
}

async fn adopt_all(shared: &dyn SharedLog, from: tercet_log::SessionId) -> Result<(), LogError> {
    while shared.adopt(from, ADOPT_PAGE).await?.has_more {}
    Ok(())
}
