//! Every command line that a document shows is one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use clap::{Parser as _, error::ErrorKind};

use super::Cli;

/// Far fewer than there are: with none found the test would say nothing.
const LINES_MIN: usize = 20;

/// A command line and whether it must be whole: between backquotes a document may just name a command.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: String,
    is_whole: bool,
}

/// The documents for people who use the program.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
        .into_iter()
        .map(|name| root.join(name))
        .chain(docs)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.sort();
    found
}

/// The command lines of `text`: lines of fences that begin with `tercet` or with what stands for it, and words between
/// backquotes that do.
fn command_lines(text: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    // What a line break may stand in the middle of.
    let mut prose = String::new();
    let mut begun: Option<String> = None;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            prose.push_str("\n\n");
            continue;
        }
        if !is_fenced {
            prose.push_str(line.trim());
            prose.push(if line.trim().is_empty() { '\n' } else { ' ' });
            continue;
        }
        let line = begun.take().unwrap_or_default() + line.trim();
        if let Some(rest) = line.strip_suffix('\\') {
            begun = Some(rest.to_owned());
        } else if let Some(line) = command(&line) {
            found.push(Shown {
                line,
                is_whole: true,
            });
        }
    }
    for paragraph in prose.split('\n') {
        let spans = paragraph.split('`').skip(1).step_by(2);
        found.extend(spans.filter_map(command).map(|line| Shown {
            line,
            is_whole: false,
        }));
    }
    found
}

/// The command line that a line is, without its prompt, its environment and its comment.
fn command(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.split(" #").next()?;
    let line = line.split(" | ").next()?;
    let line = line.split(" > ").next()?;
    let mut words = line.split_whitespace().peekable();
    while words.next_if(|word| is_setting(word)).is_some() {}
    let words: Vec<&str> = words.collect();
    let built = ["cargo", "run", "--release", "--"];
    let rest = match words.as_slice() {
        ["tercet" | "target/release/tercet", rest @ ..] => rest,
        [a, b, c, d, rest @ ..] if [*a, *b, *c, *d] == built => rest,
        _ => return None,
    };
    // A word alone is the program itself, and prose goes on about it.
    (!rest.is_empty()).then(|| format!("tercet {}", rest.join(" ")))
}

/// `NAME=value` before a command.
fn is_setting(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    })
}

/// What is wrong with it, if anything is.
fn fault(shown: &Shown) -> Option<String> {
    let Some(mut words) = shlex::split(&shown.line) else {
        return Some(format!("`{}`: a quote is open", shown.line));
    };
    // Something that a reader is to fill in is a value like any other; anything at all is left out.
    if let [.., before, last] = words.as_slice()
        && last == "…"
        && !before.starts_with("--")
    {
        words.pop();
    }
    let error = Cli::try_parse_from(words).err()?;
    let is_named = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_fine = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) || (is_named && !shown.is_whole);
    let first = error.to_string();
    let first = first.lines().next().unwrap_or_default().to_owned();
    (!is_fine).then(|| format!("`{}`: {first}", shown.line))
}

#[test]
fn the_rule_bites() {
    let text = "Say `tercet tx\nlist --attention`, or `tercet tx`, `tercet` or `cargo xtask check`.\n\n```\n$ A_B=1 tercet tx \
                show g   # the first\ntercet tx park \\\n  --state confirming --reason \"a b\" --yes | cat\ncargo run --release -- demo\n\
                let tercet = 1;\n```\n`tercet tx cancel GID --reason …`";
    let lines = command_lines(text);
    let shown: Vec<(&str, bool)> = lines.iter().map(|it| (&*it.line, it.is_whole)).collect();
    assert_eq!(
        shown,
        [
            ("tercet tx show g", true),
            (
                "tercet tx park --state confirming --reason \"a b\" --yes",
                true
            ),
            ("tercet demo", true),
            ("tercet tx list --attention", false),
            ("tercet tx", false),
            ("tercet tx cancel GID --reason …", false),
        ]
    );
    let wrong = |line: &str, is_whole| {
        let line = line.to_owned();
        fault(&Shown { line, is_whole }).is_some()
    };
    assert!(!wrong("tercet tx …", false) && !wrong("tercet tx cancel GID --reason …", true));
    assert!(!wrong("tercet tx", false) && wrong("tercet tx", true));
    assert!(!wrong("tercet serve", false) && wrong("tercet serve", true));
    assert!(wrong("tercet tx lst", false));
    assert!(wrong("tercet tx list --stat trying", false));
    assert!(wrong("tercet tx list --state open", false));
}

#[test]
fn every_command_line_of_the_documents_is_one() {
    let mut count = 0;
    let mut faults = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for shown in command_lines(&text) {
            count += 1;
            let fault = fault(&shown);
            faults.extend(fault.map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(count >= LINES_MIN, "only {count} command lines were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
