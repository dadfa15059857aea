//! Who sits at this command line, for the audit record.

use std::env;

/// `USER@HOST`, or the host alone where nobody is logged in, as in a container.
pub(super) fn here() -> String {
    let host = gethostname::gethostname();
    let host = host.to_string_lossy();
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()));
    match user {
        Some(user) => format!("{user}@{host}"),
        None => host.into_owned(),
    }
}
