//! The language: what is understood, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_may_stand_anywhere() {
    for line in [
        "tercet --json --endpoint a:1 tx show g",
        "tercet tx --json show g --endpoint a:1",
        "tercet tx show g --json --endpoint a:1",
    ] {
        let cli = parse(line).unwrap();
        assert!(cli.global.json, "{line}");
        assert_eq!(cli.global.endpoint, ["a:1"], "{line}");
    }
}

#[test]
fn several_endpoints_are_a_list() {
    let cli = parse("tercet status --endpoint a:1,b:2 --endpoint c:3").unwrap();
    assert_eq!(cli.global.endpoint, ["a:1", "b:2", "c:3"]);
}

#[test]
fn filters_are_read_and_checked() {
    let cli = parse(
        "tercet tx list --state trying,confirming --label order_no=a=b --older-than 5m --attention",
    )
    .unwrap();
    let Command::Tx(Tx::List(list)) = cli.command else {
        panic!("{cli:?}");
    };
    assert_eq!(list.filter.state.len(), 2);
    assert_eq!(list.filter.label, [("order_no".into(), "a=b".into())]);
    assert_eq!(list.filter.older_than, Some(ConfigDuration::from_secs(300)));
    assert!(list.filter.attention && !list.filter.is_empty());

    for wrong in [
        "tercet tx list --state open",
        "tercet tx list --label nothing",
        "tercet tx list --limit 501",
        "tercet tx list --older-than soon",
        "tercet tx force g 1",
        "tercet serve",
        "tercet stock --config f --seed tea",
        "tercet stock --config f --seed tea=many",
        "tercet reconcile --yes",
        "tercet reconcile --days 0",
        "tercet shop refund o-1",
        "tercet shop rush --users 0",
    ] {
        assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
    }
}

#[test]
fn a_rush_kills_when_it_is_told_to() {
    for (line, kills) in [
        ("tercet shop rush", 0),
        ("tercet shop rush --kill", 8),
        ("tercet shop rush --kill 3 --users 5", 3),
    ] {
        let Command::Shop(Shop::Rush(rush)) = parse(line).unwrap().command else {
            panic!("{line}");
        };
        assert_eq!(rush.kill, kills, "{line}");
    }
}
