//! Nothing in the repository depends on, or tells about, the machine it was written on.

use crate::repository::{File, all, holds};

/// In two halves, so that this file has none of them.
const TRACES: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("art", "ifactory"),
    ("jf", "rog"),
    ("registry.np", "mjs"),
    ("index.cra", "tes.io"),
    ("static.cra", "tes.io"),
    ("pypi.o", "rg"),
];

fn faults(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (front, back) in TRACES {
            let trace = format!("{front}{back}");
            for (at, _) in line.match_indices(&trace) {
                // `docs/work/` is a folder of ours, not a machine's.
                let inside = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.');
                if !(trace.starts_with('/') && inside) {
                    faults.push(format!("{}:{} {trace}", file.path, number + 1));
                }
            }
        }
    }
    faults
}

#[test]
fn the_rule_bites() {
    for (front, back) in TRACES {
        let text = format!("first\nsee \"{front}{back}x\"");
        let found = faults(&File::sample("a.md", &text));
        assert_eq!(found, [format!("a.md:2 {front}{back}")]);
    }
    let folder = format!("docs{}{}", "/wo", "rk/x.md");
    assert!(faults(&File::sample("a.md", &folder)).is_empty());
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let faults: Vec<String> = all().iter().flat_map(faults).collect();
    holds("no machine's path and no registry's host", &faults);
}
