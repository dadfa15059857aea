//! Several instances of a participant on one database: calls are spread over them, and one that dies costs nobody an
//! answer.

use std::fs;

use crate::harness::process::Server;
use crate::harness::shop::{Shop, free_port};
use crate::load::plan;
use crate::seed::Seed;
use crate::world::{World, moment};

const RETRY: &str = "[retry]\nmax = \"500ms\"\n";

/// Further instances of the stock service, each with a file and a port of its own.
struct Instances {
    files: Vec<String>,
    running: Vec<Option<Server>>,
}

impl Instances {
    /// Two more. The coordinator finds one by a name.
    async fn start(shop: &Shop) -> Self {
        let folder = shop.folder.path();
        let first = fs::read_to_string(folder.join("stock.toml")).unwrap();
        let (_, rest) = first.split_once('\n').unwrap();
        let mut endpoints = Vec::new();
        let mut instances = Self {
            files: Vec::new(),
            running: Vec::new(),
        };
        for (number, host) in ["localhost", "127.0.0.1"].into_iter().enumerate() {
            let port = free_port();
            let file = format!("stock-{number}.toml");
            let text = format!("listen = \"127.0.0.1:{port}\"\n{rest}");
            fs::write(folder.join(&file), text).unwrap();
            endpoints.push(format!("\"http://{host}:{port}\", "));
            instances.files.push(file);
            instances.running.push(None);
            instances.up(shop, number).await;
        }
        let coordinator = folder.join("coordinator.toml");
        let text = fs::read_to_string(&coordinator).unwrap();
        let before = "[participants.stock]\nendpoints = [";
        assert!(text.contains(before), "{text}");
        let text = text.replace(before, &format!("{before}{}", endpoints.concat()));
        fs::write(coordinator, text).unwrap();
        instances
    }

    async fn up(&mut self, shop: &Shop, number: usize) {
        let arguments = ["stock", "--config", &self.files[number]];
        self.running[number] = Some(Server::start(&arguments, shop.folder.path()).await);
    }

    async fn kill(&mut self, number: usize) {
        self.running[number].take().unwrap().kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_instances_any_two_may_be_gone() {
    let mut seed = Seed::new("instances");
    let shop = Shop::down("1s", RETRY).await;
    let mut instances = Instances::start(&shop).await;
    let mut world = World::of(shop);
    world.shop.up().await;
    world.seed().await;
    let prefix = seed.number.to_string();
    for round in 0..2 {
        let load = world.load(plan(&mut seed, &format!("{prefix}-{round}"), 40));
        world.answers.reach(world.answers.count(), 5).await;
        moment(seed.below(20)).await;
        // In mid-call; the others go on with what it had.
        instances.kill(round).await;
        world.answers.reach(world.answers.count(), 5).await;
        world.shop.kill("stock").await;
        world.answers.reach(world.answers.count(), 5).await;
        instances.up(&world.shop, round).await;
        // Alone, the one that has come back is enough.
        instances.kill(1 - round).await;
        load.finished().await;
        instances.up(&world.shop, 1 - round).await;
        world.shop.up().await;
        println!("{}", world.check().await);
    }
}
