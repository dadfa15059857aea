//! Every event in every state, on the real tables: where it leads, what is remembered, and who loses a race.

use tercet_participant::ActionError;
use tercet_participant::outbox::{Outbox, OutboxOptions};

use super::super::deadline::Timer;
use super::super::desk::Desk;
use super::super::watch::Changes;
use super::*;
use crate::order::{Hold, Order as Kept};
use crate::state::{Event, Next, No, State, next};

fn desk(database: &Database) -> Desk {
    Desk {
        database: database.clone(),
        outbox: Outbox::new(database.clone(), OutboxOptions::new("order")),
        timer: Timer::new().0,
        changes: Changes::default(),
        payment_micros: 1_000_000,
    }
}

async fn read(database: &Database, order_no: &str) -> Kept {
    let mut connection = database.reader().acquire().await.unwrap();
    owned(&mut connection, order_no, None).await.unwrap()
}

/// One event in an SQL transaction of its own, which is committed if it happens.
async fn happens(desk: &Desk, order: Kept, event: Event) -> Result<(), ActionError> {
    let mut transaction = desk.database.begin().await?;
    let changed = desk.change(&mut transaction, order, event, |_, _| Ok(()));
    changed.await?;
    transaction.commit().await?;
    Ok(())
}

#[tokio::test]
async fn every_event_in_every_state() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    let database = shop.database().await;
    let desk = desk(&database);
    for state in State::ALL {
        for event in Event::ALL {
            let before = State::Shipped;
            force(&database, &order_no, |standing| {
                standing.state = state;
                standing.before = Some(before);
                standing.hold = Hold::None;
            })
            .await;
            let order = read(&database, &order_no).await;
            let version = order.version;
            let done = happens(&desk, order, event).await;
            let now = read(&database, &order_no).await;
            let expected = match next(state, event) {
                Ok(Next::To(to)) => (to, Ok(())),
                Ok(Next::Aside(to)) => {
                    assert_eq!(now.standing.before, Some(state), "{state:?} {event:?}");
                    (to, Ok(()))
                }
                Ok(Next::Back) => (before, Ok(())),
                Err(No::Busy) => (state, Err("ORDER_BUSY")),
                Err(No::WrongState) => (state, Err("WRONG_STATE")),
            };
            let done = done.as_ref().map_err(ActionError::reason).copied();
            assert_eq!((now.state(), done), expected, "{state:?} {event:?}");
            assert_eq!(now.version - version, i64::from(done.is_ok()));
        }
    }
    database.close().await;
}

#[tokio::test]
async fn of_two_changes_that_saw_the_same_order_one_happens() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    let database = shop.database().await;
    let desk = desk(&database);
    let order = read(&database, &order_no).await;

    happens(&desk, order.clone(), Event::PayTried)
        .await
        .unwrap();
    let late = happens(&desk, order, Event::CloseTried).await.unwrap_err();

    assert!(matches!(late, ActionError::Contended), "{late}");
    assert_eq!(read(&database, &order_no).await.state(), State::Settling);
    database.close().await;
}
