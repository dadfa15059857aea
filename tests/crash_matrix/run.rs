//! Runs one cell on a system that is up, and leaves that up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tercet_test_databases::Server as DatabaseServer;
use tokio::task::JoinSet;

use crate::cells::{Action, Cell, Kind};
use crate::deals::{answer_checks, deals, initiator_table, send_message};
use crate::harness::databases::Databases;
use crate::harness::scripted::Scripted;
use crate::harness::shop::{Shop, free_port};
use crate::harness::{patiently, until};
use crate::points::When;
use crate::victim::{Env, Victim};
use crate::world::World;

/// Retries that don't make a test wait, and a take-over that doesn't.
const SETTINGS: &str =
    "[retry]\nmax = \"500ms\"\n[cluster]\ntake_over_after = \"6s\"\nbeat_every = \"1s\"\n";
/// The other coordinator's file.
const PEER: &str = "peer.toml";

/// A system, and the initiator of its messages.
pub(crate) struct System {
    world: World,
    initiator: Arc<Scripted>,
}

impl System {
    /// Everything up and seeded.
    pub(crate) async fn start(kind: Kind, server: Option<&DatabaseServer>) -> Self {
        let folder = TempDir::new().unwrap();
        let databases = match kind {
            Kind::Sqlite => Databases::in_folder(folder.path()),
            Kind::MariaDb => Databases::on(server.unwrap(), folder.path()).await,
        };
        let initiator = Arc::new(Scripted::start().await);
        let more = format!("{}{SETTINGS}", initiator_table(&initiator));
        let mut shop = Shop::down_with(folder, databases, "1s", &more);
        shop.up().await;
        let world = World::of(shop);
        world.seed().await;
        Self { world, initiator }
    }

    /// Runs a cell whose deals have ids of their own by `prefix`. Panics at what doesn't hold.
    pub(crate) async fn run(&mut self, cell: &Cell, prefix: &str) {
        // Ends with this cell, however that ends.
        let mut checks = JoinSet::new();
        checks.spawn(answer_checks(Arc::clone(&self.initiator)));
        match cell.point().when {
            When::Serving => self.serving(cell, prefix, Vec::new()).await,
            When::Starting => {
                let left_open = failpoints(cell.left_open_at);
                self.serving(cell, prefix, vec![vec![left_open]]).await;
            }
            When::TakingOver => self.taking_over(cell, prefix).await,
        }
    }

    /// The victim has `before` behind it when it gets to the place.
    async fn serving(&mut self, cell: &Cell, prefix: &str, before: Vec<Env>) {
        let world = &mut self.world;
        world.shop.kill(cell.victim).await;
        let folder = world.shop.folder.path().to_owned();
        let hits = Hits::new(&folder, prefix);
        let aborts = before.len() + usize::from(cell.action == Action::Abort);
        let lives = before.into_iter().chain([hits.env(cell)]);
        let mut victim = Victim::new(cell.victim, file_of(cell.victim), &folder, lives);
        victim.up().await;
        tokio::select! {
            () = clients(world, &hits, prefix) => {}
            () = victim.look_after(|| true) => {}
        }
        hits.judge(cell);
        judge(cell, &victim, aborts);
        *world.shop.slot(cell.victim) = victim.server;
        world.check().await;
    }

    /// The coordinator dies and stays away until its peer, which takes over, has got to the place.
    async fn taking_over(&mut self, cell: &Cell, prefix: &str) {
        let world = &mut self.world;
        world.shop.kill("serve").await;
        write_peer(&world.shop);
        let folder = world.shop.folder.path().to_owned();
        let hits = Hits::new(&folder, prefix);
        let left_open = vec![failpoints(cell.left_open_at)];
        let mut dead = Victim::new("serve", file_of("serve"), &folder, [left_open]);
        let mut peer = Victim::new("serve", PEER, &folder, [hits.env(cell)]);
        dead.up().await;
        peer.up().await;
        tokio::select! {
            () = clients(world, &hits, prefix) => {}
            () = dead.look_after(|| hits.is_there()) => {}
            () = peer.look_after(|| true) => {}
        }
        hits.judge(cell);
        judge(cell, &dead, 1);
        judge(cell, &peer, usize::from(cell.action == Action::Abort));
        *world.shop.slot("serve") = dead.server;
        let peer = peer.server.expect("it is up when all has ended");
        peer.terminate();
        let (status, _) = peer.ended().await;
        assert!(status.success(), "the peer's drain ended with {status}");
        world.check().await;
    }
}

/// Everything that is asked for, until it has ended and the place was reached.
async fn clients(world: &World, hits: &Hits, prefix: &str) {
    let load = world.load(deals(prefix));
    send_message(&world.shop, &world.answers, prefix).await;
    load.finished().await;
    patiently("the failpoint", hits.reached()).await;
    world.settled().await;
}

/// How long the log waits for the server, which is a third of the take-over time.
const PATIENCE_MILLIS: u64 = 2_000;

/// That as many processes died as were told to, and no other but by what ends a process: a commit whose outcome only a start
/// can read, and at the start any error of the log.
fn judge(cell: &Cell, victim: &Victim, aborts: usize) {
    assert_eq!(victim.aborts(), aborts, "{cell:?}");
    let others = victim.other_deaths();
    let may_end = match cell.action {
        Action::Abort => false,
        Action::Error => true,
        Action::Delay => cell.point().when == When::Starting && cell.millis > PATIENCE_MILLIS,
    };
    let allowed = usize::from(may_end);
    let is_failure = others.iter().all(|status| !status.success());
    assert!(
        others.len() <= allowed && is_failure,
        "{cell:?}: {others:?}"
    );
}

/// The file in which a process notes that it got to the place.
struct Hits(PathBuf);

impl Hits {
    fn new(folder: &Path, prefix: &str) -> Self {
        Self(folder.join(format!("hits-{prefix}")))
    }

    fn env(&self, cell: &Cell) -> Env {
        let noted = format!("TERCET_FAILPOINTS_HITS={}", self.0.display());
        vec![failpoints(&cell.failpoint()), noted]
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn is_there(&self) -> bool {
        !self.lines().is_empty()
    }

    async fn reached(&self) {
        until("the failpoint", || async { self.is_there().then_some(()) }).await;
    }

    /// It was reached, and what was to happen happened once.
    fn judge(&self, cell: &Cell) {
        let lines = self.lines();
        let begins = format!("{} {}", cell.point().name, cell.action.word());
        assert!(
            lines.len() == 1 && lines[0].starts_with(&begins),
            "{cell:?}: {lines:?}"
        );
    }
}

fn failpoints(said: &str) -> String {
    format!("TERCET_FAILPOINTS={said}")
}

fn file_of(command: &str) -> &'static str {
    match command {
        "serve" => "coordinator.toml",
        "order" => "order.toml",
        "points" => "points.toml",
        _ => "stock.toml",
    }
}

/// A coordinator on the same log, with a port that none had before: its start has nobody to succeed.
fn write_peer(shop: &Shop) {
    let folder = shop.folder.path();
    let file = std::fs::read_to_string(folder.join(file_of("serve"))).unwrap();
    let own = format!("127.0.0.1:{}", free_port());
    std::fs::write(folder.join(PEER), file.replacen(&shop.endpoint(), &own, 1)).unwrap();
}
