//! `tercet config check` and `tercet config show`.

use serde_json::json;
use tercet_database::DatabaseUrl;
use tercet_participant::serve::ParticipantConfig;
use tercet_service::config::Merged;

use crate::{
    cli::{Config, ConfigFile, Kind},
    failure::Failure,
    output,
    system::CoordinatorConfig,
};

pub(super) fn run(command: &Config, is_json: bool) -> Result<(), Failure> {
    let (Config::Check(file) | Config::Show(file)) = command;
    let merged = check(file)?;
    let name = file.server.config.display();
    let text = match command {
        Config::Check(_) if is_json => json!({ "file": name.to_string(), "ok": true }).to_string(),
        Config::Check(_) => format!("{name}: ok"),
        Config::Show(_) if is_json => {
            serde_json::to_string_pretty(&merged.masked()).map_err(Failure::failed)?
        }
        Config::Show(_) => toml::to_string(&merged.masked()).map_err(Failure::failed)?,
    };
    output::print(&text);
    Ok(())
}

/// Reads the file as the server would.
fn check(file: &ConfigFile) -> Result<Merged, Failure> {
    let merged = Merged::read(&file.server.config, std::env::vars_os())?;
    match file.service.or(kind(&merged)) {
        Some(Kind::Coordinator) => {
            let config: CoordinatorConfig = merged.extract()?;
            DatabaseUrl::parse(&config.log.url)
                .map_err(|error| Failure::usage(format!("log.url: {error}")))?;
        }
        Some(Kind::Payment) => {
            merged.extract::<shop_payment::PaymentConfig>()?;
        }
        Some(Kind::Order) => {
            let config: shop_order::OrderConfig = merged.extract()?;
            config.check().map_err(Failure::usage)?;
        }
        Some(Kind::Points | Kind::Stock) | None => {
            merged.extract::<ParticipantConfig>()?;
        }
    }
    Ok(merged)
}

/// Only a participant has a database of its own; which one it is, the file doesn't say.
pub(super) fn kind(merged: &Merged) -> Option<Kind> {
    (!merged.masked().contains_key("database")).then_some(Kind::Coordinator)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::cli::Server;

    fn checked(text: &str, service: Option<Kind>) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("a.toml");
        std::fs::write(&config, text).unwrap();
        let file = ConfigFile {
            server: Server { config },
            service,
        };
        check(&file)
            .map(|merged| merged.masked().to_string())
            .map_err(|failure| failure.line().unwrap_or_default())
    }

    const STOCK: &str =
        "[database]\nurl = \"sqlite:s.db\"\n[coordinator]\nendpoints = [\"http://127.0.0.1:7400\"]";

    #[test]
    fn a_file_is_checked_as_the_server_would_that_it_is_for() {
        assert!(checked("[retry]\ninitial = \"50ms\"", None).is_ok());
        assert!(checked(STOCK, None).is_ok());
        assert!(checked(STOCK, Some(Kind::Stock)).is_ok());
        let line = checked(STOCK, Some(Kind::Coordinator)).unwrap_err();
        assert!(line.contains("unknown key"), "{line}");
        let line = checked("[retry]\ninitial = 1", None).unwrap_err();
        assert!(line.contains("retry.initial: "), "{line}");
    }

    #[test]
    fn a_log_that_cant_be_opened_is_found_before_the_start() {
        let line = checked("[log]\nurl = \"postgres://u:hunter2@h/d\"", None).unwrap_err();
        assert!(line.starts_with("log.url: "), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let shown = checked("[log]\nurl = \"mysql://u:hunter2@h/d\"", None).unwrap();
        assert!(
            shown.contains("mysql://u:") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
