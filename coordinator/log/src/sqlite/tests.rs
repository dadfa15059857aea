//! The plans of the statements: none that runs often may read the history.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, SqliteConnection};
use tercet_core::{Gid, Timestamp, TransactionState};

use super::batch::queries as batch;
use super::{SqliteStore, queries};
use crate::{Filter, GIDS_MAX, PageToken};

async fn plan(connection: &mut SqliteConnection, statement: &str) -> String {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(explain).fetch_all(connection).await.unwrap();
    rows.into_iter()
        .map(|row| row.3)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Runs `check` on a connection to an empty log.
async fn with_log(check: impl AsyncFnOnce(&mut SqliteConnection)) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("a.db"), "", Timestamp::EPOCH)
        .await
        .unwrap();
    let mut connection = store.database.writer().acquire().await.unwrap();
    check(&mut connection).await;
}

#[tokio::test]
async fn recovery_purge_and_counts_read_what_they_need() {
    with_log(async |connection| {
        for (statement, expected) in [
            (
                queries::READ,
                "sqlite_autoindex_global_transaction_1 (gid=?)",
            ),
            (queries::OPEN, "transaction_open (owner=? AND gid>?)"),
            (
                queries::ENDED,
                "transaction_ended (ended_at>? AND ended_at<?)",
            ),
            (queries::COUNTS, "USING INDEX transaction_open"),
            (super::dialect::ADOPT, "USING INDEX transaction_open"),
        ] {
            let plan = plan(connection, statement).await;
            assert!(plan.contains(expected), "{statement}: {plan}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_finds_its_row_by_gid() {
    with_log(async |connection| {
        for statement in [&batch::UPDATE, &batch::REDEFINE] {
            for rows in [1, 2, 256] {
                let (_, text) = statement.for_up_to(rows);
                let plan = plan(connection, text).await;
                let by_gid = "SEARCH t USING INDEX sqlite_autoindex_global_transaction_1 (gid=?)";
                assert!(plan.contains(by_gid), "{rows} rows: {plan}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn lists_read_an_index_in_their_own_order() {
    let states = |states: &[TransactionState]| states.iter().copied().collect::<BTreeSet<_>>();
    let token = PageToken {
        at: Timestamp::EPOCH,
        key: "a".to_owned(),
    };
    let begun = "USING INDEX transaction_begun";
    let open = states(&[TransactionState::Trying, TransactionState::Cancelling]);
    with_log(async |connection| {
        for (filter, after, expected) in [
            (Filter::default(), None, begun),
            (
                Filter::default(),
                Some(&token),
                "transaction_begun (begun_at<?)",
            ),
            (
                Filter {
                    states: states(&[TransactionState::Confirmed]),
                    ..Filter::default()
                },
                None,
                begun,
            ),
            (
                Filter {
                    states: open,
                    ..Filter::default()
                },
                None,
                "USING INDEX transaction_open_begun",
            ),
            (
                Filter {
                    needs_attention: true,
                    ..Filter::default()
                },
                None,
                "USING INDEX transaction_attention",
            ),
            (
                Filter {
                    begun_before: Some(Timestamp::NEVER),
                    ..Filter::default()
                },
                None,
                "transaction_begun (begun_at<?)",
            ),
        ] {
            let text = queries::list(&filter, after, 10).into_string();
            let plan = plan(connection, &text).await;
            assert!(
                plan.contains(expected) && !plan.contains("TEMP"),
                "{filter:?}: {plan}"
            );
        }
        let gids = (0..GIDS_MAX).map(|number| Gid::parse(&format!("g{number}")).unwrap());
        let named = Filter {
            gids: gids.collect(),
            ..Filter::default()
        };
        let limit = i64::try_from(GIDS_MAX).unwrap();
        let text = queries::list(&named, None, limit).into_string();
        let found = plan(connection, &text).await;
        let by_gid = "sqlite_autoindex_global_transaction_1 (gid=?)";
        assert!(found.contains(by_gid), "{found}");
        let labels = BTreeMap::from([("order_no".to_owned(), "17".to_owned())]);
        let text = queries::list(
            &Filter {
                labels,
                ..Filter::default()
            },
            None,
            10,
        )
        .into_string();
        let plan = plan(connection, &text).await;
        assert!(
            plan.contains("transaction_label_value (name=? AND value=?)"),
            "{plan}"
        );
    })
    .await;
}
