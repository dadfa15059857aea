//! The log's disk is full: a real one, small and in memory, and a limit on the size of a file where that can't be had.
//! What can't be written is refused or left for the next start; nothing is answered that isn't durable.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use prost::Message as _;
use tercet_proto::shop::stock::v1::NotifyRequest;
use tercet_proto::tercet::v1::{ExecuteTransactionRequest, GetTransactionRequest};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::{Code, Status};

use crate::answers::Told;
use crate::harness::process::Server;
use crate::harness::shop::Shop;
use crate::harness::{patiently, until};
use crate::load::{may_be_repeated, message, plan, reason};
use crate::seed::Seed;
use crate::world::World;

/// Room for SQLite's write-ahead log between two checkpoints, and then some.
const DISK: &str = "12m";

/// The log's URL, from the folder that the coordinator runs in.
const ON_SMALL_DISK: &str = "sqlite:disk/coordinator.db";

/// A file system of its own in a mount namespace of its own, which a process holds open: it is gone with that process,
/// whatever becomes of the test.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
    is_root: bool,
}

impl SmallDisk {
    /// Mounts it on `folder/disk`. The error says what is missing.
    async fn mount(folder: &Path) -> Result<Self, String> {
        fs::create_dir(folder.join("disk")).unwrap();
        let script =
            format!("mount -t tmpfs -o size={DISK} tmpfs disk && echo mounted && exec cat");
        for is_root in [true, false] {
            let namespaces: &[&str] = if is_root {
                &["--mount"]
            } else {
                &["--mount", "--user", "--map-root-user"]
            };
            let holder = Command::new("unshare")
                .args(namespaces)
                .args(["sh", "-c", &script])
                .current_dir(folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn();
            let Ok(mut holder) = holder else {
                return Err("there is no unshare".into());
            };
            let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
            let line = patiently("the small disk", said.next_line()).await.unwrap();
            if line.as_deref() == Some("mounted") {
                return Ok(Self {
                    holder,
                    folder: folder.to_owned(),
                    is_root,
                });
            }
        }
        Err("neither this user nor a user namespace may mount a tmpfs".into())
    }

    /// Starts the coordinator where it sees the disk.
    async fn coordinator(&self) -> Server {
        let (id, folder) = (
            self.holder.id().unwrap().to_string(),
            self.folder.to_str().unwrap(),
        );
        let mut wrapper = vec!["nsenter", "--target", &id, "--mount"];
        if !self.is_root {
            wrapper.extend(["--user", "--preserve-credentials"]);
        }
        wrapper.extend(["sh", "-c", "cd \"$0\" && exec \"$@\"", folder]);
        let arguments = ["serve", "--config", "coordinator.toml"];
        Server::start_through(&wrapper, &arguments, &self.folder).await
    }

    /// The disk as this process sees it.
    fn path(&self) -> PathBuf {
        let folder = self.folder.strip_prefix("/").unwrap();
        let root = format!("/proc/{}/root", self.holder.id().unwrap());
        Path::new(&root).join(folder).join("disk")
    }

    /// Takes the last byte that is free.
    fn fill(&self) {
        let mut filler = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join("filler"))
            .unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            match filler.write(&vec![0; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Its files go where there is room for ever, and the coordinator's file says so.
    fn moved_to_a_larger_one(&self) {
        for file in ["coordinator.db", "coordinator.db-wal"] {
            let from = self.path().join(file);
            if from.exists() {
                fs::copy(from, self.folder.join(file)).unwrap();
            }
        }
        let file = self.folder.join("coordinator.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(ON_SMALL_DISK, "sqlite:coordinator.db")).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

/// A message of its own: decided at once when the log takes it.
async fn begin(world: &World, gid: &str) -> Result<(), Status> {
    let notice = NotifyRequest {
        subject: gid.into(),
        text: "x".repeat(900),
    };
    let request = ExecuteTransactionRequest {
        gid: gid.into(),
        branches: vec![message("1", "stock", "notify", notice.encode_to_vec())],
        ..ExecuteTransactionRequest::default()
    };
    world
        .shop
        .transactions()
        .execute_transaction(request)
        .await?;
    world.answers.told(gid, Told::Confirm);
    Ok(())
}

/// Begins messages until the log takes no more; the gid of the first refused one, and how.
async fn begin_until_refused(world: &World) -> (String, Status) {
    let mut number = 0;
    loop {
        let gid = format!("full-{number}");
        match begin(world, &gid).await {
            Ok(()) => number += 1,
            Err(status) => return (gid, status),
        }
    }
}

/// A shop whose coordinator's file names another place for the log.
async fn shop_with_log(url: &str) -> Shop {
    let shop = Shop::down("1s", "[retry]\nmax = \"500ms\"\n").await;
    let file = shop.folder.path().join("coordinator.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("sqlite:coordinator.db", url)).unwrap();
    shop
}

async fn participants_up(world: &mut World) {
    for name in ["stock", "points", "order"] {
        let server = world.shop.server(name).await;
        *world.shop.slot(name) = Some(server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_begins_and_all_goes_on_when_there_is_room_again() {
    let mut seed = Seed::new("full disk");
    let shop = shop_with_log(ON_SMALL_DISK).await;
    let disk = match SmallDisk::mount(shop.folder.path()).await {
        Ok(disk) => disk,
        Err(why) if std::env::var_os("CI").is_some() => panic!("{why}"),
        Err(why) => return println!("skipped: {why}"),
    };
    let mut world = World::of(shop);
    participants_up(&mut world).await;
    world.shop.coordinator = Some(disk.coordinator().await);
    world.seed().await;
    let prefix = seed.number.to_string();
    let load = world.load(plan(&mut seed, &prefix, 80));
    world.answers.reach(0, 20).await;

    disk.fill();
    let (gid, refused) = patiently("the log to be full", begin_until_refused(&world)).await;
    // A full disk is no I/O error: the process stays, refuses what is new, and shows what it knows.
    assert_eq!(reason(&refused), "LOG_UNAVAILABLE", "{refused:?}");
    assert_eq!(refused.code(), Code::Unavailable);
    let (known, _) = world.answers.all().pop_first().unwrap();
    let request = GetTransactionRequest { gid: known };
    let mut client = world.shop.transactions();
    client.get_transaction(request).await.unwrap();
    disk.free();

    let request = GetTransactionRequest { gid: gid.clone() };
    let unknown = world
        .shop
        .transactions()
        .get_transaction(request)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&unknown),
        "UNKNOWN_TRANSACTION",
        "it was refused and has begun: {unknown:?}"
    );
    until("the same gid to be taken", || async {
        begin(&world, &gid).await.ok()
    })
    .await;
    load.finished().await;
    world.settled().await;
    world.shop.kill("serve").await;
    disk.moved_to_a_larger_one();
    world.shop.up().await;
    println!("{}", world.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_may_not_grow_any_more_loses_nothing_that_was_answered() {
    let mut seed = Seed::new("file size");
    let mut world = World::of(Shop::down("1s", "[retry]\nmax = \"500ms\"\n").await);
    participants_up(&mut world).await;
    // 1 or 2 MiB: a shell's blocks are 512 or 1024 bytes. Without the signal a write just fails.
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 2048; exec \"$@\"",
        "sh",
    ];
    let arguments = ["serve", "--config", "coordinator.toml"];
    let server = Server::start_through(&limited, &arguments, world.shop.folder.path()).await;
    world.shop.coordinator = Some(server);
    world.seed().await;
    let prefix = seed.number.to_string();
    let load = world.load(plan(&mut seed, &prefix, 40));

    let (gid, refused) = patiently("the log to reach its limit", begin_until_refused(&world)).await;
    // A write that failed in the middle of a commit: nobody knows whether it is there, so nobody is told anything.
    assert!(may_be_repeated(&refused), "{refused:?}");
    let limited = world.shop.coordinator.take().unwrap();
    let (status, _) = limited.ended().await;
    assert!(!status.success(), "{status}");
    world.shop.up().await;

    load.finished().await;
    // Its begin was answered by nobody: it may be there or not, and the same call makes it one.
    until("the same gid to be taken", || async {
        begin(&world, &gid).await.ok()
    })
    .await;
    println!("{}", world.check().await);
}
