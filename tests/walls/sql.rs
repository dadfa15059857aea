//! SQL text stands in one kind of place, and sqlx is seen only where databases are.

use crate::{
    repository::{File, files, holds},
    tokens::Tokens,
};

/// First words of statements. In capitals, so that a sentence like "Select a gid" is no statement.
const STATEMENTS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DROP",
    "INSERT",
    "PRAGMA",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "UPDATE",
    "VACUUM",
    "WITH",
];

/// The same in small letters, where two words make sure.
const SMALL: &[&str] = &[
    "insert into ",
    "delete from ",
    "create table ",
    "alter table ",
    "pragma ",
];

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    let first = text.split(|c: char| !c.is_alphanumeric()).next();
    STATEMENTS.contains(&first.unwrap_or_default())
        || SMALL.iter().any(|start| text.starts_with(start))
        || (text.starts_with("select ") && text.contains(" from "))
        || (text.starts_with("update ") && text.contains(" set "))
}

fn sql_outside_queries(file: &File) -> Vec<String> {
    if file.is_test() || file.path.ends_with("/queries.rs") {
        return Vec::new();
    }
    Tokens::of(file)
        .strings
        .iter()
        .filter(|string| is_sql(&string.text))
        .map(|string| format!("{}:{} {:.60}", file.path, string.line, string.text))
        .collect()
}

/// Of the command, only the demo's closing sums read a database.
fn sqlx_in_the_command(file: &File) -> Vec<String> {
    if !file.path.starts_with("src/") || file.path.starts_with("src/demo/") {
        return Vec::new();
    }
    Tokens::of(file)
        .names
        .iter()
        .filter(|name| name.text == "sqlx")
        .map(|name| format!("{}:{}", file.path, name.line))
        .collect()
}

#[test]
fn the_rules_bite() {
    let select = r#"fn f() { query("SELECT 1"); }"#;
    for (path, source, count) in [
        ("log/src/store.rs", select, 1),
        (
            "log/src/store.rs",
            "const A: &str = \"\n  update t set a = 1\";",
            1,
        ),
        (
            "log/src/store.rs",
            r#"fn f() { err("update the set"); }"#,
            0,
        ),
        ("log/src/sqlite/queries.rs", select, 0),
        ("log/src/store/tests.rs", select, 0),
        ("log/tests/suite.rs", select, 0),
    ] {
        let found = sql_outside_queries(&File::sample(path, source));
        assert_eq!(found.len(), count, "{path}: {source}: {found:?}");
    }
    let source = "use sqlx::Row;";
    assert_eq!(
        sqlx_in_the_command(&File::sample("src/tx.rs", source)).len(),
        1
    );
    assert!(sqlx_in_the_command(&File::sample("src/demo/sums.rs", source)).is_empty());
}

#[test]
fn sql_text_stands_in_queries_files() {
    let faults: Vec<String> = files("rs").iter().flat_map(sql_outside_queries).collect();
    holds(
        "SQL text stands only in queries.rs and in migrations",
        &faults,
    );
}

#[test]
fn the_command_leaves_databases_to_others() {
    let faults: Vec<String> = files("rs").iter().flat_map(sqlx_in_the_command).collect();
    holds("sqlx is used in src/demo/ only, for the sums", &faults);
}
