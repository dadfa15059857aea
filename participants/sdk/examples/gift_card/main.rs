//! A whole participant: gift cards that can pay a part of an order.
//!
//! The action is the forty lines of `impl Action`; what is around them is the same for every participant. A service
//! of your own has its messages in a `.proto` file, so that reflection knows them and JSON payloads work.
//!
//! ```text
//! cargo run -p tercet-participant --example gift_card -- gift-card.toml
//!
//! listen = "127.0.0.1:7420"
//! [database]
//! url = "sqlite:gift-card.db"
//! [coordinator]
//! endpoints = ["http://127.0.0.1:7400"]
//! ```

mod queries;

use std::borrow::Cow;

use sqlx::SqliteConnection;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tercet_database::sqlite::{Db, Options, connect};
use tercet_participant::serve::{ParticipantConfig, start};
use tercet_participant::{Action, ActionError, BranchContext, Participant, Refusal, schema};
use tercet_service::Drain;

/// The request of `Try`, `Confirm` and `Cancel` alike.
#[derive(Clone, PartialEq, prost::Message)]
struct Pay {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(int64, tag = "2")]
    cents: i64,
}

#[derive(Debug)]
struct PayByCard;

impl Action for PayByCard {
    type Db = Db;
    type Request = Pay;
    type Reply = ();
    const SERVICE: &'static str = "shop.gift.v1.PayByCardService";

    /// Reserves. Refusing cancels the transaction; everything done on `db` is rolled back.
    async fn on_try(
        &self,
        db: &mut SqliteConnection,
        _: &BranchContext,
        pay: Pay,
    ) -> Result<(), ActionError> {
        if pay.cents < 1 {
            return Err(Refusal::invalid("INVALID_AMOUNT", "cents must be 1 or more").into());
        }
        if !queries::reserve(db, &pay.code, pay.cents).await? {
            return Err(Refusal::precondition("CARD_TOO_LOW", "the card holds less").into());
        }
        Ok(())
    }

    /// Uses what was reserved. Runs once, however often it is called.
    async fn on_confirm(
        &self,
        db: &mut SqliteConnection,
        _: &BranchContext,
        pay: Pay,
    ) -> Result<(), ActionError> {
        Ok(queries::settle(db, &pay.code, pay.cents, 0).await?)
    }

    /// Gives it back. Runs only if try ran.
    async fn on_cancel(
        &self,
        db: &mut SqliteConnection,
        _: &BranchContext,
        pay: Pay,
    ) -> Result<(), ActionError> {
        Ok(queries::settle(db, &pay.code, pay.cents, pay.cents).await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: gift_card CONFIG")?;
    let config: ParticipantConfig = tercet_service::load(file)?;
    let table = Migration::new(
        20_261_121_000_100,
        Cow::Borrowed("gift card"),
        MigrationType::Simple,
        sqlx::SqlStr::from_static(queries::TABLE),
        false,
    );
    let database = {
        let path = config
            .database
            .url
            .sqlite_path()
            .ok_or("gift_card keeps its cards in an SQLite file")?;
        connect(&Options::new(path)).await?
    };
    schema("gift_card", &Migrator::with_migrations(vec![table]))
        .ensure(&database)
        .await?;

    let drain = Drain::new();
    drain.begin_on_signals()?;
    let participant = Participant::new(database, (&config.fence).into()).action(PayByCard);
    let running = start(participant, &config, 7420, drain).await?;
    running.announce();
    Ok(running.wait().await?)
}
