//! Branches in doubt: what is asked, what each verdict does, and that nothing else ends a branch.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_client::fake::Fake;
use tercet_client::proto::{
    FenceState as ProtoState, SettleBranchRequest, Transaction, TransactionState,
    fence_service_server::FenceService,
};
use tonic::{Code, Request};
use tonic_types::StatusExt;

use super::{Db, Fixture, Saga, Spend};
use crate::clock::{micros, now_micros};
use crate::context::BranchKey;
use crate::coordinator::{Coordinator, GrpcCoordinator, Resolution, ResolveError};
use crate::fence::{FenceDb, FenceOptions, FenceRow, FenceState, Phase};
use crate::resolver::{Actions, Resolver, ResolverOptions, Round};
use crate::served::PlainCalls;
use crate::testing::{context, key, request};
use crate::{Action, FenceReader, Participant};

/// Answers from a script and remembers who asked. Branches without an answer get none.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Resolution>,
    asked: Vec<String>,
}

impl Scripted {
    fn answer(&self, branch: &str, resolution: Resolution) {
        self.0
            .lock()
            .unwrap()
            .answers
            .insert(branch.to_owned(), resolution);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

impl Coordinator for Scripted {
    async fn resolve(&self, key: &BranchKey) -> Result<Resolution, ResolveError> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(key.branch.clone());
        script
            .answers
            .get(&key.branch)
            .copied()
            .ok_or(ResolveError::UnknownVerdict)
    }
}

struct Doubt {
    fixture: Fixture,
    coordinator: Scripted,
    resolver: Resolver<Db, Scripted>,
}

/// Long after every deadline of the fixture's calls.
fn later() -> i64 {
    now_micros() + micros(Duration::from_secs(61))
}

impl Doubt {
    async fn new() -> Option<Self> {
        Self::with(ResolverOptions::default()).await
    }

    async fn with(options: ResolverOptions) -> Option<Self> {
        let fixture = Fixture::new().await?;
        let coordinator = Scripted::default();
        let mut actions = Actions::new();
        let plain = |action| PlainCalls {
            fence: fixture.fence.clone(),
            action,
        };
        let spend = Arc::new(plain(Arc::clone(&fixture.spend) as _));
        actions.insert(Spend::SERVICE, spend);
        let saga = Arc::new(plain(Arc::new(Saga::default()) as _));
        actions.insert(Saga::SERVICE, saga);
        let resolver = Resolver::new(
            fixture.fence.clone(),
            Arc::new(actions),
            coordinator.clone(),
            options,
        );
        Some(Self {
            fixture,
            coordinator,
            resolver,
        })
    }

    async fn tried(&self, branch: &str) {
        self.fixture.call(Phase::Try, branch, 10).await.unwrap();
    }

    async fn row(&self, branch: &str) -> FenceRow {
        let mut connection = self
            .fixture
            .fence
            .database()
            .reader()
            .acquire()
            .await
            .unwrap();
        Db::read(&mut connection, &key(branch))
            .await
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn nobody_is_asked_before_the_time_or_about_what_has_ended() {
    let doubt = given!(Doubt::new());
    doubt.tried("a").await;
    doubt
        .fixture
        .given(Some(FenceState::Confirmed), "b", 10)
        .await;
    doubt
        .fixture
        .given(Some(FenceState::Cancelled), "c", 10)
        .await;
    let just_before = now_micros() + micros(Duration::from_secs(59));

    assert_eq!(
        doubt.resolver.round(just_before).await.unwrap(),
        Round::default()
    );
    doubt.resolver.round(later()).await.unwrap();

    assert_eq!(doubt.coordinator.asked(), ["a"]);
}

#[tokio::test]
async fn each_verdict_does_what_it_says() {
    let doubt = given!(Doubt::new());
    for (branch, resolution) in [
        ("confirm", Resolution::Confirm),
        ("cancel", Resolution::Cancel),
        ("hand", Resolution::ByHand),
        ("pending", Resolution::Pending),
        ("unknown", Resolution::UnknownTransaction),
    ] {
        doubt.tried(branch).await;
        doubt.coordinator.answer(branch, resolution);
    }
    doubt.tried("silent").await;

    let round = doubt.resolver.round(later()).await.unwrap();

    assert_eq!(
        round,
        Round {
            settled: 3,
            pending: 1,
            unknown: 1,
            failed: 1
        }
    );
    for (branch, state) in [
        ("confirm", FenceState::Confirmed),
        ("cancel", FenceState::Cancelled),
        ("hand", FenceState::EndedByHand),
        ("pending", FenceState::Tried),
        ("unknown", FenceState::Tried),
        ("silent", FenceState::Tried),
    ] {
        let row = doubt.row(branch).await;
        assert_eq!(row.state, state, "{branch}");
        assert_eq!(row.unknown, branch == "unknown", "{branch}");
    }
    // 10 confirmed, 10 given back, 40 still frozen: what a person ended by hand is the person's to mend.
    assert_eq!(doubt.fixture.balance().await, (50, 40, 10));
    assert_eq!(doubt.fixture.spend.0.runs(), [6, 1, 1]);
}

#[tokio::test]
async fn a_branch_that_stays_in_doubt_is_asked_about_more_and_more_rarely() {
    let doubt = given!(Doubt::new());
    doubt.tried("a").await;
    doubt.coordinator.answer("a", Resolution::Pending);
    let mut now = later();
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(doubt.resolver.round(now).await.unwrap().pending, 1);
        assert_eq!(
            doubt.resolver.round(now).await.unwrap().asked(),
            0,
            "not twice at once"
        );
        let mut connection = doubt
            .fixture
            .fence
            .database()
            .reader()
            .acquire()
            .await
            .unwrap();
        let next = Db::next_due(&mut connection).await.unwrap().unwrap();
        waits.push((next - now) / 1_000_000);
        now = next;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);

    doubt.coordinator.answer("a", Resolution::Confirm);
    assert_eq!(doubt.resolver.round(now).await.unwrap().settled, 1);
    assert_eq!(doubt.row("a").await.asked, 8);
}

#[tokio::test]
async fn a_round_is_bounded_and_the_next_one_takes_the_rest() {
    let options = ResolverOptions {
        batch: 3,
        ..ResolverOptions::default()
    };
    let doubt = given!(Doubt::with(options));
    for branch in ["a", "b", "c", "d", "e"] {
        doubt.tried(branch).await;
        doubt.coordinator.answer(branch, Resolution::Cancel);
    }
    let now = later();
    assert_eq!(doubt.resolver.round(now).await.unwrap().settled, 3);
    assert_eq!(doubt.resolver.round(now).await.unwrap().settled, 2);
    assert_eq!(doubt.resolver.round(now).await.unwrap().settled, 0);
    assert_eq!(doubt.fixture.balance().await, (100, 0, 0));
}

#[tokio::test]
async fn an_action_that_fails_keeps_its_branch() {
    let doubt = given!(Doubt::new());
    doubt.tried("a").await;
    doubt.coordinator.answer("a", Resolution::Confirm);
    doubt.fixture.spend.0.fail_next(1);

    let now = later();
    assert_eq!(doubt.resolver.round(now).await.unwrap().failed, 1);
    assert_eq!(doubt.row("a").await.state, FenceState::Tried);
    assert_eq!(doubt.fixture.balance().await, (90, 10, 0));

    let again = now + micros(Duration::from_secs(5));
    assert_eq!(doubt.resolver.round(again).await.unwrap().settled, 1);
    assert_eq!(doubt.fixture.balance().await, (90, 0, 10));
}

#[tokio::test]
async fn a_branch_of_an_action_that_is_gone_is_kept() {
    let doubt = given!(Doubt::new());
    // As if the row had been left by an action that an older version served.
    let mut writer = doubt
        .fixture
        .fence
        .database()
        .writer()
        .acquire()
        .await
        .unwrap();
    let key = key("a");
    let request = request(10);
    let row = crate::NewRow {
        key: &key,
        service: "test.v1.GoneService",
        state: FenceState::Tried,
        request: &request,
        try_deadline: 0,
        ask_at: 0,
        now: 0,
    };
    Db::insert(&mut writer, row).await.unwrap();
    drop(writer);
    doubt.coordinator.answer("a", Resolution::Cancel);

    assert_eq!(doubt.resolver.round(later()).await.unwrap().failed, 1);

    assert_eq!(doubt.row("a").await.state, FenceState::Tried);
    assert_eq!(doubt.fixture.balance().await, (100, 0, 0));
}

#[tokio::test]
async fn a_confirmed_saga_ends_though_it_has_no_confirm() {
    let doubt = given!(Doubt::new());
    let saga = Arc::new(Saga::default());
    doubt
        .fixture
        .fence
        .call(
            Arc::clone(&saga) as _,
            context(Phase::Try, "s"),
            request(10),
        )
        .await
        .unwrap();
    doubt.coordinator.answer("s", Resolution::Confirm);

    assert_eq!(doubt.resolver.round(later()).await.unwrap().settled, 1);

    assert_eq!(doubt.row("s").await.state, FenceState::Confirmed);
    assert_eq!(
        doubt.fixture.balance().await,
        (90, 10, 0),
        "what try did stays as it is"
    );
}

#[tokio::test]
async fn the_real_coordinators_answers_are_understood() {
    let fake = Fake::start().await;
    for (gid, state) in [
        ("confirmed", TransactionState::Confirmed),
        ("cancelling", TransactionState::Cancelling),
        ("trying", TransactionState::Trying),
    ] {
        fake.put(Transaction {
            gid: gid.to_owned(),
            state: state.into(),
            ..Transaction::default()
        });
    }
    // The first replica is dead: nobody listens on port 1.
    let endpoints = ["http://127.0.0.1:1".to_owned(), fake.endpoint()];
    let client = tercet_client::Client::lazy(&endpoints).unwrap();
    let coordinator = GrpcCoordinator::new(&client, endpoints.len());
    for (gid, resolution) in [
        ("confirmed", Resolution::Confirm),
        ("cancelling", Resolution::Cancel),
        ("trying", Resolution::Pending),
        ("never-heard-of", Resolution::UnknownTransaction),
    ] {
        let key = BranchKey::new(gid, "b").unwrap();
        assert_eq!(
            coordinator.resolve(&key).await.unwrap(),
            resolution,
            "{gid}"
        );
    }
    let dead = tercet_client::Client::lazy(["http://127.0.0.1:1"]).unwrap();
    let dead = GrpcCoordinator::new(&dead, 1);
    assert!(dead.resolve(&key("b")).await.is_err());
}

#[tokio::test]
async fn the_running_resolver_settles_by_itself() {
    let options = FenceOptions {
        ask_after: Duration::ZERO,
        ..FenceOptions::default()
    };
    let fixture = given!(Fixture::with(options));
    let participant = Participant::new(fixture.fence.database().clone(), options)
        .action(Spend(Arc::clone(&fixture.spend.0)));
    let mut tried = context(Phase::Try, "a");
    tried.try_deadline_micros = now_micros();
    fixture
        .fence
        .call(Arc::clone(&fixture.spend) as _, tried, request(10))
        .await
        .unwrap();
    let coordinator = Scripted::default();
    coordinator.answer("a", Resolution::Confirm);
    let resolver = participant.resolver(coordinator, ResolverOptions::default());

    let resolver = tokio::spawn(Arc::new(resolver).run());
    while fixture.state("a").await != Some(FenceState::Confirmed) {
        tokio::task::yield_now().await;
    }
    resolver.abort();
    assert_eq!(fixture.balance().await, (90, 0, 10));
}

#[tokio::test]
async fn a_branch_is_settled_when_somebody_asks_as_the_coordinator_says_and_not_otherwise() {
    let doubt = given!(Doubt::new());
    for (branch, resolution) in [
        ("confirm", Resolution::Confirm),
        ("cancel", Resolution::Cancel),
        ("hand", Resolution::ByHand),
        ("pending", Resolution::Pending),
        ("unknown", Resolution::UnknownTransaction),
    ] {
        doubt.tried(branch).await;
        doubt.coordinator.answer(branch, resolution);
    }
    doubt.tried("silent").await;
    let asked = |branch: &str| {
        Request::new(SettleBranchRequest {
            gid: key(branch).gid,
            branch_id: branch.to_owned(),
        })
    };
    let read_only = FenceReader::new(doubt.fixture.fence.clone());
    let status = read_only.settle_branch(asked("cancel")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);

    let reader = FenceReader::settled_by(doubt.fixture.fence.clone(), Arc::new(doubt.resolver));
    for (branch, state) in [
        ("confirm", ProtoState::Confirmed),
        ("confirm", ProtoState::Confirmed),
        ("cancel", ProtoState::Cancelled),
        ("hand", ProtoState::EndedByHand),
    ] {
        let settled = reader.settle_branch(asked(branch)).await.unwrap();
        assert_eq!(settled.into_inner().branch.unwrap().state(), state);
    }
    for (branch, word) in [
        ("pending", "PENDING"),
        ("unknown", "UNKNOWN_TRANSACTION"),
        ("silent", "NOT_SETTLED"),
        ("nothing", "UNKNOWN_BRANCH"),
    ] {
        let status = reader.settle_branch(asked(branch)).await.unwrap_err();
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, word, "{branch}");
    }
    // The second question about a branch that has ended asked nobody.
    assert_eq!(
        doubt.coordinator.asked(),
        ["confirm", "cancel", "hand", "pending", "unknown", "silent"]
    );
}
