//! Every element of the wire contract is commented: units, limits, errors. buf checks it too, where there is one.

use crate::repository::{File, files, holds};

/// The element that a line of a `.proto` file begins, if any.
fn element(line: &str) -> Option<&str> {
    let first = line.split_whitespace().next()?;
    match first {
        "message" | "enum" | "service" | "rpc" | "oneof" => Some(line),
        "syntax" | "package" | "import" | "option" | "reserved" | "extensions" => None,
        _ => {
            let (_, number) = line.split_once(" = ")?;
            number
                .starts_with(|c: char| c.is_ascii_digit())
                .then_some(line)
        }
    }
}

fn faults(file: &File) -> Vec<String> {
    let mut before = "";
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(element) = element(line)
            && !before.starts_with("// ")
        {
            faults.push(format!("{}:{} {element}", file.path, number + 1));
        }
        before = line;
    }
    faults
}

#[test]
fn the_rule_bites() {
    let bare = "message A {\n  string b = 1;\n  oneof c {\n    int32 d = 2;\n  }\n}\n\
                enum E {\n  E_UNSPECIFIED = 0;\n}\nservice S {\n  rpc F(A) returns (A);\n}";
    assert_eq!(faults(&File::sample("a.proto", bare)).len(), 8);
    let said = "syntax = \"proto3\";\n// A.\nmessage A {\n  // B, in pieces.\n  string b = 1;\n}";
    assert!(faults(&File::sample("a.proto", said)).is_empty());
}

#[test]
fn every_element_of_a_proto_is_commented() {
    let faults: Vec<String> = files("proto").iter().flat_map(faults).collect();
    holds("a message, field, value and rpc is commented", &faults);
}
