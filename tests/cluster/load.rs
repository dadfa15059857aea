//! Customers that go on until they are told to stop: through the order service, and straight to the coordinators with the
//! client crate, which knows all their endpoints.
//!
//! What the client crate repeats by itself is nobody's business here. What it hands to its caller is counted, text by text,
//! and then done again, as an application would: some faults allow that, and others don't ([`Load::finished`] says what there
//! was).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_client::{Branch, CallContext, Client, Error, OpenTransaction, Outcome};
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{OrderState, PlaceOrderRequest};
use tercet_proto::tercet::v1::{self as pb, BranchState, ExecuteTransactionRequest, WaitFor};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::answers::{Answers, Told};
use crate::harness::{PATIENCE, patiently};
use crate::plan::{Deal, plan};
use crate::seed::Seed;
use crate::world::World;

/// Customers at once.
const CUSTOMERS: usize = 9;
/// Between two deals of one, and between an error and the next try.
const REST: Duration = Duration::from_millis(20);
/// More than any test gets through: a bound against one that has gone wild.
const DEALS_MAX: usize = 100_000;

/// How customers go about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// How long a call may take; the client's own default otherwise.
    pub(crate) patience: Option<Duration>,
    /// Whether several ask for the same at once.
    pub(crate) copies: bool,
    /// Who goes step by step thinks for up to so long before the decision.
    pub(crate) thinks: Duration,
}

impl Manners {
    /// Of those who are hit by faults.
    pub(crate) const HURRIED: Self = Self {
        patience: Some(Duration::from_secs(5)),
        copies: true,
        thinks: Duration::from_millis(300),
    };
    /// Of those who must not notice anything: one for each deal, so that nobody is in anybody's way.
    pub(crate) const AT_EASE: Self = Self {
        patience: None,
        copies: false,
        thinks: Duration::from_secs(4),
    };
}

/// What a load has noticed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// What the client crate has handed to its callers, how often.
    errors: Mutex<BTreeMap<String, usize>>,
    /// Transactions that their own customers didn't want in the end.
    unwanted: Mutex<BTreeSet<String>>,
}

impl Notes {
    fn error(&self, error: String) {
        let mut errors = self.errors.lock().unwrap();
        *errors.entry(error).or_default() += 1;
    }

    /// What the client crate has handed to its callers, how often.
    pub(crate) fn errors(&self) -> BTreeMap<String, usize> {
        self.errors.lock().unwrap().clone()
    }

    /// Whether its own customer has cancelled it.
    pub(crate) fn is_unwanted(&self, gid: &str) -> bool {
        self.unwanted.lock().unwrap().contains(gid)
    }
}

/// Deals to come.
struct Deals {
    seed: Seed,
    prefix: String,
    next: usize,
    copies: bool,
    queue: VecDeque<Deal>,
}

impl Deals {
    fn draw(&mut self) -> Deal {
        if let Some(deal) = self.queue.pop_front() {
            return deal;
        }
        assert!(self.next < DEALS_MAX, "the load has gone wild");
        let prefix = format!("{}-{}", self.prefix, self.next);
        self.next += 1;
        let planned = plan(&mut self.seed, &prefix, 1).remove(0);
        let copies = if self.copies { planned.copies } else { 1 };
        self.queue
            .extend(std::iter::repeat_n(planned.deal.clone(), copies - 1));
        planned.deal
    }
}

/// Customers at work.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    notes: Arc<Notes>,
    customers: JoinSet<()>,
}

impl Load {
    /// Customers whose ids begin with `prefix`, a third of them with each coordinator first.
    pub(crate) fn start(world: &World, seed: &mut Seed, prefix: &str, manners: Manners) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let notes = Arc::new(Notes::default());
        let deals = Arc::new(Mutex::new(Deals {
            prefix: format!("{}-{prefix}", seed.number),
            seed: seed.child(),
            next: 0,
            copies: manners.copies,
            queue: VecDeque::new(),
        }));
        let mut customers = JoinSet::new();
        for number in 0..CUSTOMERS {
            let customer = Customer {
                client: world.client(number),
                orders: world.shop.orders(),
                answers: Arc::clone(&world.answers),
                notes: Arc::clone(&notes),
                manners,
            };
            let (deals, is_over) = (Arc::clone(&deals), Arc::clone(&is_over));
            customers.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let deal = deals.lock().unwrap().draw();
                    customer.run(&deal).await;
                    tokio::time::sleep(REST).await;
                }
            });
        }
        Self {
            is_over,
            notes,
            customers,
        }
    }

    /// Lets every customer finish what it has begun, and says what was noticed.
    pub(crate) async fn finished(mut self) -> Arc<Notes> {
        self.is_over.store(true, Ordering::Relaxed);
        patiently("every customer to be answered", async {
            while let Some(ended) = self.customers.join_next().await {
                ended.unwrap();
            }
        })
        .await;
        self.notes
    }
}

/// One customer.
struct Customer {
    client: Client,
    orders: OrderServiceClient<Channel>,
    answers: Arc<Answers>,
    notes: Arc<Notes>,
    manners: Manners,
}

impl Customer {
    async fn run(&self, deal: &Deal) {
        match deal {
            Deal::Order(order) => self.order(order).await,
            Deal::Direct(execute) => self.direct(execute).await,
            Deal::Steps {
                gid,
                branches,
                confirm,
            } => self.steps(gid, branches, *confirm).await,
        }
    }

    /// The client for one call.
    fn client(&self) -> Client {
        match self.manners.patience {
            Some(patience) => self.client.within(CallContext::new().timeout(patience)),
            None => self.client.clone(),
        }
    }

    /// Asks until there is an answer that isn't an error worth repeating; `None` of `call` means: ask again.
    async fn insist<T, F: Future<Output = Result<Option<T>, Error>>>(
        &self,
        what: &str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let asked = async {
            loop {
                match call().await {
                    Ok(Some(answer)) => return Ok(answer),
                    Err(error) if !error.is_retryable() => return Err(error),
                    Err(error) => {
                        self.notes.error(error.to_string());
                        self.answers.failed();
                    }
                    Ok(None) => {}
                }
                tokio::time::sleep(REST).await;
            }
        };
        let answer = tokio::time::timeout(2 * PATIENCE, asked).await;
        answer.unwrap_or_else(|_| {
            panic!(
                "no answer for {what} in {:?}: {:?}",
                2 * PATIENCE,
                self.notes
            )
        })
    }

    async fn order(&self, order: &PlaceOrderRequest) {
        let placed = self.insist(&order.request_id, || async {
            let mut client = self.orders.clone();
            let mut request = Request::new(order.clone());
            if let Some(patience) = self.manners.patience {
                request.set_timeout(patience);
            }
            let placed = match client.place_order(request).await {
                Ok(placed) => placed.into_inner(),
                Err(status) if may_be_repeated(&status) => {
                    self.notes.error(format!("order service: {status}"));
                    self.answers.failed();
                    return Ok(None);
                }
                Err(status) => panic!("{order:?}: {status:?}"),
            };
            let order = placed.order.unwrap();
            Ok(match (order.state(), placed.refusal) {
                (OrderState::Created, None) => Some((order.gid, Told::Confirm)),
                (OrderState::Cancelled, Some(_)) => Some((order.gid, Told::Cancel)),
                // Decided, and its confirm on the way: a customer looks again.
                (OrderState::Pending, None) => None,
                other => panic!("an order that is {other:?}"),
            })
        });
        let (gid, told) = placed.await.unwrap();
        self.answers.told(&gid, told);
    }

    async fn direct(&self, execute: &ExecuteTransactionRequest) {
        let told = self.insist(&execute.gid, || async {
            let outcome = self.client().execute_request(execute.clone()).await?;
            assert_eq!(outcome.transaction().gid, execute.gid);
            let told = Told::of(outcome.transaction());
            // Who waits for completion is answered early by a coordinator that drains, or whose time is over.
            let may_be_open = execute.wait_for() == WaitFor::Completion;
            assert!(
                told.is_some() || may_be_open,
                "answered undecided: {outcome:?}"
            );
            Ok(told)
        });
        let told = told
            .await
            .unwrap_or_else(|error| panic!("{execute:?}: {error:?}"));
        self.answers.told(&execute.gid, told);
    }

    /// Begins, tries each branch, thinks, and decides. Whatever fails because the deadline was faster shows in the end.
    async fn steps(&self, gid: &str, branches: &[pb::Branch], confirm: bool) {
        let begun = self.insist(gid, || async {
            self.client().begin(gid).send().await.map(Some)
        });
        begun
            .await
            .unwrap_or_else(|error| panic!("begin of {gid}: {error:?}"));
        if !confirm {
            self.notes.unwanted.lock().unwrap().insert(gid.to_owned());
        }
        let mut all_tried = true;
        for branch in branches {
            all_tried &= self.tried(gid, branch).await;
        }
        let share = gid.bytes().map(u32::from).sum::<u32>() % 5;
        tokio::time::sleep(self.manners.thinks * share / 4).await;
        let decided = if confirm && all_tried {
            self.confirm(gid).await
        } else {
            self.cancel(gid).await
        };
        let told = match decided {
            // A take-over has made a try doubtful, or a copy has one under way.
            Err(error) if is(&error, "BRANCH_NOT_TRIED") => self.cancel(gid).await,
            decided => decided,
        };
        let told = match told {
            Ok(told) => told,
            // A copy, or the deadline, has decided otherwise.
            Err(error) if is(&error, "ALREADY_DECIDED") => self.look(gid).await,
            Err(error) => panic!("decision of {gid}: {error:?}"),
        };
        self.answers.told(gid, told);
    }

    fn open(&self, gid: &str) -> OpenTransaction {
        self.client().open(gid)
    }

    async fn tried(&self, gid: &str, branch: &pb::Branch) -> bool {
        let Some(pb::branch::Payload::Message(payload)) = &branch.payload else {
            panic!("the plan has messages")
        };
        let new = Branch::new(&branch.id, &branch.participant, &branch.action);
        let new = new.bytes(payload.clone());
        let tried = self.insist(gid, || async {
            self.open(gid).try_branch(new.clone()).await.map(Some)
        });
        match tried.await {
            Ok(branch) => branch.state() == BranchState::Tried,
            Err(error) if is(&error, "ALREADY_DECIDED") => false,
            Err(error) => panic!("try of {gid} {}: {error:?}", branch.id),
        }
    }

    async fn confirm(&self, gid: &str) -> Result<Told, Error> {
        self.insist(gid, || async {
            self.open(gid).confirm().await.map(|outcome| told(&outcome))
        })
        .await
    }

    async fn cancel(&self, gid: &str) -> Result<Told, Error> {
        self.insist(gid, || async {
            let cancelled = self.open(gid).cancel("changed my mind").await?;
            assert!(!cancelled.was_unknown, "{gid} was begun and is unknown");
            Ok(told(&cancelled.outcome))
        })
        .await
    }

    async fn look(&self, gid: &str) -> Told {
        let seen = self.insist(gid, || async {
            self.client().get(gid).await.map(|outcome| told(&outcome))
        });
        seen.await
            .unwrap_or_else(|error| panic!("look at {gid}: {error:?}"))
    }
}

fn told(outcome: &Outcome) -> Option<Told> {
    Told::of(outcome.transaction())
}

fn is(error: &Error, reason: &str) -> bool {
    error.reason().is_some_and(|found| found == reason)
}

/// Whether the order service couldn't serve it, or the connection is gone.
fn may_be_repeated(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
            true
        }
        Code::Unknown | Code::Internal => std::error::Error::source(status).is_some(),
        _ => false,
    }
}
