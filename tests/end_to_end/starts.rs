//! Refusing to start: what is wrong is one clear line, and the exit code is 2.

use tempfile::TempDir;

use crate::crashes::Pair;
use crate::harness::process::run;

async fn fails_to_start(file: &str, folder: &TempDir) -> String {
    std::fs::write(folder.path().join("bad.toml"), file).unwrap();
    let output = run(&["serve", "--config", "bad.toml"], folder.path()).await;
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line:\n{stderr}");
    stderr
}

fn config(more: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = \"sqlite:coordinator.db\"\n{more}"
    )
}

#[tokio::test]
async fn a_bad_configuration_is_one_clear_line_that_names_the_key() {
    let folder = TempDir::new().unwrap();
    let verbs = "[participants.p]\nendpoints = [\"http://127.0.0.1:1\"]\n[participants.p.actions]\nact = { service = \"a.B\", verbs = [\"try\"] }";
    let cases = [
        ("this is no TOML".to_owned(), "bad.toml"),
        (config("[retry]\nintial = \"1s\""), "retry.intial"),
        (config("[retry]\nmax = \"soon\""), "retry.max"),
        (config("[limits]\nbranches = -1"), "limits.branches"),
        (config(verbs), "act"),
    ];
    for (file, key) in cases {
        let line = fails_to_start(&file, &folder).await;
        assert!(line.contains(key), "{line}");
    }
    let missing = run(&["serve", "--config", "missing.toml"], folder.path()).await;
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing.toml"));
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = fails_to_start(&config("").replacen("127.0.0.1:0", &address, 1), &folder).await;
    assert!(line.contains(&address), "{line}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    // Not even root can make a folder there.
    let line = fails_to_start(
        &config("").replace("sqlite:", "sqlite:/proc/tercet/"),
        &folder,
    )
    .await;
    assert!(line.contains("/proc/tercet"), "{line}");
}

#[tokio::test]
async fn a_second_coordinator_on_one_file_names_the_holder() {
    let (pair, coordinator) = Pair::new().await;
    let line = fails_to_start(&config(""), &pair.folder).await;
    assert!(line.contains("coordinator.db"), "{line}");
    assert!(
        line.contains("pid") || line.contains(&coordinator.grpc),
        "it names the holder: {line}"
    );
}
