//! What the SDK's statements read of a server's tables doesn't grow with what has happened before: the server counts.

use std::time::Duration;

use super::{Connection, Db, Fixture, dialect as queries};
use crate::clock::{micros, now_micros};
use crate::fence::{FenceDb, FenceState, ListFilter, Position};
use crate::outbox::{MessageState, OutboxDb, SEGMENTS};
use crate::testing::key;

/// Doublings of the history: 131,072 rows.
const DOUBLINGS: u32 = 17;
/// What a statement may read, of tables sixty times as long.
const READ_MAX: u64 = 2_000;

struct Counting<'a> {
    connection: &'a mut Connection,
    before: u64,
}

impl<'a> Counting<'a> {
    async fn on(connection: &'a mut Connection) -> Self {
        let before = queries::rows_read(&mut *connection).await.unwrap();
        Self { connection, before }
    }

    async fn check(self, what: &str) {
        let after = queries::rows_read(&mut *self.connection).await.unwrap();
        let read = after - self.before;
        assert!(read <= READ_MAX, "{what} reads {read} rows");
    }
}

macro_rules! check {
    ($connection:expr, $call:ident($($argument:expr),*)) => {{
        let counting = Counting::on($connection).await;
        let answer = Db::$call(&mut *counting.connection, $($argument),*).await.unwrap();
        counting.check(stringify!($call)).await;
        answer
    }};
}

#[tokio::test]
async fn a_long_history_costs_nothing() {
    let fixture = given!(Fixture::new());
    let now = now_micros();
    let mut writer = fixture.fence.database().writer().acquire().await.unwrap();
    let connection: &mut Connection = &mut writer;
    queries::fill(
        &mut *connection,
        DOUBLINGS,
        now - micros(Duration::from_hours(1)),
    )
    .await
    .unwrap();
    let later = now + micros(Duration::from_hours(1));

    assert_eq!(check!(connection, next_due()), None);
    assert_eq!(check!(connection, due(later, 64)).len(), 0);
    assert_eq!(check!(connection, old(later, 64)).len(), 64);
    assert!(check!(connection, read(&key("b"))).is_none());
    let keys: Vec<_> = (0..200).map(|number| key(&format!("b{number}"))).collect();
    let keys: Vec<_> = keys.iter().collect();
    assert_eq!(check!(connection, read_many(&keys)).len(), 0);
    assert_eq!(
        check!(connection, end_many(&keys, FenceState::Confirmed, now)),
        0
    );
    let filter = ListFilter {
        states: Vec::new(),
        changed_until: i64::MAX,
        after: Some(Position {
            changed_at: now - micros(Duration::from_hours(1)) + 70_000,
            key: key("b"),
        }),
        limit: 100,
    };
    assert_eq!(check!(connection, list(&filter)).len(), 100);

    let segments: Vec<u8> = (0..SEGMENTS).collect();
    // A quarter waits, and is due only later.
    assert_eq!(
        check!(connection, due_messages(&segments, now, 64)).len(),
        0
    );
    assert!(check!(connection, next_message(&segments)).unwrap() > now);
    let due = check!(connection, due_messages(&segments[..32], i64::MAX, 10));
    assert_eq!(due.len(), 10);
    assert_eq!(
        check!(connection, claim_messages(&due, "c", i64::MAX, later)),
        10
    );
    assert_eq!(check!(connection, claimed_messages(&due, "c")).len(), 10);
    assert_eq!(
        check!(
            connection,
            list_messages(MessageState::Attention, None, 100)
        )
        .len(),
        0
    );
    assert_eq!(check!(connection, clean_messages(later, 50)), 50);
}
