//! The MariaDB server itself fails under load: killed, frozen, read-only, full.
//!
//! Whatever it does, clients are answered truly or asked to come again, and when it is back everything ends without a
//! person and without a restart of ours.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use prost::Message as _;
use tercet_proto::shop::stock::v1::NotifyRequest;
use tercet_proto::tercet::v1::{ExecuteTransactionRequest, GetTransactionRequest};
use tercet_test_databases::Options;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::answers::Told;
use crate::harness::process::run;
use crate::harness::{patiently, until};
use crate::load::{message, reason};
use crate::rig::{Path, Rig};
use crate::seed::Seed;
use crate::world::{World, moment};

/// Deals of a round.
const DEALS: usize = 60;
/// How long a client waits for the decision of a begin that nothing holds up but the log.
const BEGIN_PATIENCE: Duration = Duration::from_secs(2);
/// Clients' calls that fail before a fault is over, so that it is felt by many.
const FAILURES: usize = 6;

/// A longer form for long runs.
fn rounds() -> usize {
    let rounds = std::env::var("TERCET_TEST_SERVER_ROUNDS").ok();
    rounds.map_or(2, |text| {
        text.parse().expect("TERCET_TEST_SERVER_ROUNDS is a number")
    })
}

/// A begin of its own: a message, decided at once when the log takes it. `padding` is what the log has to keep and nobody
/// reads.
async fn begin(world: &World, gid: &str, padding: usize) -> Result<(), Status> {
    let notice = NotifyRequest {
        subject: gid.into(),
        text: "hello".into(),
    };
    let mut payload = notice.encode_to_vec();
    if padding > 0 {
        // A field that the message doesn't have: bytes, number 99.
        prost::encoding::bytes::encode(99, &vec![b'x'; padding], &mut payload);
    }
    let request = ExecuteTransactionRequest {
        gid: gid.into(),
        branches: vec![message("1", "stock", "notify", payload)],
        ..ExecuteTransactionRequest::default()
    };
    let mut client = world.shop.transactions();
    client.execute_transaction(request).await?;
    world.answers.told(gid, Told::Confirm);
    Ok(())
}

/// A begin that was refused, and those before it that nobody was told about.
struct Refusal {
    gid: String,
    status: Status,
    waiting: Vec<String>,
    padding: usize,
}

/// Begins until one is refused.
async fn begin_until_refused(world: &World, name: &str, padding: usize) -> Refusal {
    let refusing = async {
        let mut waiting = Vec::new();
        for number in 0.. {
            let gid = format!("{name}-{number}");
            // One that was taken when there was room, and whose decision found none, has to wait for room.
            match timeout(BEGIN_PATIENCE, begin(world, &gid, padding)).await {
                Ok(Err(status)) => {
                    return Refusal {
                        gid,
                        status,
                        waiting,
                        padding,
                    };
                }
                Ok(Ok(())) => {}
                Err(_) => waiting.push(gid),
            }
        }
        unreachable!("there are enough numbers")
    };
    patiently("a begin to be refused", refusing).await
}

impl Refusal {
    /// It was refused for the log's sake, has not begun, and is taken as soon as the log can; those that had begun are
    /// decided.
    async fn is_over(&self, world: &World) {
        for gid in self.waiting.iter().chain([&self.gid]) {
            until("the same gid to be taken", || async {
                begin(world, gid, self.padding).await.ok()
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_it_has_every_decision_and_is_found_without_a_restart() {
    let mut seed = Seed::new("server killed");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    for round in 0..rounds() {
        let name = format!("killed-{round}");
        rig.under_load(&mut seed, &name, DEALS, async |rig, seed| {
            for _ in 0..2 {
                moment(seed.below(60)).await;
                rig.server.kill9();
                moment(seed.one_of(&[0, 100, 700])).await;
                rig.server.restart().await;
                let since = rig.world.answers.count();
                let more = usize::try_from(seed.below(10)).unwrap();
                // All may be answered already.
                let some = rig.world.answers.reach(since, more);
                let _late = timeout(Duration::from_secs(3), some).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_for_longer_than_every_time_out_it_goes_on_where_it_was() {
    let mut seed = Seed::new("server frozen");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    for round in 0..rounds() {
        let name = format!("frozen-{round}");
        rig.under_load(&mut seed, &name, DEALS, async |rig, seed| {
            moment(seed.below(60)).await;
            let before = rig.world.answers.failures();
            rig.server.stop();
            // Longer than the log's own patience of 2 s and the connections' of 5 s.
            let felt = rig.world.answers.reach_failures(before, FAILURES);
            patiently("clients to lose their patience", felt).await;
            rig.server.cont();
        })
        .await;
    }
}

/// Waits until `tercet probe` finds the coordinator so.
async fn until_ready(rig: &Rig, is_ready: bool) {
    let endpoint = rig.world.shop.endpoint();
    let folder = rig.world.shop.folder.path();
    until(&format!("readiness to be {is_ready}"), || async {
        let probe = run(&["probe", "--endpoint", &endpoint], folder).await;
        (probe.status.success() == is_ready).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_gone_a_coordinator_that_nobody_calls_is_not_ready() {
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    until_ready(&rig, true).await;

    rig.server.kill9();
    until_ready(&rig, false).await;
    rig.server.restart().await;

    until_ready(&rig, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_for_a_while_it_refuses_what_is_new_and_loses_nothing() {
    let mut seed = Seed::new("server read-only");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    rig.under_load(&mut seed, "read-only", DEALS, async |rig, seed| {
        moment(seed.below(60)).await;
        rig.sql("SET GLOBAL read_only = ON").await;
        let refusal = begin_until_refused(&rig.world, "read-only", 0).await;
        assert_eq!(
            reason(&refusal.status),
            "LOG_UNAVAILABLE",
            "{:?}",
            refusal.status
        );
        // What is known is shown.
        let (known, _) = rig.world.answers.all().pop_first().unwrap();
        let request = GetTransactionRequest { gid: known };
        let mut client = rig.world.shop.transactions();
        client.get_transaction(request).await.unwrap();
        rig.sql("SET GLOBAL read_only = OFF").await;
        refusal.is_over(&rig.world).await;
    })
    .await;
}

/// A server whose files may not grow beyond a limit that is set later: no special rights needed, and as for a full
/// disk its writes fail.
fn may_be_limited() -> Options {
    let ignoring_the_signal = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    Options {
        wrapper: ignoring_the_signal.map(str::to_owned).to_vec(),
        // The redo log must fit below the limit.
        arguments: vec!["--innodb-log-file-size=4M".to_owned()],
        ..Options::default()
    }
}

/// Sets how large a file of the server may be, in bytes or `unlimited`. Only a process of the server's own user may.
fn limit(rig: &Rig, size: &str) {
    let process = rig.server.process().unwrap();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let id = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    let mut prlimit = Command::new("setpriv");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let (user, group) = (id("Uid:"), id("Gid:"));
        prlimit.args(["--reuid", &user, "--regid", &group, "--clear-groups"]);
    }
    let done = prlimit
        .args(["prlimit", "--pid", &process.to_string()])
        .arg(format!("--fsize={size}:"))
        .status()
        .unwrap();
    assert!(done.success(), "prlimit: {done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_it_refuses_what_is_new_and_goes_on_when_there_is_room_again() {
    let mut seed = Seed::new("server full");
    let Some(mut rig) = Rig::start(may_be_limited(), Path::Direct).await else {
        return;
    };
    rig.under_load(&mut seed, "full", DEALS, async |rig, _| {
        limit(rig, "16777216");
        let refusal = begin_until_refused(&rig.world, "full", 300_000).await;
        assert_eq!(
            reason(&refusal.status),
            "LOG_UNAVAILABLE",
            "{:?}",
            refusal.status
        );
        let request = GetTransactionRequest {
            gid: refusal.gid.clone(),
        };
        let mut client = rig.world.shop.transactions();
        let unknown = client.get_transaction(request).await.unwrap_err();
        assert_eq!(
            unknown.code(),
            Code::NotFound,
            "it was refused and has begun"
        );
        limit(rig, "unlimited");
        refusal.is_over(&rig.world).await;
    })
    .await;
}
