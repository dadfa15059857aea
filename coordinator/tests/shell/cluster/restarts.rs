//! Replicas are restarted one after the other while orders go on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::{PATIENCE, Replica, Replicas, execute};

type Clients = Arc<Mutex<Vec<TransactionServiceClient<Channel>>>>;

/// Executes until an answer comes, as the client crate does: what is UNAVAILABLE is tried again, anywhere.
async fn persistently(clients: &Clients, gid: &str, turn: usize) -> pb::Transaction {
    let asked = async {
        let mut turn = turn;
        loop {
            let mut client = {
                let clients = clients.lock().unwrap();
                clients[turn % clients.len()].clone()
            };
            turn += 1;
            match client.execute_transaction(execute(gid, &["a", "b"])).await {
                Ok(answer) => return answer.into_inner().transaction.unwrap(),
                Err(status) => assert!(
                    // A connection that breaks in mid-call is UNKNOWN or CANCELLED.
                    matches!(
                        status.code(),
                        Code::Unavailable | Code::Unknown | Code::Cancelled
                    ),
                    "{gid}: {status:?}"
                ),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| panic!("{gid} is never answered"))
}

/// Restarts each of three replicas in turn while four callers execute. `stop` says how one ends.
async fn roll(replicas: &Replicas, stop: impl AsyncFn(&mut Replica)) -> BTreeMap<String, String> {
    let mut members = [
        replicas.join().await,
        replicas.join().await,
        replicas.join().await,
    ];
    let clients: Clients = Arc::new(Mutex::new(
        members
            .iter()
            .map(|replica| replica.client.clone())
            .collect(),
    ));
    let done = Arc::new(AtomicBool::new(false));
    let finished = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (clients, done) = (Arc::clone(&clients), Arc::clone(&done));
            let finished = Arc::clone(&finished);
            tokio::spawn(async move {
                let mut ended = BTreeMap::new();
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    let gid = format!("c{caller}-{number}");
                    let transaction = persistently(&clients, &gid, caller + number).await;
                    ended.insert(gid, transaction.state().as_str_name().to_owned());
                    finished.fetch_add(1, Ordering::Relaxed);
                    number += 1;
                }
                ended
            })
        })
        .collect();
    for (index, member) in members.iter_mut().enumerate() {
        // Some work between two restarts.
        let so_far = finished.load(Ordering::Relaxed);
        let more = async {
            while finished.load(Ordering::Relaxed) < so_far + 20 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, more).await.unwrap();
        stop(member).await;
        *member = replicas.join().await;
        clients.lock().unwrap()[index] = member.client.clone();
    }
    done.store(true, Ordering::Relaxed);
    let mut ended = BTreeMap::new();
    for caller in callers {
        ended.extend(caller.await.unwrap());
    }
    // What was left behind is finished by those that are there.
    members[0]
        .until_status("nothing to be open", |status| {
            status.sessions.iter().all(|session| session.open == 0)
        })
        .await;
    ended
}

#[tokio::test]
async fn a_rolling_restart_fails_no_transaction() {
    let replicas = Replicas::prepare(|_| {}).await;
    let ended = roll(&replicas, async |replica| replica.leave().await).await;
    assert!(ended.len() >= 60);
    for (gid, state) in ended {
        assert_ne!(state, "TRANSACTION_STATE_CANCELLED", "{gid}");
        assert_ne!(state, "TRANSACTION_STATE_CANCELLING", "{gid}");
    }
    assert_eq!(
        (replicas.a.count("Cancel"), replicas.b.count("Cancel")),
        (0, 0)
    );
}

#[tokio::test]
async fn killing_one_after_the_other_fails_no_transaction() {
    let replicas = Replicas::prepare(|_| {}).await;
    let ended = roll(&replicas, async |replica| replica.kill().await).await;
    for (gid, state) in ended {
        assert_eq!(state, "TRANSACTION_STATE_CONFIRMED", "{gid}");
    }
    assert_eq!(
        (replicas.a.count("Cancel"), replicas.b.count("Cancel")),
        (0, 0)
    );
}
