//! `tercet dev`: the whole system in one process, up until it is told to go, with lines to paste.

mod lines;

use std::fs;

use tercet_participant::CallLayer;
use tercet_service::{Drain, config::Merged, telemetry};

use crate::{
    cli,
    demo::shop::Shop,
    failure::Failure,
    output,
    system::{CoordinatorConfig, Files, Ports, System, shop_participants},
};
use lines::Addresses;

/// What a fresh shop has. One that has something already keeps it.
const SKU: (&str, i64) = ("tea", 1000);
/// The customer of the lines to paste.
const ACCOUNT: (&str, i64) = ("alice", 1000);

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(command: cli::Dev, drain: Drain) -> Result<(), Failure> {
    let config = match &command.config {
        Some(file) => config(&Merged::read(file, std::env::vars_os())?)?,
        None => CoordinatorConfig::default(),
    };
    telemetry::init(&config.telemetry);
    let folder = &command.data_dir;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::usage(format!("--data-dir {}: {error}", folder.display())))?;
    let ports = if command.any_port {
        Ports::any_with_till()
    } else {
        Ports::standard()
    };
    let files = Files::new(folder);
    let system = System::start(files, ports, config, CallLayer::default()).await?;
    let shop = Shop::connect(&system).await?;
    shop.seed_sku(SKU.0, SKU.1).await?;
    shop.seed_account(ACCOUNT.0, ACCOUNT.1).await?;

    let tercet_service::Addresses { grpc, http } = system.coordinator();
    // The same line as `serve` prints, first, for scripts that wait for it.
    output::print(&format!("ready grpc={grpc} http={http}\n"));
    let addresses = Addresses {
        coordinator: grpc.to_string(),
        http: http.to_string(),
        order: system.service("order").grpc.to_string(),
        points: system.service("points").grpc.to_string(),
        stock: system.service("stock").grpc.to_string(),
        till: system
            .till()
            .map(|(payment, provider)| (payment.grpc.to_string(), provider.grpc.to_string())),
    };
    // The end of a UUIDv7 is random: lines that are pasted after the next start are new transactions.
    let id = uuid::Uuid::now_v7().simple().to_string();
    let (_, id) = id.split_at(id.len() - 8);
    output::print(&lines::text(&addresses, id, folder, output::style()));
    drain.begun().await;
    system.stop().await
}

/// A coordinator's configuration with participants of one's own. What dev decides itself can't be decided there too.
fn config(merged: &Merged) -> Result<CoordinatorConfig, Failure> {
    let given = merged.masked();
    for key in ["listen", "http_listen", "log"] {
        if given.contains_key(key) {
            return Err(Failure::usage(format!(
                "{key}: `tercet dev` has its own, remove the key"
            )));
        }
    }
    let participants = given.get("participants").and_then(toml::Value::as_table);
    let names = shop_participants().map(|participant| participant.name);
    let taken = |name: &&&str| participants.is_some_and(|table| table.contains_key(**name));
    if let Some(name) = names.iter().find(taken) {
        return Err(Failure::usage(format!(
            "participants.{name}: `tercet dev` has one of that name, choose another"
        )));
    }
    Ok(merged.extract()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn read(text: &str) -> Result<usize, String> {
        let merged = Merged::parse("dev.toml", text, []).unwrap();
        config(&merged)
            .map(|config| config.participants.len())
            .map_err(|failure| failure.line().unwrap_or_default())
    }

    #[test]
    fn participants_of_ones_own_are_added() {
        let own = "[participants.mine]\nendpoints = [\"http://127.0.0.1:9\"]";
        assert_eq!(read(own), Ok(1));
    }

    #[test]
    fn what_dev_decides_itself_is_refused() {
        for (text, key) in [
            ("listen = \"127.0.0.1:1\"", "listen: "),
            ("[log]\nurl = \"sqlite:a.db\"", "log: "),
            (
                "[participants.stock]\nendpoints = [\"http://127.0.0.1:9\"]",
                "participants.stock: ",
            ),
        ] {
            let line = read(text).unwrap_err();
            assert!(line.starts_with(key), "{line}");
        }
    }
}
