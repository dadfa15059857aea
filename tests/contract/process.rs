//! The process: its ready line, its environment, its drain; and what it never says.

use std::process::Stdio;

use tempfile::TempDir;
use tercet_proto::tercet::v1 as pb;
use tokio::process::Command;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::process::{Server, TERCET, run};
use crate::harness::shop::channel;
use crate::harness::{patiently, until};
use crate::participant::Answer;
use crate::told::{reason, told};
use crate::world::{World, branch, one, plain};

const FILE: &str = "listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n";

fn folder(more: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("c.toml"), format!("{FILE}{more}")).unwrap();
    folder
}

/// Runs `tercet` with these variables; its exit code, standard output and standard error.
async fn with_env(
    env: &[(&str, &str)],
    arguments: &[&str],
    folder: &TempDir,
) -> (Option<i32>, String, String) {
    let output = Command::new(TERCET)
        .args(arguments)
        .envs(env.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let what = format!("tercet {}", arguments.join(" "));
    let output = patiently(&what, output).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn variables_override_the_file_and_those_of_kubernetes_are_ignored() {
    let folder = folder("[log]\nurl = \"sqlite:of-the-file.db\"\n");
    let wrapper = [
        "env",
        "TERCET_PORT=tcp://10.0.0.1:7400",
        "TERCET_SERVICE_HOST=10.0.0.1",
        "TERCET_PORT_7400_TCP_ADDR=10.0.0.1",
        "TERCET_LOG__URL=sqlite:deep/in/a/folder.db",
        "TERCET_RETRY__MAX_ATTEMPTS=7",
        "TERCET_LISTEN=localhost:0",
        "TERCET_PARTICIPANTS__P__ENDPOINTS=http://127.0.0.1:1",
    ];
    let server = Server::start_through(&wrapper, &["serve", "--config", "c.toml"], folder.path());
    let server = server.await;
    assert!(
        folder.path().join("deep/in/a/folder.db").exists(),
        "it makes the folder"
    );
    assert!(!folder.path().join("of-the-file.db").exists());
    let admin = channel(&server.grpc);
    let mut admin = pb::admin_service_client::AdminServiceClient::new(admin);
    let status = admin
        .get_status(pb::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(
        status.advertised_address.ends_with(&server.grpc),
        "{status:?}"
    );
    server.terminate();
    let (status, rest) = server.ended().await;
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
}

#[tokio::test]
async fn a_bad_variable_is_one_line_that_names_it() {
    let folder = folder("[log]\nurl = \"sqlite:c.db\"\n");
    for (name, value, key) in [
        ("TERCET_RETRY__MAX", "soon", "retry.max"),
        ("TERCET_RETRY__INTIAL", "1s", "retry.intial"),
        ("TERCET_LISTEN", "nowhere", "listen"),
    ] {
        for arguments in [
            &["serve", "--config", "c.toml"][..],
            &["config", "check", "--config", "c.toml"],
        ] {
            let (code, stdout, stderr) = with_env(&[(name, value)], arguments, &folder).await;
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name}: {stderr}");
            assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
            assert!(stderr.contains(key) || stderr.contains(name), "{stderr}");
        }
    }
}

/// Not even where it is what went wrong.
#[tokio::test]
async fn a_secret_is_never_said() {
    let secret = "hunter2secret";
    let url = format!("mysql://tercet:{secret}@127.0.0.1:1/tercet");
    let folder = folder(&format!("[log]\nurl = \"{url}\"\n"));
    for arguments in [
        &["serve", "--config", "c.toml"][..],
        &["migrate", "--config", "c.toml"],
        &["config", "show", "--config", "c.toml"],
        &["config", "check", "--config", "c.toml"],
    ] {
        let (code, stdout, stderr) = with_env(&[], arguments, &folder).await;
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{arguments:?}"
        );
        if arguments[0] == "serve" {
            assert_eq!(code, Some(2), "{stderr}");
            assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        }
    }
    // A value that can't be one isn't repeated either.
    let bad = [(
        "TERCET_LOG__URL",
        "mysql://tercet:hunter2secret@[bad/tercet",
    )];
    let (code, stdout, stderr) = with_env(&bad, &["serve", "--config", "c.toml"], &folder).await;
    assert_eq!(code, Some(2));
    assert!(
        !stdout.contains(secret) && !stderr.contains(secret),
        "{stderr}"
    );
    // A password of digits is text all the same.
    let digits = [
        (
            "TERCET_LOG__URL",
            "mysql://tercet:123456@127.0.0.1:1/tercet",
        ),
        ("TERCET_TELEMETRY__OTLP_ENDPOINT", ""),
    ];
    let (code, _, stderr) = with_env(
        &digits[..1],
        &["config", "check", "--config", "c.toml"],
        &folder,
    )
    .await;
    assert_eq!(code, Some(0), "{stderr}");
}

async fn health(world: &World, service: &str) -> Result<ServingStatus, tonic::Status> {
    let address = world.server().grpc.clone();
    let mut client = HealthClient::new(channel(&address));
    let request = HealthCheckRequest {
        service: service.into(),
    };
    Ok(client.check(request).await?.into_inner().status())
}

/// What is known goes on, steps included; what is new is refused before anything else is looked at.
#[tokio::test]
async fn a_drain_serves_what_is_known_and_refuses_what_is_new() {
    let mut world = World::with("", "[limits]\ndrain_grace = \"50s\"\n").await;
    assert_eq!(health(&world, "").await.unwrap(), ServingStatus::Serving);
    assert_eq!(
        health(&world, "tercet.v1.TransactionService")
            .await
            .unwrap(),
        ServingStatus::Serving
    );
    let ended = world.execute(one("ended")).await.unwrap();
    world.begin("steps", plain()).await.unwrap();
    world.p.on_phase("confirm", Answer::hold());
    let mut request = one("open");
    request.wait_for = 0;
    world.execute(request).await.unwrap();
    world.p.call("open", "confirm", 1).await;
    let watch = pb::WatchTransactionRequest { gid: "open".into() };
    let watching = world.client.clone().watch_transaction(watch).await.unwrap();
    let mut watching = watching.into_inner();
    let waiting = world.executing(one("open"));

    world.server().terminate();
    until("it drains", async || {
        (health(&world, "").await.ok()? == ServingStatus::NotServing).then_some(())
    })
    .await;

    let draining = "Unavailable DRAINING";
    let empty = crate::world::execute("new", Vec::new());
    assert_eq!(told(world.execute(empty).await), draining);
    let mut unclear = one("new");
    unclear.wait_for = 99;
    assert_eq!(told(world.execute(unclear).await), draining);
    assert_eq!(told(world.begin("", plain()).await), draining);
    assert_eq!(told(world.cancel("new", "").await), draining);
    assert_eq!(reason(world.execute(one("no gid")).await), "INVALID_GID");
    assert_eq!(reason(world.get("new").await), "UNKNOWN_TRANSACTION");
    // Who waits for completion has the state of then.
    let then = waiting.await.unwrap().unwrap();
    assert_eq!(then.state(), pb::TransactionState::Confirming);
    let last = loop {
        match watching.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(told::<()>(Err(last)), draining);

    assert_eq!(world.execute(one("ended")).await.unwrap(), ended);
    world.begin("steps", plain()).await.unwrap();
    world
        .renew("steps", Some(std::time::Duration::from_mins(1)))
        .await
        .unwrap();
    let tried = world.try_branch("steps", branch("1", "q")).await.unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    world.register("steps", branch("2", "q")).await.unwrap();
    world.confirm("steps").await.unwrap();
    let probe = run(
        &["probe", "--endpoint", &world.server().grpc],
        world.folder.path(),
    )
    .await;
    assert_eq!(probe.status.code(), Some(1));

    world.p.release();
    let (status, rest) = world.coordinator.take().unwrap().ended().await;
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
    let status = world.get("open").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "it is gone");

    world.up().await;
    for gid in ["open", "steps"] {
        assert_eq!(
            world.ended(gid).await.state(),
            pb::TransactionState::Confirmed
        );
    }
}
