//! Every source file tells one story and says at its top which.

use crate::repository::{File, files, holds};

/// Most files are under 400; this is where it stops.
const LINES_MAX: usize = 499;

fn length(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        vec![format!("{} has {lines} lines", file.path)]
    } else {
        Vec::new()
    }
}

fn opening(file: &File) -> Vec<String> {
    let opens = file.text.starts_with("//! ");
    let said = file.text.lines().next().map_or(0, str::len);
    if opens && said > "//! A word".len() {
        Vec::new()
    } else {
        vec![file.path.clone()]
    }
}

#[test]
fn the_rules_bite() {
    let long = "x\n".repeat(LINES_MAX + 1);
    assert_eq!(length(&File::sample("a.rs", &long)).len(), 1);
    assert!(length(&File::sample("a.rs", &long[2..])).is_empty());

    for text in [
        "",
        "use std::fs;\n//! Late.",
        "/// Of the first item.\nfn f() {}",
        "//!\n",
    ] {
        assert_eq!(opening(&File::sample("a.rs", text)).len(), 1, "{text:?}");
    }
    assert!(opening(&File::sample("a.rs", "//! What it is for.\n")).is_empty());
}

#[test]
fn no_file_is_a_god() {
    let faults: Vec<String> = ["rs", "proto", "sql"]
        .into_iter()
        .flat_map(files)
        .flat_map(|file| length(&file))
        .collect();
    holds("a source file has fewer than 500 lines", &faults);
}

#[test]
fn every_module_says_what_it_is_for() {
    let faults: Vec<String> = files("rs").iter().flat_map(opening).collect();
    holds("a module begins with //! and what it is for", &faults);
}
