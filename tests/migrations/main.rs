//! `tercet migrate` by many processes at once, as when a deployment starts all its replicas: all succeed, and the tables are
//! whole.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Stdio;

use tercet_test_databases::Server;
use tokio::process::Command;

const PROCESSES: usize = 8;

/// What a process says, in the words of whoever found something to do, and of whoever didn't.
const CREATED: &str = "the tables were created";
const UPGRADED: &str = "the tables were upgraded";
const DONE: &str = "the tables are up to date";

/// Runs all of them at once, and gives what each said.
async fn migrate(folder: &Path, url: &str, service: Option<&str>) -> Vec<String> {
    let config = match service {
        None => format!("[log]\nurl = '{url}'\n"),
        Some(_) => {
            format!(
                "[database]\nurl = '{url}'\n[coordinator]\nendpoints = ['http://127.0.0.1:1']\n"
            )
        }
    };
    let file = folder.join("config.toml");
    std::fs::write(&file, config).unwrap();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tercet"));
        command.arg("migrate").arg("--config").arg(&file);
        if let Some(service) = service {
            command.args(["--service", service]);
        }
        command
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        processes.push(command.spawn().unwrap());
    }
    let mut said = Vec::new();
    for process in processes {
        let output = process.wait_with_output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        said.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    said
}

fn all_are(said: &[String], allowed: &[&str]) {
    assert!(
        said.iter().all(|line| allowed.contains(&line.as_str())),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line != DONE),
        "somebody did it: {said:?}"
    );
}

#[tokio::test]
async fn eight_processes_migrate_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    for (file, service) in [("log.db", None), ("order.db", Some("order"))] {
        let url = format!("sqlite:{file}");
        all_are(
            &migrate(folder.path(), &url, service).await,
            &[CREATED, DONE],
        );
        let again = migrate(folder.path(), &url, service).await;
        assert!(again.iter().all(|line| line == DONE), "{again:?}");
    }
}

#[tokio::test]
async fn eight_processes_migrate_an_empty_database_and_an_older_one() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = server.restricted_database("migrate").await;
    all_are(&migrate(folder.path(), &url, None).await, &[CREATED, DONE]);

    // The database as the version before the last four migrations has left it.
    let name = url.rsplit('/').next().unwrap();
    let name = name.split('?').next().unwrap();
    server
        .run([
            format!("DROP VIEW {name}.transaction_overview"),
            format!("DROP TABLE {name}.duty"),
            format!("DROP TABLE {name}.participant_pause"),
            format!("ALTER TABLE {name}.audit DROP COLUMN state_before, DROP COLUMN state_after"),
            format!("DELETE FROM {name}.schema_migration WHERE version > 5"),
            format!("UPDATE {name}.schema_version SET version = 5"),
        ])
        .await;
    all_are(&migrate(folder.path(), &url, None).await, &[UPGRADED, DONE]);

    let again = migrate(folder.path(), &url, None).await;
    assert!(again.iter().all(|line| line == DONE), "{again:?}");
    server
        .run([format!(
            "INSERT INTO {name}.duty (name, session) SELECT 'test', COUNT(*) FROM {name}.transaction_overview"
        ), format!("SELECT state_before, state_after FROM {name}.audit")])
        .await;
}
