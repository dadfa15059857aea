//! What the documents point to exists.

use std::path::Path;

use crate::repository::{File, all, files, holds, root};

/// The lines outside and inside of fences.
fn lines(text: &str) -> impl Iterator<Item = (usize, bool, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        Some((number + 1, fenced, line))
    })
}

/// The targets of `[…](target)`.
fn links(file: &File) -> Vec<(usize, String)> {
    lines(&file.text)
        .filter(|(_, fenced, _)| !fenced)
        .flat_map(|(number, _, line)| {
            line.split("](").skip(1).filter_map(move |rest| {
                let target = rest.split([')', ' ']).next()?;
                Some((number, target.to_owned()))
            })
        })
        .collect()
}

/// The headings of a document.
pub(crate) fn headings(text: &str) -> impl Iterator<Item = &str> {
    lines(text)
        .filter(|(_, fenced, line)| !fenced && line.starts_with('#'))
        .map(|(_, _, line)| line.trim_start_matches('#').trim())
}

/// What a heading is called in a link, as the usual readers of such documents have it.
pub(crate) fn slug(heading: &str) -> String {
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Links to headings that the document they lead to doesn't have.
fn broken_anchors(file: &File, text_of: impl Fn(&Path) -> Option<String>) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap();
    let broken = |target: &str| {
        let (path, anchor) = target.split_once('#')?;
        let text = if path.is_empty() {
            Some(file.text.clone())
        } else {
            text_of(&folder.join(path))
        };
        let is_there = headings(&text?).any(|heading| slug(heading) == anchor);
        (!is_there).then_some(())
    };
    links(file)
        .into_iter()
        .filter(|(_, target)| !target.contains("://"))
        .filter(|(_, target)| broken(target).is_some())
        .map(|(number, target)| format!("{}:{number} {target}", file.path))
        .collect()
}

/// Links to files that aren't there. Links to the world are nobody's to check here.
fn broken_links(file: &File, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap();
    links(file)
        .into_iter()
        .filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|(number, target)| {
            let path = target.split('#').next()?;
            let there = path.is_empty() || exists(&folder.join(path));
            (!there).then(|| format!("{}:{number} {target}", file.path))
        })
        .collect()
}

/// Whether a word in code can only be a path: `src/main.rs`, `proto/`.
fn is_path(word: &str) -> bool {
    let clean = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    clean && word.contains('/') && !word.starts_with(['/', '.']) && !word.contains("//")
}

/// Every path that a document names: in `code`, or as a word of a fence (a tree of folders).
fn named_paths(file: &File) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (number, fenced, line) in lines(&file.text) {
        let words: Vec<&str> = if fenced {
            line.split_whitespace().collect()
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for word in words.into_iter().filter(|word| is_path(word)) {
            named.push((number, word.to_owned()));
        }
    }
    named
}

/// Named paths that no path of the repository is, or in a tree of folders ends with.
fn missing_paths(file: &File, repository: &[String]) -> Vec<String> {
    named_paths(file)
        .into_iter()
        .filter(|(_, named)| {
            let named = named.trim_end_matches('/');
            let within = format!("/{named}/");
            !repository
                .iter()
                .any(|path| format!("/{path}/").contains(&within))
        })
        .map(|(number, named)| format!("{}:{number} {named}", file.path))
        .collect()
}

#[test]
fn the_rules_bite() {
    let text = "[a](docs/a.md) [b](gone.md#x) [c](#here) [d](https://example.org)\n```\n[e](no.md)\n```\n\
                `src/main.rs` and `src/gone.rs`, `a / b`, `name`\n```\nproto/  the wire\n  nowhere/  lost\n```";
    let file = File::sample("docs/page.md", text);
    let broken = broken_links(&file, |path| path == Path::new("docs/docs/a.md"));
    assert_eq!(broken, ["docs/page.md:1 gone.md#x"]);

    let anchors = File::sample(
        "docs/page.md",
        "# It's so, `a` b\n[a](#its-so-a-b) [b](#its-not) [c](c.md#x) [d](d.md#gone)",
    );
    let broken = broken_anchors(&anchors, |path| {
        (path == Path::new("docs/c.md")).then(|| "## X".to_owned())
    });
    assert_eq!(broken, ["docs/page.md:2 #its-not"]);

    let repository = ["src/main.rs".to_owned(), "proto/a.proto".to_owned()];
    assert_eq!(
        missing_paths(&file, &repository),
        ["docs/page.md:5 src/gone.rs", "docs/page.md:8 nowhere/"]
    );
}

#[test]
fn links_between_documents_lead_somewhere() {
    let faults: Vec<String> = files("md")
        .iter()
        .flat_map(|file| broken_links(file, |path| root().join(path).exists()))
        .collect();
    holds("a link to a file leads to one", &faults);
}

#[test]
fn links_to_headings_find_them() {
    let text_of = |path: &Path| std::fs::read_to_string(root().join(path)).ok();
    let faults: Vec<String> = files("md")
        .iter()
        .flat_map(|file| broken_anchors(file, text_of))
        .collect();
    holds("a link to a heading leads to one", &faults);
}

#[test]
fn paths_in_the_architecture_exist() {
    let repository: Vec<String> = all().into_iter().map(|file| file.path).collect();
    let architecture: Vec<File> = files("md")
        .into_iter()
        .filter(|file| file.path == "ARCHITECTURE.md")
        .collect();
    assert!(!architecture.is_empty(), "ARCHITECTURE.md is missing");
    let faults = missing_paths(&architecture[0], &repository);
    holds("a path named in ARCHITECTURE.md exists", &faults);
}

#[test]
fn the_readme_names_the_command_that_ci_runs() {
    let command = "cargo xtask check";
    for name in ["README.md", "CONTRIBUTING.md", ".ci/run"] {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_default();
        let named = text.lines().any(|line| line.trim().starts_with(command));
        assert!(named, "{name} has no line `{command}`");
    }
}
