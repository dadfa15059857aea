//! The four orders, one by one: what is asked, what became of it, and the timeline of its transaction.

use std::time::Duration;

use tercet_client::{
    Outcome,
    proto::{Phase, Transaction},
};
use tercet_proto::shop::order::v1::{OrderState, PlaceOrderRequest, PlaceOrderResponse};

use super::{
    death::Trap,
    shop::Shop,
    sums::{Expected, Placed},
};
use crate::{
    clock,
    failure::Failure,
    output,
    render::{style::Style, timeline},
    system::System,
};

/// What the shop begins with.
const SKU: (&str, i64) = ("tea", 10);
/// The customers and their points.
const ACCOUNTS: [(&str, i64); 2] = [("alice", 100), ("bob", 20)];
/// A step of the story that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// What an order is meant to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Placed,
    Refused(&'static str),
    PlacedAfterDeath,
}

/// One order of the story.
#[derive(Debug, Clone, Copy)]
struct Chapter {
    request_id: &'static str,
    title: &'static str,
    user: &'static str,
    quantity: i64,
    points: i64,
    ending: Ending,
}

const CHAPTERS: [Chapter; 4] = [
    Chapter {
        request_id: "demo-1",
        title: "alice orders 2 tea and pays 30 points",
        user: "alice",
        quantity: 2,
        points: 30,
        ending: Ending::Placed,
    },
    Chapter {
        request_id: "demo-2",
        title: "alice orders 99 tea, and there are 8 left",
        user: "alice",
        quantity: 99,
        points: 10,
        ending: Ending::Refused("OUT_OF_STOCK"),
    },
    Chapter {
        request_id: "demo-3",
        title: "bob orders 1 tea for 50 points, and has 20",
        user: "bob",
        quantity: 1,
        points: 50,
        ending: Ending::Refused("NOT_ENOUGH_POINTS"),
    },
    Chapter {
        request_id: "demo-4",
        title: "alice orders 3 tea for 20 points, and stock dies in the middle of it",
        user: "alice",
        quantity: 3,
        points: 20,
        ending: Ending::PlacedAfterDeath,
    },
];

impl Chapter {
    fn request(&self) -> PlaceOrderRequest {
        PlaceOrderRequest {
            request_id: self.request_id.to_owned(),
            user_id: self.user.to_owned(),
            sku: SKU.0.to_owned(),
            quantity: self.quantity,
            points_to_spend: self.points,
            ..PlaceOrderRequest::default()
        }
    }
}

/// What must hold once the story is told.
pub(super) fn expected() -> Expected {
    let placed = |chapter: &&Chapter| !matches!(chapter.ending, Ending::Refused(_));
    Expected {
        sku: SKU.0,
        pieces: SKU.1,
        accounts: ACCOUNTS.to_vec(),
        orders: CHAPTERS
            .iter()
            .filter(placed)
            .map(|chapter| Placed {
                request_id: chapter.request_id,
                user: chapter.user,
                quantity: chapter.quantity,
                points: chapter.points,
            })
            .collect(),
        refused: CHAPTERS.iter().filter(|it| !placed(it)).count(),
    }
}

/// Fills the shop.
pub(super) async fn seed(shop: &Shop) -> Result<(), Failure> {
    shop.seed_sku(SKU.0, SKU.1).await?;
    for (user, points) in ACCOUNTS {
        shop.seed_account(user, points).await?;
    }
    Ok(())
}

/// The teller.
#[derive(Debug)]
pub(super) struct Story {
    system: System,
    shop: Shop,
    trap: Trap,
    style: Style,
}

impl Story {
    pub(super) fn new(system: System, shop: Shop, trap: Trap, style: Style) -> Self {
        Self {
            system,
            shop,
            trap,
            style,
        }
    }

    pub(super) fn into_system(self) -> System {
        self.system
    }

    /// All four orders. An order that ends otherwise than it should ends the story.
    pub(super) async fn tell(&mut self) -> Result<(), Failure> {
        for (index, chapter) in CHAPTERS.iter().enumerate() {
            let title = format!("{}. {}", index + 1, chapter.title);
            output::paragraph(&self.style.strong(&title));
            let told = async {
                match chapter.ending {
                    Ending::Placed | Ending::Refused(_) => self.place(chapter).await,
                    Ending::PlacedAfterDeath => self.die_and_recover(chapter).await,
                }
            };
            tokio::time::timeout(PATIENCE, told).await.map_err(|_| {
                Failure::failed(format!("{}: not done in {PATIENCE:?}", chapter.request_id))
            })??;
        }
        Ok(())
    }

    async fn place(&self, chapter: &Chapter) -> Result<(), Failure> {
        let answer = self.shop.place(chapter.request()).await?;
        let gid = answer.order.as_ref().map(|order| order.gid.clone());
        let outcome = self.ended(&gid.unwrap_or_default()).await?;
        self.draw(outcome.transaction());
        self.say(&verdict(&answer));
        match (chapter.ending, &answer.refusal) {
            (Ending::Refused(reason), Some(refusal)) if refusal.reason == reason => Ok(()),
            (Ending::Placed, None) if outcome.is_confirm() => Ok(()),
            _ => Err(Failure::failed(format!(
                "{} ended otherwise than it should",
                chapter.request_id
            ))),
        }
    }

    async fn die_and_recover(&mut self, chapter: &Chapter) -> Result<(), Failure> {
        self.trap.arm();
        let shop = self.shop.clone();
        let request = chapter.request();
        let placing = tokio::spawn(async move { shop.place(request).await });
        self.trap.sprung().await;
        self.system.kill_stock().await;
        self.say("stock has committed its confirm, and is gone before it could answer: no listener, no connection, no database pool");

        let gid = self.gid_of(chapter.request_id).await?;
        let waiting = self.until_it_waits(&gid).await?;
        self.draw(waiting.transaction());
        let answer = placing.await.map_err(Failure::failed)??;
        self.say(&format!(
            "alice has her answer all the same: {}",
            verdict(&answer)
        ));

        self.system.revive_stock().await?;
        self.say("stock is back from its file; the coordinator asks again, and the fence answers without doing it twice");
        let outcome = self.ended(&gid).await?;
        self.draw(outcome.transaction());
        let order = self.shop.order(chapter.request_id).await?;
        self.say(&format!("order {} is placed", order.order_no));
        if outcome.is_confirm() && order.state() == OrderState::Created {
            Ok(())
        } else {
            Err(Failure::failed(format!(
                "{} was not confirmed",
                chapter.request_id
            )))
        }
    }

    /// The transaction that carries a submission.
    async fn gid_of(&self, request_id: &str) -> Result<String, Failure> {
        let admin = self.shop.transactions.admin();
        let list = admin.list_transactions().label("request_id", request_id);
        let found = list.send().await?.transactions.into_iter().next();
        found
            .map(|transaction| transaction.gid)
            .ok_or_else(|| Failure::failed(format!("no transaction has request_id {request_id}")))
    }

    /// Follows it until a confirm of stock has failed and the next one is waited for.
    async fn until_it_waits(&self, gid: &str) -> Result<Outcome, Failure> {
        let mut watch = self.shop.transactions.watch(gid);
        while let Some(outcome) = watch.next().await? {
            let transaction = outcome.transaction();
            let has_failed = transaction
                .attempts
                .iter()
                .any(|attempt| attempt.phase() == Phase::Confirm && attempt.code != 0);
            let waits = transaction
                .branches
                .iter()
                .any(|branch| branch.next_attempt_at.is_some());
            if has_failed && waits {
                return Ok(outcome);
            }
        }
        Err(Failure::failed(format!("{gid} ended while stock was dead")))
    }

    /// Follows it to its end.
    async fn ended(&self, gid: &str) -> Result<Outcome, Failure> {
        let mut watch = self.shop.transactions.watch(gid);
        let mut last = None;
        while let Some(outcome) = watch.next().await? {
            last = Some(outcome);
        }
        last.ok_or_else(|| Failure::failed(format!("{gid} was not seen")))
    }

    fn draw(&self, transaction: &Transaction) {
        let text = timeline::render(transaction, clock::now(), self.style);
        let lines: Vec<String> = text
            .lines()
            .map(|line| format!("  {line}").trim_end().to_owned())
            .collect();
        output::paragraph(&lines.join("\n"));
    }

    fn say(&self, text: &str) {
        output::paragraph(&format!("  {} {text}", self.style.faint("»")));
    }
}

fn verdict(answer: &PlaceOrderResponse) -> String {
    match (&answer.refusal, &answer.order) {
        (Some(refusal), _) => format!("refused by {}: {}", refusal.participant, refusal.message),
        (None, Some(order)) if order.state() == OrderState::Pending => format!(
            "order {} is decided, and will be placed when every service has confirmed",
            order.order_no
        ),
        (None, Some(order)) => format!("order {} is placed", order.order_no),
        (None, None) => "an answer without an order".to_owned(),
    }
}
