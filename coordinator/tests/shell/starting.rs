//! Starting and not starting: one clear line each. And the log when it fails.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tercet_coordinator::{Config, Coordinator, StartError};
use tercet_log::faults::{Fault, FaultyStore};
use tercet_log::{MemoryDisk, MemoryStore};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_service::{Drain, ListenAddress};
use tonic::Code;

use crate::support::{World, refusal, soon};

fn config(folder: &std::path::Path) -> Config {
    let mut config = Config {
        listen: ListenAddress::loopback(0),
        http_listen: ListenAddress::loopback(0),
        ..Config::default()
    };
    config.log.url = format!("sqlite:{}", folder.join("coordinator.db").display());
    config
}

fn one_line(error: &StartError, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

async fn begin(
    client: &mut TransactionServiceClient<tonic::transport::Channel>,
    gid: &str,
) -> Result<pb::Transaction, tonic::Status> {
    let request = pb::BeginTransactionRequest {
        gid: gid.to_owned(),
        options: None,
    };
    let answer = client.begin_transaction(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

#[tokio::test]
async fn on_a_file_it_goes_on_where_the_last_one_stood() {
    let folder = tempfile::tempdir().unwrap();
    let first = Coordinator::start(config(folder.path()), Drain::new())
        .await
        .unwrap();
    let mut client = TransactionServiceClient::connect(first.addresses().grpc_url())
        .await
        .unwrap();
    let begun = begin(&mut client, "g").await.unwrap();
    soon("the first one's death", first.abort()).await;

    let drain = Drain::new();
    let second = Coordinator::start(config(folder.path()), drain.clone())
        .await
        .unwrap();
    let mut client = TransactionServiceClient::connect(second.addresses().grpc_url())
        .await
        .unwrap();
    let same = begin(&mut client, "g").await.unwrap();
    assert_eq!(same.begun_at, begun.begun_at);
    let confirm = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    client.confirm_transaction(confirm).await.unwrap();
    drain.begin();
    soon("the drain", second.wait()).await.unwrap();
}

#[tokio::test]
async fn a_second_coordinator_on_one_file_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Coordinator::start(config(folder.path()), Drain::new())
        .await
        .unwrap();
    let error = Coordinator::start(config(folder.path()), Drain::new())
        .await
        .unwrap_err();
    one_line(&error, &["log.url", &std::process::id().to_string()]);
    first.abort().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = Config {
        listen: ListenAddress::loopback(port),
        ..config(folder.path())
    };
    let error = Coordinator::start(config, Drain::new()).await.unwrap_err();
    one_line(&error, &["listen", &port.to_string(), "in use"]);
}

#[tokio::test]
async fn a_log_that_can_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be stops root too, whom permissions don't.
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let error = Coordinator::start(config(&folder.path().join("data")), Drain::new()).await;
    one_line(&error.unwrap_err(), &["log.url", "data"]);

    let read_only = folder.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(read_only.join("probe"), "").is_err() {
        let error = Coordinator::start(config(&read_only), Drain::new())
            .await
            .unwrap_err();
        one_line(&error, &["log.url", "read-only"]);
    }

    let mut elsewhere = config(folder.path());
    elsewhere.log.url = "mysql://user:geheim@host/tercet".to_owned();
    let error = Coordinator::start(elsewhere, Drain::new())
        .await
        .unwrap_err();
    one_line(&error, &["log.url"]);
    assert!(!error.to_string().contains("geheim"));
}

#[tokio::test]
async fn while_the_log_fails_nothing_begins() {
    let folder = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(true));
    let inner = Arc::new(MemoryStore::open(&MemoryDisk::default(), "test"));
    let script = {
        let fails = Arc::clone(&fails);
        move |_: &[tercet_log::Entry]| {
            if fails.load(Ordering::Relaxed) {
                Fault::Unavailable
            } else {
                Fault::None
            }
        }
    };
    let store = Arc::new(FaultyStore::new(inner, script));
    let running = Coordinator::start_with(config(folder.path()), Drain::new(), store)
        .await
        .unwrap();
    let mut client = TransactionServiceClient::connect(running.addresses().grpc_url())
        .await
        .unwrap();

    let told = refusal(begin(&mut client, "g").await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "LOG_UNAVAILABLE")
    );
    assert!(told.retry_after.is_some());
    fails.store(false, Ordering::Relaxed);
    let get = pb::GetTransactionRequest {
        gid: "g".to_owned(),
    };
    assert_eq!(
        refusal(client.get_transaction(get).await).reason,
        "UNKNOWN_TRANSACTION"
    );
    begin(&mut client, "g").await.unwrap();

    fails.store(true, Ordering::Relaxed);
    let confirm = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Decision as i32,
    };
    let told = refusal(client.confirm_transaction(confirm.clone()).await);
    assert_eq!(told.reason, "LOG_UNAVAILABLE");
    fails.store(false, Ordering::Relaxed);
    let confirmed = client
        .confirm_transaction(confirm)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        confirmed.transaction.unwrap().state(),
        pb::TransactionState::Confirmed
    );
    running.abort().await;
}

#[tokio::test]
async fn a_log_whose_outcome_is_unknown_ends_the_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let inner = Arc::new(MemoryStore::open(&MemoryDisk::default(), "test"));
    let store = Arc::new(FaultyStore::new(inner, |_: &[_]| Fault::WrittenUnknown));
    let running = Coordinator::start_with(config(folder.path()), Drain::new(), store)
        .await
        .unwrap();
    let mut client = TransactionServiceClient::connect(running.addresses().grpc_url())
        .await
        .unwrap();
    let asking = tokio::spawn(async move { begin(&mut client, "g").await });
    let error = soon("the end", running.wait()).await.unwrap_err();
    assert!(error.to_string().contains("unknown"), "{error}");
    asking.abort();
}

#[tokio::test]
async fn it_announces_what_it_has_really_bound_and_names_itself_so() {
    let world = World::start().await;
    let running = world.running();
    let addresses = running.addresses();
    assert_eq!(
        running.ready_line(),
        format!("ready grpc={} http={}", addresses.grpc, addresses.http)
    );
    let begun = world.begin("g").await;
    assert_eq!(begun.coordinator, addresses.grpc_url());
    let status = world
        .admin
        .clone()
        .get_status(pb::GetStatusRequest::default())
        .await
        .unwrap();
    assert!(format!("{:?}", status.into_inner()).contains(&addresses.grpc_url()));
}
