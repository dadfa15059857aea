//! The log, on standard error. Standard output belongs to the `ready` line and to documents.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

/// Installs the log for the whole process. A second call changes nothing, so that several servers can share
/// one process.
pub fn init(telemetry: &Telemetry) {
    let filter = EnvFilter::builder().parse_lossy(telemetry.log.as_str());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match telemetry.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if installed.is_err() {
        tracing::debug!("the log was installed before");
    }
}
