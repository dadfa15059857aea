//! The plans of the statements at a million rows: none that runs often may read the history. What the server says it will
//! do is compared, and what it then really read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sqlx::mysql::MySqlArguments;
use sqlx::{AssertSqlSafe, Execute as _, Executor as _, MySqlConnection, QueryBuilder};
use tercet_core::{ContentHash, Gid, Mode, Timestamp, TransactionState};
use tercet_database::MySqlUrl;
use tercet_database::mysql::{Options, Use, connection};
use tercet_test_databases::Server;

use super::batch::Place;
use super::batch::queries::{Statements, written};
use super::{Db, MySqlStore, dialect, queries};
use crate::entry::Row;
use crate::kinds::Change;
use crate::{Filter, GIDS_MAX, Lane, PageToken, SessionId};

const ROWS: i64 = 1_000_000;
/// Of these, so many are open: a thousandth, spread over all times of begin.
const OPEN: i64 = 1_000;
/// The most rows that any of the statements may touch, for what it gives back or changes.
const READS_FACTOR: i64 = 4;

/// A statement as it is sent: its text, and what is bound.
struct Statement {
    text: String,
    arguments: MySqlArguments,
}

impl Statement {
    fn plain(text: String) -> Self {
        Self {
            text,
            arguments: MySqlArguments::default(),
        }
    }

    fn bound(text: &str, bind: impl FnOnce(&mut MySqlArguments)) -> Self {
        let mut arguments = MySqlArguments::default();
        bind(&mut arguments);
        Self {
            text: text.to_owned(),
            arguments,
        }
    }

    fn built(mut builder: QueryBuilder<Db>) -> Self {
        let arguments = builder.build().take_arguments().unwrap().unwrap();
        Self {
            text: builder.into_string(),
            arguments,
        }
    }
}

/// A million transactions of which a thousand are open, each with a label.
async fn fill(connection: &mut MySqlConnection) {
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    // Names in the order of time, so that the tables are written in order.
    for piece in 0..10 {
        let numbers = format!(
            "SELECT {piece} * 100000 + a.d * 10000 + b.d * 1000 + c.d * 100 + e.d * 10 + f.d AS n FROM {digits} AS a, \
             {digits} AS b, {digits} AS c, {digits} AS e, {digits} AS f"
        );
        let open = ROWS / OPEN;
        let mut text = String::new();
        write!(
            text,
            "INSERT INTO global_transaction SELECT CONCAT('g', LPAD(n, 7, '0')), 1, IF(n % {open} = 0, 7, 6), 1, \
             IF(n % {open} = 0, 1, 3), 1, REPEAT(x'00', 32), n, n + 30, IF(n % {open} = 0, NULL, n + 1), \
             IF(n % {open} = 0, NULL, n + 2), IF(n % {} = 0, n, NULL), 0, ' stock ', x'00', x'00' FROM ({numbers}) AS s ORDER BY n",
            open * 10
        )
        .unwrap();
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(text)))
            .await
            .unwrap();
        let labels = format!(
            "INSERT INTO transaction_label SELECT CONCAT('g', LPAD(n, 7, '0')), 'order_no', n FROM ({numbers}) AS s \
             WHERE n % 20 = 0 ORDER BY n"
        );
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(labels)))
            .await
            .unwrap();
    }
    let analyze = "ANALYZE TABLE global_transaction, transaction_label";
    connection.execute(sqlx::raw_sql(analyze)).await.unwrap();
}

async fn rows_read(connection: &mut MySqlConnection) -> i64 {
    let counters: Vec<(String, String)> =
        sqlx::query_as("SHOW SESSION STATUS LIKE 'Handler_read%'")
            .fetch_all(connection)
            .await
            .unwrap();
    counters
        .into_iter()
        .map(|(_, value)| value.parse::<i64>().unwrap())
        .sum()
}

/// Explains the statement, runs it, and says what it used and how many rows it read.
async fn check(
    connection: &mut MySqlConnection,
    what: &str,
    statement: Statement,
    // Or one whose name begins with it, where two would do.
    index: &str,
    reads_max: i64,
) {
    let Statement { text, arguments } = statement;
    let explain = AssertSqlSafe(format!("EXPLAIN FORMAT=JSON {text}"));
    let plan: String = sqlx::query_scalar_with(explain, arguments.clone())
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert!(
        plan.contains(&format!("\"key\": \"{index}")),
        "{what} reads by another index: {text}\n{plan}"
    );
    connection.execute("START TRANSACTION").await.unwrap();
    let before = rows_read(&mut *connection).await;
    sqlx::query_with(AssertSqlSafe(text.clone()), arguments)
        .persistent(false)
        .execute(&mut *connection)
        .await
        .unwrap();
    // Asking reads a few rows as well.
    let read = rows_read(&mut *connection).await - before;
    connection.execute("ROLLBACK").await.unwrap();
    assert!(
        read <= reads_max,
        "{what} reads {read} rows: {text}\n{plan}"
    );
}

fn changes() -> (Vec<Gid>, Row) {
    let gids = (0..32)
        .map(|number| Gid::parse(&format!("g{:07}", number * 1_000)).unwrap())
        .collect();
    let row = Row {
        mode: Mode::OneCall,
        content: ContentHash([0; 32]),
        state: TransactionState::Confirming,
        begun_at: Timestamp::EPOCH,
        try_deadline: Timestamp::EPOCH,
        decided_at: Some(Timestamp::EPOCH),
        ended_at: None,
        attention_since: None,
        parked: false,
        definition: None,
        progress: Bytes::from_static(b"progress"),
    };
    (gids, row)
}

fn batches() -> Vec<(&'static str, Statement, &'static str, i64)> {
    let place = Place {
        session: SessionId(7),
        lane: Lane(0),
        appended: 1,
        attempt: 1,
    };
    let (gids, row) = changes();
    let changes: Vec<Change<'_>> = gids
        .iter()
        .map(|gid| Change {
            gid,
            expected: 1,
            row: &row,
        })
        .collect();
    let group: Vec<_> = changes.iter().map(|change| (change, None)).collect();
    let mut update = Statements::more();
    update.update(&place, &group);
    let (update, _) = update.into_parts();
    let names = || {
        gids.iter()
            .map(|gid| gid.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    vec![
        ("a batch's change", Statement::plain(update), "PRIMARY", 32),
        (
            "what a batch has written",
            Statement::plain(written(&place, &gids)),
            "PRIMARY",
            32,
        ),
        (
            "what a begin finds",
            Statement::built(queries::read_many(gids.iter().map(Gid::as_str))),
            "PRIMARY",
            32,
        ),
        (
            "adoption",
            Statement::built(dialect::adopt(8, 7, &names())),
            "transaction_open",
            32,
        ),
        (
            "the purge's labels",
            Statement::built(queries::delete(queries::Purged::Labels, &names())),
            "PRIMARY",
            64,
        ),
        (
            "the purge",
            Statement::built(queries::delete(queries::Purged::Transactions, &names())),
            "PRIMARY",
            32,
        ),
    ]
}

fn reads() -> Vec<(&'static str, Statement, &'static str, i64)> {
    use sqlx::Arguments as _;
    vec![
        (
            "one transaction",
            Statement::bound(queries::READ, |arguments| {
                arguments.add("g0500000").unwrap();
            }),
            "PRIMARY",
            1,
        ),
        (
            "recovery",
            Statement::bound(queries::OPEN, |arguments| {
                arguments.add(7_i64).unwrap();
                arguments.add("g0500000").unwrap();
                arguments.add(100_i64).unwrap();
            }),
            "transaction_open",
            100,
        ),
        (
            "the hint of an adoption",
            Statement::bound(dialect::LEFT_OPEN, |arguments| {
                arguments.add(7_i64).unwrap();
                arguments.add(100_i64).unwrap();
                arguments.add(0_i64).unwrap();
            }),
            "transaction_open",
            100,
        ),
        (
            "what has ended",
            Statement::bound(queries::ENDED, |arguments| {
                arguments.add(900_000_i64).unwrap();
                arguments.add(500_i64).unwrap();
            }),
            "transaction_open",
            500,
        ),
    ]
}

fn lists() -> Vec<(&'static str, Filter, Option<PageToken>, &'static str, i64)> {
    let states = |states: &[TransactionState]| states.iter().copied().collect::<BTreeSet<_>>();
    let after = Some(PageToken {
        at: Timestamp::from_micros(300_000),
        key: "g0300000".to_owned(),
    });
    let open = Filter {
        states: states(&[TransactionState::Trying, TransactionState::Cancelling]),
        ..Filter::default()
    };
    let confirmed = Filter {
        states: states(&[TransactionState::Confirmed]),
        ..Filter::default()
    };
    let before = Filter {
        begun_before: Some(Timestamp::from_micros(200_000)),
        ..Filter::default()
    };
    let attention = Filter {
        needs_attention: true,
        ..Filter::default()
    };
    let labels = Filter {
        labels: BTreeMap::from([("order_no".to_owned(), "12340".to_owned())]),
        ..Filter::default()
    };
    let gids = (0..GIDS_MAX).map(|number| Gid::parse(&format!("g{:07}", number * 100)).unwrap());
    let named = Filter {
        gids: gids.collect(),
        ..Filter::default()
    };
    vec![
        (
            "the newest",
            Filter::default(),
            None,
            "transaction_begun",
            100,
        ),
        (
            "a later page",
            Filter::default(),
            after.clone(),
            "transaction_begun",
            100,
        ),
        (
            "the newest that are confirmed",
            confirmed,
            None,
            "transaction_begun",
            100,
        ),
        (
            "the newest that are open",
            open.clone(),
            None,
            "transaction_open_begun",
            100,
        ),
        (
            "open ones, a later page",
            open,
            after,
            "transaction_open_begun",
            100,
        ),
        ("older ones", before, None, "transaction_begun", 100),
        (
            "what needs attention",
            attention,
            None,
            "transaction_attention",
            100,
        ),
        ("by label", labels, None, "transaction_label_value", 1),
        ("of a page of names", named, None, "PRIMARY", 500),
    ]
}

#[tokio::test]
async fn no_statement_reads_the_history() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let url = MySqlUrl::parse(&server.database("plans").await).unwrap();
    let options = Options::new(url);
    let store = MySqlStore::open(&options, 1, "", Timestamp::EPOCH)
        .await
        .unwrap();
    let mut connection = connection(&options, Use::Writing).await.unwrap();
    // Newer versions of MySQL explain in another form unless they are asked; nobody else knows the setting.
    let _ = connection
        .execute("SET explain_json_format_version = 1")
        .await;
    fill(&mut connection).await;
    for (what, statement, index, rows) in batches().into_iter().chain(reads()) {
        let reads_max = READS_FACTOR * rows + 20;
        check(&mut connection, what, statement, index, reads_max).await;
    }
    for (what, filter, after, index, rows) in lists() {
        let statement = Statement::built(queries::list(&filter, after.as_ref(), rows));
        check(
            &mut connection,
            what,
            statement,
            index,
            READS_FACTOR * rows + 20,
        )
        .await;
    }
    let counts = Statement::plain(queries::COUNTS.to_owned());
    check(
        &mut connection,
        "counts",
        counts,
        "transaction_open",
        READS_FACTOR * OPEN,
    )
    .await;
    drop(store);
}
