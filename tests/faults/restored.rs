//! The log is restored from a backup that is older than decisions which the participants have followed, and
//! `serve --restored` finds out from their fences what these were.

use std::collections::BTreeMap;

use prost::Message as _;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::tercet::v1::{
    BeginTransactionRequest, Branch, CancelTransactionRequest, ConfirmTransactionRequest,
    GetTransactionRequest, ListTransactionsRequest, ResumeTransactionRequest, Transaction,
    TransactionState, TryBranchRequest, WaitFor,
};

use crate::answers::Told;
use crate::backup::Backup;
use crate::harness::process::Server;
use crate::harness::scripted::Scripted;
use crate::harness::shop::{Shop, participant};
use crate::harness::{patiently, until};
use crate::load::{PLENTY, RICH, message, plan, reason};
use crate::seed::Seed;
use crate::world::World;

/// Of each kind so many.
const EACH: usize = 6;

const RETRY: &str = "[retry]\nmax = \"500ms\"\n";

/// A world with one more participant, which has no fence to be read.
async fn world(stranger: &Scripted) -> World {
    let address = stranger.address.to_string();
    let more = participant(
        "stranger",
        &address,
        "5s",
        "act = \"strange.v1.ActService\"",
    );
    let mut shop = Shop::down("3s", &format!("{more}{RETRY}")).await;
    shop.up().await;
    let world = World::of(shop);
    world.seed().await;
    world
}

fn points(gid: &str) -> Branch {
    let spend = SpendPointsRequest {
        user_id: RICH.0.into(),
        points: 1,
        order_ref: gid.into(),
        ..Default::default()
    };
    message("points", "points", "spend", spend.encode_to_vec())
}

fn stock() -> Branch {
    let reserve = ReserveStockRequest {
        sku: PLENTY.0.into(),
        quantity: 1,
        ..Default::default()
    };
    message("stock", "stock", "reserve", reserve.encode_to_vec())
}

/// Begins a transaction and tries its branches.
async fn tried(world: &World, gid: &str, branches: Vec<Branch>) {
    let mut client = world.shop.transactions();
    let begin = BeginTransactionRequest {
        gid: gid.into(),
        ..Default::default()
    };
    client.begin_transaction(begin).await.unwrap();
    for branch in branches {
        let branch = Some(branch);
        let gid = gid.to_owned();
        let tried = client.try_branch(TryBranchRequest { gid, branch }).await;
        tried.unwrap();
    }
}

async fn confirm(world: &World, gid: &str) -> Result<Transaction, tonic::Status> {
    let request = ConfirmTransactionRequest {
        gid: gid.into(),
        wait_for: WaitFor::Completion.into(),
    };
    let mut client = world.shop.transactions();
    let confirmed = patiently(gid, client.confirm_transaction(request)).await?;
    Ok(confirmed.into_inner().transaction.unwrap())
}

async fn cancel(world: &World, gid: &str) -> Transaction {
    let request = CancelTransactionRequest {
        gid: gid.into(),
        wait_for: WaitFor::Completion.into(),
        ..Default::default()
    };
    let mut client = world.shop.transactions();
    let cancelled = patiently(gid, client.cancel_transaction(request)).await;
    cancelled.unwrap().into_inner().transaction.unwrap()
}

async fn get(world: &World, gid: &str) -> Transaction {
    let request = GetTransactionRequest { gid: gid.into() };
    let got = world.shop.transactions().get_transaction(request).await;
    got.unwrap().into_inner().transaction.unwrap()
}

/// The gids that a person has to look at, and why.
async fn flagged(world: &World) -> BTreeMap<String, String> {
    let request = ListTransactionsRequest {
        needs_attention: true,
        ..Default::default()
    };
    let listed = world.shop.admin().list_transactions(request).await;
    let listed = listed.unwrap().into_inner().transactions;
    let why = |transaction: Transaction| (transaction.gid, transaction.attention.unwrap().why);
    listed.into_iter().map(why).collect()
}

/// The copy takes the log's place, and a coordinator is started on it.
async fn restore(world: &mut World, backup: &mut Backup) {
    world.shop.kill("serve").await;
    backup.restore().await;
    let arguments = ["serve", "--config", "coordinator.toml", "--restored"];
    let server = Server::start(&arguments, world.shop.folder.path()).await;
    world.shop.coordinator = Some(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_after_the_backup_is_read_from_the_fences_or_left_to_a_person() {
    let stranger = Scripted::start().await;
    let mut world = world(&stranger).await;
    let names = |kind: &str| (0..EACH).map(|n| format!("{kind}-{n}")).collect::<Vec<_>>();
    let (confirmed, cancelled, open) = (names("confirmed"), names("cancelled"), names("open"));
    for gid in confirmed.iter().chain(&cancelled).chain(&open) {
        tried(&world, gid, vec![points(gid), stock()]).await;
    }
    let strange = vec![
        points("strange"),
        message("act", "stranger", "act", Vec::new()),
    ];
    stranger.answering(tried(&world, "strange", strange)).await;

    let mut backup = Backup::of(&world.shop).await;
    for gid in &confirmed {
        assert_eq!(
            confirm(&world, gid).await.unwrap().state(),
            TransactionState::Confirmed
        );
        world.answers.told(gid, Told::Confirm);
    }
    for gid in &cancelled {
        assert_eq!(
            cancel(&world, gid).await.state(),
            TransactionState::Cancelled
        );
        world.answers.told(gid, Told::Cancel);
    }
    stranger
        .answering(confirm(&world, "strange"))
        .await
        .unwrap();
    world.answers.told("strange", Told::Confirm);
    restore(&mut world, &mut backup).await;

    // What the fences say is decided, by nobody's asking.
    for (gids, state) in [
        (&confirmed, TransactionState::Confirmed),
        (&cancelled, TransactionState::Cancelled),
    ] {
        for gid in gids {
            let ended = || async { (get(&world, gid).await.state() == state).then_some(()) };
            until(&format!("{gid} to be {state:?}"), ended).await;
        }
    }
    // What nobody had decided goes on where it stood.
    for gid in &open {
        let free = || async { get(&world, gid).await.attention.is_none().then_some(()) };
        until(&format!("{gid} to be let go"), free).await;
        assert_eq!(get(&world, gid).await.state(), TransactionState::Trying);
        assert_eq!(
            confirm(&world, gid).await.unwrap().state(),
            TransactionState::Confirmed
        );
        world.answers.told(gid, Told::Confirm);
    }
    the_rest_is_a_persons(&world, &stranger).await;
    println!("{}", world.check().await);
}

/// The one that has a branch without a fence to be read is held until a person lets it go.
async fn the_rest_is_a_persons(world: &World, stranger: &Scripted) {
    let asked = async {
        let why = until("the fences to have been asked", || async {
            let why = flagged(world).await.remove("strange")?;
            why.contains("FenceService").then_some(why)
        });
        println!("strange: {}", why.await);
        assert_eq!(flagged(world).await.len(), 1, "and no other is flagged");
        // Not even its initiator decides meanwhile.
        let refused = confirm(world, "strange").await.unwrap_err();
        assert_eq!(reason(&refused), "LOG_UNAVAILABLE", "{refused:?}");
        let resume = ResumeTransactionRequest {
            gid: "strange".into(),
            reason: "the stranger says that it has confirmed".into(),
        };
        world.shop.admin().resume_transaction(resume).await.unwrap();
        confirm(world, "strange").await.unwrap()
    };
    let unfenced = async {
        loop {
            let call = stranger.call().await;
            if call.path.contains("FenceService") {
                call.fail(tonic::Status::unimplemented("no such service"));
            } else {
                call.done();
            }
        }
    };
    let ended = tokio::select! { ended = asked => ended, () = unfenced => unreachable!() };
    assert_eq!(ended.state(), TransactionState::Confirmed);
}

/// Under load: every order that was under way at the moment of the backup ends as its fences say, whatever its client
/// was told, and none is flagged.
#[tokio::test(flavor = "multi_thread")]
async fn orders_that_were_under_way_at_the_backup_end_as_their_fences_say() {
    let mut seed = Seed::new("restored");
    let mut world = World::start().await;
    let before = seed.number.to_string();
    world.load(plan(&mut seed, &before, 20)).finished().await;
    // Nothing that begins after the backup: that is for `tercet reconcile`.
    world.shop.stock.as_ref().unwrap().signal("STOP");
    let gids: Vec<String> = (0..EACH * 2).map(|n| format!("under-way-{n}")).collect();
    let mut clients = tokio::task::JoinSet::new();
    for gid in &gids {
        let mut client = world.shop.transactions();
        let execute = tercet_proto::tercet::v1::ExecuteTransactionRequest {
            gid: gid.clone(),
            branches: vec![points(gid), stock()],
            wait_for: WaitFor::Completion.into(),
            ..Default::default()
        };
        clients.spawn(async move { client.execute_transaction(execute).await });
    }
    for gid in &gids {
        let begun = || async {
            let request = GetTransactionRequest { gid: gid.clone() };
            world
                .shop
                .transactions()
                .get_transaction(request)
                .await
                .ok()
        };
        until(&format!("{gid} to have begun"), begun).await;
    }
    let mut backup = Backup::of(&world.shop).await;
    world.shop.stock.as_ref().unwrap().signal("CONT");
    while let Some(ended) = clients.join_next().await {
        let ended = ended.unwrap().unwrap().into_inner().transaction.unwrap();
        world.answers.told(&ended.gid, Told::of(&ended).unwrap());
    }
    world.settled().await;
    restore(&mut world, &mut backup).await;
    println!("{}", world.check().await);
    assert!(flagged(&world).await.is_empty());
}
