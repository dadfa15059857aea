//! The manual and the completions, which are made of the command's own definition.

use std::collections::BTreeSet;

use tempfile::TempDir;

use crate::harness::process::run;

/// Fewer than there are: with none found these tests would say nothing.
const COMMANDS_MIN: usize = 30;

/// The commands that have a page: `tx retry` for `tercet-tx-retry.1`.
async fn pages(folder: &TempDir) -> BTreeSet<String> {
    let output = run(&["man", "--out", "a/man1"], folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let files = std::fs::read_dir(folder.path().join("a/man1")).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".1").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_command_has_a_page_and_every_page_a_command() {
    let folder = TempDir::new().unwrap();
    let pages = pages(&folder).await;
    assert!(pages.len() >= COMMANDS_MIN, "{pages:?}");
    let mut reached = BTreeSet::new();
    let mut to_read = vec![Vec::<String>::new()];
    while let Some(command) = to_read.pop() {
        let page = [&["tercet".to_owned()][..], &command].concat().join("-");
        assert!(pages.contains(&page), "{command:?} has no page");
        let help: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let output = run(&help, folder.path()).await;
        assert!(output.status.success(), "{help:?}: {output:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        // A list of commands begins with its head and ends with an empty line.
        let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let below = below.take_while(|line| !line.is_empty());
        let below = below.filter_map(|line| {
            let is_a_name = line.starts_with("  ") && !line.starts_with("   ");
            let name = line.split_whitespace().next()?;
            (is_a_name && name != "help").then(|| name.to_owned())
        });
        to_read.extend(below.map(|name| [&command[..], &[name]].concat()));
        reached.insert(page);
    }
    assert_eq!(reached, pages);
}

#[tokio::test]
async fn a_page_is_printed_by_the_commands_name() {
    let folder = TempDir::new().unwrap();
    let output = run(&["man", "tx", "retry"], folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let page = String::from_utf8(output.stdout).unwrap();
    for part in [
        ".TH tercet-tx-retry 1",
        ".SH SYNOPSIS",
        "\\-\\-older\\-than",
        "TERCET_CLI_AS",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    let unknown = run(&["man", "tx", "nothing"], folder.path()).await;
    assert_eq!(unknown.status.code(), Some(3));
}

#[tokio::test]
async fn completions_name_every_command_in_every_shell() {
    let folder = TempDir::new().unwrap();
    let pages = pages(&folder).await;
    let words: BTreeSet<&str> = pages
        .iter()
        .filter_map(|page| page.rsplit('-').next())
        .filter(|word| *word != "tercet")
        .collect();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell], folder.path()).await;
        assert!(output.status.success(), "{output:?}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in &words {
            assert!(script.contains(word), "{shell} doesn't complete {word}");
        }
        assert!(
            script.contains("older-than"),
            "{shell} completes no options"
        );
    }
    let none = run(&["completions", "cmd"], folder.path()).await;
    assert_eq!(none.status.code(), Some(2));
}
