//! Concurrent clients that ask until they are answered: each repeats its call, with the same key, whenever it fails.

mod plan;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{OrderState, PlaceOrderRequest};
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{
    BeginTransactionRequest, Branch, BranchState, CancelTransactionRequest,
    ConfirmTransactionRequest, ExecuteTransactionRequest, GetTransactionRequest, TryBranchRequest,
    WaitFor,
};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::answers::{Answers, Told};
use crate::harness::shop::Shop;
use crate::harness::{PATIENCE, patiently};
pub(crate) use plan::{Deal, PLENTY, POOR, Planned, RICH, SCARCE, message, plan};

/// How long a client waits for one call before it asks again.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Between a failure and the next try: as a decent client does.
const PAUSE: Duration = Duration::from_millis(20);
/// Clients at once.
const CLIENTS: usize = 8;

/// Clients at work.
pub(crate) struct Load {
    clients: JoinSet<()>,
}

impl Load {
    /// Starts the clients on those deals.
    pub(crate) fn start(shop: &Shop, answers: &Arc<Answers>, plan: Vec<Planned>) -> Self {
        // Copies of a deal stand beside each other, so that different clients ask for it at once.
        let queue: VecDeque<Deal> = plan
            .into_iter()
            .flat_map(|planned| std::iter::repeat_n(planned.deal, planned.copies))
            .collect();
        let queue = Arc::new(Mutex::new(queue));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client {
                orders: shop.orders(),
                transactions: shop.transactions(),
                answers: Arc::clone(answers),
            };
            let queue = Arc::clone(&queue);
            clients.spawn(async move {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(deal) = next else { return };
                    client.run(&deal).await;
                }
            });
        }
        Self { clients }
    }

    /// Waits until every client has its answers. A client's failed assertion fails the test.
    pub(crate) async fn finished(mut self) {
        patiently("every client to be answered", async {
            while let Some(ended) = self.clients.join_next().await {
                ended.unwrap();
            }
        })
        .await;
    }
}

/// One client.
#[derive(Clone)]
pub(crate) struct Client {
    orders: OrderServiceClient<Channel>,
    transactions: TransactionServiceClient<Channel>,
    answers: Arc<Answers>,
}

impl Client {
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

    /// Repeats a call until it is answered; `None` from it means: ask again.
    async fn insist<T, F: Future<Output = Result<Option<T>, Status>>>(
        &self,
        what: &str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Status> {
        let asked = async {
            loop {
                match tokio::time::timeout(CALL_TIMEOUT, call()).await {
                    Ok(Ok(Some(answer))) => return Ok(answer),
                    Ok(Err(status)) if !may_be_repeated(&status) => return Err(status),
                    Ok(Err(status)) => {
                        says_nothing_of_deadlocks(&status);
                        self.answers.failed();
                    }
                    Ok(Ok(None)) | Err(_) => self.answers.failed(),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let answer = tokio::time::timeout(2 * PATIENCE, asked).await;
        answer.unwrap_or_else(|_| panic!("no answer for {what} in {:?}", 2 * PATIENCE))
    }

    async fn order(&self, order: &PlaceOrderRequest) {
        let placed = self.insist(&order.request_id, || async {
            let mut client = self.orders.clone();
            let placed = client.place_order(limited(order.clone()));
            let placed = placed.await?.into_inner();
            let order = placed.order.unwrap();
            Ok(match (order.state(), placed.refusal) {
                (OrderState::Created, None) => Some((order.gid, Told::Confirm)),
                (OrderState::Cancelled, Some(_)) => Some((order.gid, Told::Cancel)),
                // Decided, and its confirm on the way: a customer looks again.
                (OrderState::Pending, None) => None,
                other => panic!("an order that is {other:?}"),
            })
        });
        let (gid, told) = placed
            .await
            .unwrap_or_else(|status| panic!("{order:?}: {status:?}"));
        self.answers.told(&gid, told);
    }

    async fn direct(&self, execute: &ExecuteTransactionRequest) {
        let told = self.insist(&execute.gid, || async {
            let client = &mut self.transactions.clone();
            let answer = client.execute_transaction(limited(execute.clone())).await?;
            let transaction = answer.into_inner().transaction.unwrap();
            assert_eq!(transaction.gid, execute.gid);
            let told = Told::of(&transaction);
            let may_be_open = execute.wait_for() == WaitFor::Completion;
            assert!(
                told.is_some() || may_be_open,
                "answered undecided: {transaction:?}"
            );
            Ok(told)
        });
        let told = told
            .await
            .unwrap_or_else(|status| panic!("{execute:?}: {status:?}"));
        self.answers.told(&execute.gid, told);
    }

    /// Begins, tries each branch, and decides. Whatever fails because the deadline was faster shows in the end.
    async fn steps(&self, gid: &str, branches: &[Branch], confirm: bool) {
        let begun = self.insist(gid, || async {
            let request = BeginTransactionRequest {
                gid: gid.to_owned(),
                options: None,
            };
            let mut client = self.transactions.clone();
            let begun = client.begin_transaction(limited(request));
            begun.await.map(Some)
        });
        begun
            .await
            .unwrap_or_else(|status| panic!("begin of {gid}: {status:?}"));
        let mut all_tried = true;
        for branch in branches {
            all_tried &= self.tried(gid, branch).await;
        }
        let decided = if confirm && all_tried {
            self.confirm(gid).await
        } else {
            self.cancel(gid).await
        };
        let told = match decided {
            Ok(told) => told,
            // A copy of this client, or the deadline, has decided otherwise; or a take-over has made a try doubtful.
            Err(status) if reason(&status) == "ALREADY_DECIDED" => self.look(gid).await,
            Err(status) if reason(&status) == "BRANCH_NOT_TRIED" => match self.cancel(gid).await {
                Ok(told) => told,
                Err(status) if reason(&status) == "ALREADY_DECIDED" => self.look(gid).await,
                Err(status) => panic!("cancel of {gid}: {status:?}"),
            },
            Err(status) => panic!("decision of {gid}: {status:?}"),
        };
        self.answers.told(gid, told);
    }

    async fn tried(&self, gid: &str, branch: &Branch) -> bool {
        let tried = self.insist(gid, || async {
            let request = TryBranchRequest {
                gid: gid.to_owned(),
                branch: Some(branch.clone()),
            };
            let mut client = self.transactions.clone();
            let tried = client.try_branch(limited(request));
            Ok(Some(tried.await?.into_inner().branch.unwrap()))
        });
        match tried.await {
            Ok(branch) => branch.state() == BranchState::Tried,
            Err(status) if reason(&status) == "ALREADY_DECIDED" => false,
            Err(status) => panic!("try of {gid} {}: {status:?}", branch.id),
        }
    }

    async fn confirm(&self, gid: &str) -> Result<Told, Status> {
        self.insist(gid, || async {
            let request = ConfirmTransactionRequest {
                gid: gid.to_owned(),
                ..ConfirmTransactionRequest::default()
            };
            let mut client = self.transactions.clone();
            let answer = client.confirm_transaction(limited(request));
            Ok(Told::of(&answer.await?.into_inner().transaction.unwrap()))
        })
        .await
    }

    async fn cancel(&self, gid: &str) -> Result<Told, Status> {
        self.insist(gid, || async {
            let request = CancelTransactionRequest {
                gid: gid.to_owned(),
                reason: "changed my mind".into(),
                ..CancelTransactionRequest::default()
            };
            let mut client = self.transactions.clone();
            let answer = client.cancel_transaction(limited(request));
            let answer = answer.await?.into_inner();
            assert!(!answer.was_unknown, "{gid} was begun and is unknown");
            Ok(Told::of(&answer.transaction.unwrap()))
        })
        .await
    }

    async fn look(&self, gid: &str) -> Told {
        let seen = self.insist(gid, || async {
            let request = GetTransactionRequest {
                gid: gid.to_owned(),
            };
            let mut client = self.transactions.clone();
            let answer = client.get_transaction(limited(request));
            Ok(Told::of(&answer.await?.into_inner().transaction.unwrap()))
        });
        seen.await
            .unwrap_or_else(|status| panic!("look at {gid}: {status:?}"))
    }
}

/// With a deadline that travels, so that a server may give up as well.
fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

/// The reason of the error's `ErrorInfo`.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// A deadlock is for the services to run again; no client ever hears of one.
fn says_nothing_of_deadlocks(status: &Status) {
    let message = status.message().to_lowercase();
    assert!(!message.contains("deadlock"), "{status:?}");
}

/// Whether a client that got this asks again: the call wasn't served, or the connection is gone. What the contract
/// calls a final answer is none of these, so it fails the test instead of being asked for ever.
pub(crate) fn may_be_repeated(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
            true
        }
        // Made on this side, of a connection that broke or was told to go away: nobody answered.
        Code::Unknown | Code::Internal => std::error::Error::source(status).is_some(),
        _ => false,
    }
}
