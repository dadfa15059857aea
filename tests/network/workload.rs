//! What the clients do: submissions in one call and step by step, repeated by gid, watched, given up and asked about later.

use std::{future::Future, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tercet_client::{Branch, CallContext, Client, Error, Outcome, RetryPolicy, proto::BranchState};

use crate::{
    bugs::Bug,
    faults::HEALED_AFTER,
    net,
    world::{PARTICIPANTS, Shared},
};

/// Submissions of each client.
const SUBMISSIONS: usize = 5;
/// Deadline of every transaction.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// One client host: its submissions one after the other, and then the question what became of each.
pub(crate) async fn run(name: &'static str, seed: u64, shared: Shared) -> turmoil::Result {
    let mut caller = Caller::new(name, seed, shared)?;
    let mut gids = Vec::new();
    for number in 0..SUBMISSIONS {
        gids.extend(caller.submit(&format!("{name}-{number}")).await);
        let pause = caller.rng.random_range(0..700);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let now = turmoil::sim_elapsed().unwrap_or_default();
    tokio::time::sleep(HEALED_AFTER.saturating_sub(now)).await;
    for gid in gids {
        caller.until_ended(&gid).await;
    }
    Ok(())
}

struct Caller {
    name: &'static str,
    client: Client,
    rng: StdRng,
    shared: Shared,
}

/// A submission: what it takes from whom.
struct Order {
    gid: String,
    branches: Vec<(usize, i64)>,
}

impl Order {
    fn branches(&self) -> impl Iterator<Item = Branch> {
        self.branches.iter().map(|(participant, amount)| {
            let name = PARTICIPANTS[*participant];
            Branch::new(format!("b{participant}"), name, "pay").message(amount)
        })
    }
}

impl Caller {
    fn new(name: &'static str, seed: u64, shared: Shared) -> Result<Self, Error> {
        let policy = RetryPolicy {
            attempts_max: 3,
            ..RetryPolicy::default()
        };
        let jitter = shared.clone();
        let endpoint = format!("http://coordinator:{}", net::GRPC);
        let client = Client::lazy_with([endpoint], net::channel)?
            .with_policy(policy)
            .with_jitter(move || jitter.fraction());
        Ok(Self {
            name,
            client,
            rng: StdRng::seed_from_u64(seed),
            shared,
        })
    }

    /// A client whose calls take at most so long.
    fn within(&self, millis: u64) -> Client {
        let timeout = Duration::from_millis(millis);
        self.client.within(CallContext::new().timeout(timeout))
    }

    /// One submission; the gids that it may have begun.
    async fn submit(&mut self, submission: &str) -> Vec<String> {
        let mut branches = Vec::new();
        for participant in 0..PARTICIPANTS.len() {
            if branches.is_empty() || self.rng.random_bool(0.7) {
                branches.push((participant, self.rng.random_range(1..6)));
            }
        }
        let order = Order {
            gid: submission.to_owned(),
            branches,
        };
        match self.rng.random_range(0..10) {
            0..5 => self.in_one_call(order).await,
            5..9 => self.step_by_step(order).await,
            _ => self.given_up(order).await,
        }
    }

    async fn in_one_call(&mut self, mut order: Order) -> Vec<String> {
        let mut gids = vec![order.gid.clone()];
        let sequential = self.rng.random_bool(0.3);
        for round in 0..4 {
            let mut execute = self
                .within(1_500)
                .execute(&order.gid)
                .try_timeout(TRY_TIMEOUT);
            for branch in order.branches() {
                execute = execute.branch(branch);
            }
            if sequential {
                execute = execute.sequential();
            }
            if self.rng.random_bool(0.3) {
                execute = execute.wait_for_completion();
            }
            let answer = execute.send().await;
            self.saw("execute", &order.gid, &answer);
            let is_answered = answer.is_ok();
            if is_answered && self.rng.random_bool(0.7) {
                break;
            }
            if !is_answered && self.shared.bug == Some(Bug::NewGidForARepeat) {
                order.gid = format!("{}+{round}", gids[0]);
                gids.push(order.gid.clone());
            }
            self.pause().await;
        }
        gids
    }

    async fn step_by_step(&mut self, order: Order) -> Vec<String> {
        let gid = order.gid.clone();
        if self.steps(&order).await.is_err() || self.rng.random_bool(0.2) {
            self.watch(&gid).await;
        }
        vec![gid]
    }

    async fn steps(&mut self, order: &Order) -> Result<(), Error> {
        let client = self.within(2_500);
        let begin = client.begin(&order.gid).try_timeout(TRY_TIMEOUT * 2);
        let open = self.insistently(|| begin.clone().send()).await?;
        let mut is_tried = true;
        for branch in order.branches() {
            let status = self.insistently(|| open.try_branch(branch.clone())).await?;
            is_tried &= status.state() == BranchState::Tried;
            self.note(format!(
                "{}: try {} {:?}",
                self.name,
                open.gid(),
                status.state()
            ));
        }
        let outcome = if is_tried && self.rng.random_bool(0.85) {
            self.insistently(|| open.confirm()).await
        } else {
            let cancelled = self.insistently(|| open.cancel("no")).await;
            cancelled.map(|cancelled| cancelled.outcome)
        };
        self.saw("decide", &order.gid, &outcome);
        outcome.map(|_| ())
    }

    /// Goes away in the middle, and asks much later.
    async fn given_up(&mut self, order: Order) -> Vec<String> {
        let millis = self.rng.random_range(1..60);
        let mut execute = self
            .within(millis)
            .execute(&order.gid)
            .try_timeout(TRY_TIMEOUT);
        for branch in order.branches() {
            execute = execute.branch(branch);
        }
        let answer = execute.send().await;
        self.saw("given up", &order.gid, &answer);
        vec![order.gid]
    }

    async fn watch(&mut self, gid: &str) {
        let mut watch = self.within(1_000).watch(gid);
        loop {
            match watch.next().await {
                Ok(Some(outcome)) => self.saw("watch", gid, &Ok(outcome)),
                Ok(None) => return,
                Err(error) => return self.note(format!("{}: watch {gid}: {error}", self.name)),
            }
        }
    }

    /// Asks until the transaction has ended. That the coordinator doesn't know it is an end, if nobody ever saw it.
    async fn until_ended(&mut self, gid: &str) {
        loop {
            let answer = self.within(1_000).get(gid).await;
            self.saw("get", gid, &answer);
            match &answer {
                Ok(outcome) if outcome.is_ended() => return,
                Err(error) if error.is_not_found() => return self.shared.unknown(gid),
                _ => self.pause().await,
            }
        }
    }

    /// Repeats what may succeed later.
    async fn insistently<T, F: Future<Output = Result<T, Error>>>(
        &mut self,
        call: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut left = 4;
        loop {
            match call().await {
                Err(error) if error.is_retryable() && left > 0 => left -= 1,
                answer => return answer,
            }
            self.pause().await;
        }
    }

    async fn pause(&mut self) {
        let millis = self.rng.random_range(10..300);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn saw(&self, how: &str, gid: &str, answer: &Result<Outcome, Error>) {
        match answer {
            Ok(outcome) => {
                let state = outcome.transaction().state();
                self.note(format!(
                    "{}: {how} {gid}: {}",
                    self.name,
                    state.as_str_name()
                ));
                self.shared.saw(gid, outcome);
            }
            Err(error) => self.note(format!("{}: {how} {gid}: {error}", self.name)),
        }
    }

    fn note(&self, what: String) {
        self.shared.trace.note(what);
    }
}
