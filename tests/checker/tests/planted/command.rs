//! The command `checker`: what it prints and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::Shop;

fn checker(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[tokio::test]
async fn it_ends_with_0_1_or_2_and_prints_a_violation_a_line() {
    let shop = Shop::new().await;
    let clean = checker(&[".", "--seeded", "tea=10"], shop.folder());
    assert_eq!(clean.status.code(), Some(0));
    let stdout = String::from_utf8(clean.stdout).unwrap();
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(
        stdout.contains("3 transactions (2 confirmed, 1 cancelled)"),
        "{stdout}"
    );

    let wrong = checker(&[".", "--seeded", "tea=11"], shop.folder());
    assert_eq!(wrong.status.code(), Some(1));
    let stdout = String::from_utf8(wrong.stdout).unwrap();
    assert!(
        stdout
            .lines()
            .any(|line| line == "stock-sum tea: 16 pieces came in and 15 are there"),
        "{stdout}"
    );

    for arguments in [
        &["nowhere"][..],
        &[],
        &[".", "--sum"],
        &[".", "--seeded", "tea"],
        &[".", "."],
    ] {
        let output = checker(arguments, shop.folder());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
