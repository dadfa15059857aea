//! What a server and the network to it can do to a call: the caller gets its answer or is told to call again, never a
//! refusal, and the repeated call settles it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tercet_database::DatabaseUrl;
use tercet_database::mysql::{Options, connect};
use tercet_test_proxy::{Cut, Direction, Flow, Moment, Proxy, Trigger};
use tokio::sync::Barrier;
use tokio::time::Instant;
use tonic::Code;

use super::{Connection, Database, Db, Fixture, HotSpend, WalletTable, dialect, queries};
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{Fence, FenceOptions, FenceState, Phase};
use crate::held::Held;
use crate::hot::{HotCalls, HotRows};
use crate::served::{PlainCalls, Served};
use crate::testing::{Amount, WALLET, context, request, seed};
use crate::{Action, action::DynAction};

/// A commit as it travels: the command's number before its text, which the READ COMMITTED of a new session lacks.
const COMMIT: &[u8] = b"\x03COMMIT";

/// A participant that reaches its database through a proxy, with its wallet as an ordinary and as a hot action.
struct Far {
    proxy: Proxy,
    fixture: Fixture,
    database: Database,
    plain: Arc<dyn Served>,
    hot: Arc<dyn Served>,
}

impl Far {
    async fn new() -> Option<Self> {
        let fixture = Fixture::new().await?;
        let (database, proxy) = far(&fixture).await;
        let fence = Fence::new(database.clone(), FenceOptions::default());
        let action: Arc<dyn DynAction<Db>> = fixture.spend.clone();
        let plain = PlainCalls {
            fence: fence.clone(),
            action,
        };
        let hot = HotCalls {
            fence,
            rows: HotRows::<WalletTable>::default(),
            planner: Arc::new(HotSpend),
        };
        Some(Self {
            proxy,
            fixture,
            database,
            plain: Arc::new(plain),
            hot: Arc::new(hot),
        })
    }

    fn both(&self) -> [(&'static str, Arc<dyn Served>); 2] {
        [
            ("plain", Arc::clone(&self.plain)),
            ("hot", Arc::clone(&self.hot)),
        ]
    }
}

/// The fixture's database, by way of a proxy.
async fn far(fixture: &Fixture) -> (Database, Proxy) {
    let url = fixture.place.url().to_owned();
    let (front, name) = url.rsplit_once('/').unwrap();
    let (scheme, server) = front.rsplit_once("//").unwrap();
    let (user, server) = server.rsplit_once('@').unwrap_or(("root", server));
    let proxy = Proxy::start(server).await;
    let url = format!("{scheme}//{user}@{}/{name}", proxy.address());
    let DatabaseUrl::MySql(url) = DatabaseUrl::parse(&url).unwrap() else {
        panic!("{url}");
    };
    (connect(&Options::new(url)).await.unwrap(), proxy)
}

fn trigger(on: &[u8], moment: Moment, how: Cut) -> Trigger {
    Trigger {
        on: on.to_vec(),
        moment,
        how,
    }
}

/// Calls until there is an answer that isn't "again".
async fn until_answered(
    calls: &Arc<dyn Served>,
    phase: Phase,
    branch: &str,
    amount: i64,
) -> Result<(), ActionError> {
    let limit = Instant::now() + Duration::from_mins(2);
    loop {
        match calls.call(context(phase, branch), request(amount)).await {
            Err(error) if error.is_retryable() => {
                assert_ne!(error.code(), Code::Internal, "{error}");
                assert!(Instant::now() < limit, "{error}");
            }
            answer => return answer.map(drop),
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_at_the_commit_is_in_doubt_and_the_repeat_settles_it() {
    let far = given!(Far::new());
    let mut tried = 0;
    for moment in [Moment::Before, Moment::After, Moment::Answered] {
        for how in [Cut::Fin, Cut::Rst] {
            for (kind, calls) in far.both() {
                let branch = format!("{kind}-{moment:?}-{how:?}");
                far.proxy.arm(trigger(COMMIT, moment, how));
                let fired = far.proxy.fired();

                let answer = calls.call(context(Phase::Try, &branch), request(1)).await;

                assert_eq!(far.proxy.fired(), fired + 1, "{branch}");
                let doubt = answer.expect_err(&branch);
                assert_eq!(
                    (doubt.code(), doubt.reason()),
                    (Code::Unavailable, "NO_COMMIT_ANSWER"),
                    "{branch}: {doubt}"
                );
                until_answered(&calls, Phase::Try, &branch, 1)
                    .await
                    .unwrap();
                tried += 1;
                assert_eq!(
                    far.fixture.balance().await,
                    (100 - tried, tried, 0),
                    "{branch}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_before_the_commit_costs_the_caller_nothing() {
    let far = given!(Far::new());
    let mut tried = 0;
    for statement in dialect::STATEMENTS {
        for moment in [Moment::Before, Moment::After, Moment::Answered] {
            for (kind, calls) in far.both() {
                let word = String::from_utf8_lossy(statement).replace(' ', "-");
                let branch = format!("{kind}-{word}-{moment:?}");
                // Prepared statements travel with their text once a connection: this one is new.
                far.proxy.cut(Cut::Rst);
                far.proxy.arm(trigger(statement, moment, Cut::Fin));

                let answer = calls.call(context(Phase::Try, &branch), request(1)).await;

                answer.unwrap_or_else(|error| panic!("{branch}: {error}"));
                far.proxy.heal();
                tried += 1;
                assert_eq!(
                    far.fixture.balance().await,
                    (100 - tried, tried, 0),
                    "{branch}"
                );
            }
        }
    }
    assert!(far.proxy.fired() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_falls_silent_with_the_row_locked_holds_the_others_up_for_seconds() {
    let far = given!(Far::new());
    let near = Arc::new(Fence::new(
        far.fixture.reopen().await,
        FenceOptions::default(),
    ));
    let near: Arc<dyn Served> = Arc::new(HotCalls {
        fence: (*near).clone(),
        rows: HotRows::<WalletTable>::default(),
        planner: Arc::new(HotSpend),
    });
    for (number, (kind, calls)) in far.both().into_iter().enumerate() {
        let before = far.fixture.balance().await.1;
        far.proxy.arm(trigger(COMMIT, Moment::Before, Cut::Silent));
        let silent = {
            let (calls, branch) = (Arc::clone(&calls), format!("{kind}-silent"));
            tokio::spawn(async move { calls.call(context(Phase::Try, &branch), request(1)).await })
        };
        while far.proxy.fired() <= number {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();

        until_answered(&near, Phase::Try, &format!("{kind}-near"), 1)
            .await
            .unwrap();

        // The server undoes a silent client after 5 s. Generous: this machine may be busy.
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "{:?}",
            began.elapsed()
        );
        let doubt = silent.await.unwrap().unwrap_err();
        assert_eq!(doubt.code(), Code::Unavailable, "{doubt}");
        far.proxy.heal();
        until_answered(&calls, Phase::Try, &format!("{kind}-silent"), 1)
            .await
            .unwrap();
        assert_eq!(far.fixture.balance().await.1, before + 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fall_silent_are_replaced_by_others() {
    let far = given!(Far::new());
    let size = far.database.writer().options().get_max_connections();
    let mut all = Vec::new();
    for _ in 0..size {
        all.push(Held::of(far.database.writer()).await.unwrap());
    }
    drop(all);
    for connection in far.proxy.connections() {
        for direction in Direction::BOTH {
            connection.set(direction, Flow::Hold);
        }
    }
    let calls: Vec<_> = (0..size)
        .map(|number| {
            let calls = Arc::clone(&far.plain);
            let branch = format!("b{number}");
            tokio::spawn(async move { calls.call(context(Phase::Try, &branch), request(1)).await })
        })
        .collect();
    for call in calls {
        // Those that found a free place get through, the others are told to call again.
        if let Err(error) = call.await.unwrap() {
            assert_eq!(error.code(), Code::Unavailable, "{error}");
        }
    }
    // The silent ones are never healed: new ones have taken their place.
    for number in 0..size {
        until_answered(&far.plain, Phase::Try, &format!("b{number}"), 1)
            .await
            .unwrap();
    }
    assert_eq!(far.fixture.balance().await.1, i64::from(size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fall_silent_on_their_way_back_leave_their_places() {
    let far = given!(Far::new());
    let size = far.database.writer().options().get_max_connections();
    let mut all = Vec::new();
    for _ in 0..size {
        all.push(Held::of(far.database.writer()).await.unwrap());
    }
    for connection in far.proxy.connections() {
        for direction in Direction::BOTH {
            connection.set(direction, Flow::Hold);
        }
    }
    drop(all);
    until_answered(&far.plain, Phase::Try, "b", 1)
        .await
        .unwrap();
    assert_eq!(far.fixture.balance().await.1, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_under_load_lose_and_double_nothing() {
    let mut random = StdRng::seed_from_u64(seed());
    let far = given!(Far::new());
    let calls: Vec<_> = (0..60)
        .map(|number| {
            let calls = far.both()[number % 2].1.clone();
            let branch = format!("b{number}");
            tokio::spawn(async move {
                until_answered(&calls, Phase::Try, &branch, 1)
                    .await
                    .unwrap();
                let phase = [Phase::Confirm, Phase::Cancel][number % 3 / 2];
                until_answered(&calls, phase, &branch, 1).await.unwrap();
            })
        })
        .collect();
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(random.random_range(1..60))).await;
        far.proxy
            .cut([Cut::Rst, Cut::Fin][random.random_range(0..2)]);
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(far.fixture.balance().await, (60, 0, 40));
    for number in 0..60 {
        let state = [FenceState::Confirmed, FenceState::Cancelled][number % 3 / 2];
        assert_eq!(far.fixture.state(&format!("b{number}")).await, Some(state));
    }
}

/// Moves one from a wallet to another: two rows, locked in the order that the request says.
struct Swap {
    /// On their first run, two wait for one another between their two rows.
    meet: Barrier,
    runs: AtomicU32,
}

impl Action for Swap {
    type Db = Db;
    type Request = Amount;
    type Reply = ();
    const SERVICE: &'static str = "test.v1.SwapService";

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: Amount,
    ) -> Result<(), ActionError> {
        let (first, second) = request.wallet.split_once('>').unwrap();
        queries::freeze(&mut *connection, first, request.amount).await?;
        if self.runs.fetch_add(1, Ordering::SeqCst) < 2 {
            self.meet.wait().await;
        }
        queries::freeze(&mut *connection, second, request.amount).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_nobodys_error() {
    let fixture = given!(Fixture::new());
    {
        let mut writer = fixture.fence.database().writer().acquire().await.unwrap();
        queries::seed(&mut writer, "x", 100).await.unwrap();
    }
    let swap = Arc::new(Swap {
        meet: Barrier::new(2),
        runs: AtomicU32::new(0),
    });
    let there = format!("{WALLET}>x");
    let back = format!("x>{WALLET}");
    let calls: Vec<_> = [("a", there), ("b", back)]
        .into_iter()
        .map(|(branch, wallet)| {
            let (fence, swap) = (fixture.fence.clone(), Arc::clone(&swap));
            let request = Amount { wallet, amount: 1 };
            tokio::spawn(async move {
                let request = prost::Message::encode_to_vec(&request).into();
                fence.call(swap, context(Phase::Try, branch), request).await
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(fixture.balance().await, (98, 2, 0));
    assert!(
        swap.runs.load(Ordering::SeqCst) > 2,
        "the database broke a deadlock, and the loser ran again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_stays_locked_is_unavailable_and_never_a_refusal() {
    use tonic_types::StatusExt;
    let far = given!(Far::new());
    let mut holder = far.fixture.fence.database().begin().await.unwrap();
    assert!(queries::lock(&mut holder, WALLET).await.unwrap());
    for (kind, calls) in far.both() {
        let calling = calls.call(context(Phase::Try, kind), request(1));
        tokio::pin!(calling);
        let error = loop {
            // The holder must not fall silent itself, or the server would undo it.
            let pause = tokio::time::sleep(Duration::from_millis(500));
            tokio::select! {
                answer = &mut calling => break answer.unwrap_err(),
                () = pause => assert!(queries::lock(&mut holder, WALLET).await.unwrap()),
            }
        };
        assert_eq!(error.code(), Code::Unavailable, "{kind}: {error}");
        let status = error.into_status("x");
        assert!(
            status.get_details_retry_info().is_some(),
            "{kind}: it takes a moment"
        );
    }
    holder.rollback().await.unwrap();
    for (kind, calls) in far.both() {
        until_answered(&calls, Phase::Try, kind, 1).await.unwrap();
    }
    assert_eq!(far.fixture.balance().await, (98, 2, 0));
}
