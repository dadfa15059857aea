//! Who may import whom, and what comes from outside.

use std::{collections::BTreeMap, fs, process::Command, sync::LazyLock};

use serde_json::Value;

use crate::repository::{holds, root};

/// What each member may use of the others. A new member has to find its place here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("tercet-proto", &[]),
    ("tercet-core", &[]),
    ("tercet-database", &[]),
    ("tercet-failpoints", &[]),
    ("tercet-service", &[]),
    ("tercet-checker", &[]),
    ("tercet-test-databases", &[]),
    ("tercet-test-proxy", &[]),
    ("xtask", &[]),
    (
        "tercet-simulator",
        &["tercet-checker", "tercet-core", "tercet-log"],
    ),
    (
        "tercet-log",
        &[
            "tercet-core",
            "tercet-database",
            "tercet-failpoints",
            "tercet-proto",
        ],
    ),
    (
        "tercet-coordinator",
        &[
            "tercet-core",
            "tercet-failpoints",
            "tercet-log",
            "tercet-proto",
            "tercet-service",
        ],
    ),
    ("tercet-client", &["tercet-proto"]),
    (
        "tercet-participant",
        &[
            "tercet-client",
            "tercet-database",
            "tercet-failpoints",
            "tercet-proto",
            "tercet-service",
        ],
    ),
    ("shop-order", PARTICIPANT),
    ("shop-payment", PARTICIPANT),
    ("shop-points", PARTICIPANT),
    ("shop-provider", PARTICIPANT),
    ("shop-stock", PARTICIPANT),
    ("tercet", EVERYTHING),
];

/// A participant knows the SDK, never the coordinator.
const PARTICIPANT: &[&str] = &[
    "tercet-client",
    "tercet-database",
    "tercet-participant",
    "tercet-proto",
    "tercet-service",
];

/// Only the root package sees the whole house.
const EVERYTHING: &[&str] = &[
    "shop-order",
    "shop-payment",
    "shop-points",
    "shop-provider",
    "shop-stock",
    "tercet-checker",
    "tercet-client",
    "tercet-coordinator",
    "tercet-core",
    "tercet-database",
    "tercet-failpoints",
    "tercet-log",
    "tercet-participant",
    "tercet-proto",
    "tercet-service",
    "tercet-simulator",
    "tercet-test-databases",
    "tercet-test-proxy",
];

/// What anybody's tests may use.
const FOR_TESTS: &[&str] = &[
    "shop-provider",
    "tercet-checker",
    "tercet-test-databases",
    "tercet-test-proxy",
];

/// Who may see sqlx. The root package only for the demo's sums, which `sql` holds.
const SEES_SQLX: &[&str] = &[
    "tercet-database",
    "tercet-log",
    "tercet-participant",
    "shop-order",
    "shop-payment",
    "shop-points",
    "shop-stock",
    "tercet-checker",
    "tercet-test-databases",
    "tercet",
];

/// A dependency as a member's manifest declares it.
struct Declared {
    member: String,
    uses: String,
    /// `dev`, `build`, or empty for the program itself.
    kind: String,
    features: Vec<String>,
}

static DECLARED: LazyLock<Vec<Declared>> = LazyLock::new(|| {
    let metadata = metadata(&["--no-deps"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .flat_map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            dependencies.iter().map(|dependency| Declared {
                member: text(&package["name"]),
                uses: text(&dependency["name"]),
                kind: text(&dependency["kind"]),
                features: dependency["features"]
                    .as_array()
                    .map(|features| features.iter().map(text).collect())
                    .unwrap_or_default(),
            })
        })
        .collect()
});

/// What cargo knows; nothing is fetched.
pub(crate) fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A member uses another one that it may not see.
fn crosses_a_wall(declared: &Declared) -> Option<String> {
    let Declared {
        member, uses, kind, ..
    } = declared;
    let is_ours = MAY_USE.iter().any(|(name, _)| name == uses);
    let may_use = MAY_USE.iter().find(|(name, _)| name == member);
    let allowed = match may_use {
        None => return Some(format!("{member} has no place among the walls yet")),
        Some((_, allowed)) if is_ours => allowed.contains(&uses.as_str()),
        // Its own business, but for databases.
        Some(_) => uses != "sqlx" || SEES_SQLX.contains(&member.as_str()),
    };
    // A crate also names itself to switch on what its own tests need.
    let tests = kind == "dev" && (FOR_TESTS.contains(&uses.as_str()) || uses == member);
    (!allowed && !tests).then(|| format!("{member} uses {uses} {kind}"))
}

#[test]
fn the_walls_bite() {
    let declared = |member: &str, uses: &str, kind: &str| {
        crosses_a_wall(&Declared {
            member: member.to_owned(),
            uses: uses.to_owned(),
            kind: kind.to_owned(),
            features: Vec::new(),
        })
    };
    for (member, uses) in [
        ("shop-order", "tercet-coordinator"),
        ("tercet-core", "tercet-proto"),
        ("tercet-coordinator", "sqlx"),
        ("tercet-client", "tercet-core"),
        ("newcomer", "bytes"),
    ] {
        assert!(declared(member, uses, "").is_some(), "{member} uses {uses}");
        assert!(
            declared(member, uses, "dev").is_some(),
            "{member} uses {uses}"
        );
    }
    assert!(declared("shop-order", "tercet-participant", "").is_none());
    assert!(declared("shop-order", "tercet-checker", "dev").is_none());
}

#[test]
fn who_may_import_whom() {
    let faults: Vec<String> = DECLARED.iter().filter_map(crosses_a_wall).collect();
    holds("the walls of ARCHITECTURE.md", &faults);
}

/// Named places where a process dies are in what tests run, never in what is shipped.
fn ships_failpoints(declared: &Declared) -> bool {
    let on = declared
        .features
        .iter()
        .any(|feature| feature == "failpoints");
    on && declared.kind != "dev"
}

#[test]
fn failpoints_are_for_tests_alone() {
    let sample = |kind: &str| Declared {
        member: "tercet".to_owned(),
        uses: "tercet-failpoints".to_owned(),
        kind: kind.to_owned(),
        features: vec!["failpoints".to_owned()],
    };
    assert!(ships_failpoints(&sample("")) && !ships_failpoints(&sample("dev")));
    let shipped = DECLARED
        .iter()
        .filter(|declared| ships_failpoints(declared));
    let faults: Vec<String> = shipped.map(|declared| declared.member.clone()).collect();
    holds(
        "failpoints are switched on by dev-dependencies alone",
        &faults,
    );
}

/// The packages of the `tercet` command with their features, one a line, as cargo resolves them.
fn graph(edges: &str) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--package",
            "tercet",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p} [{f}]", "--edges", edges])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_shipped_has_no_failpoint_in_it() {
    let has_failpoints = |graph: &str| {
        let lines = || {
            graph
                .lines()
                .filter(|line| line.starts_with("tercet-failpoints "))
        };
        assert!(lines().count() > 0, "{graph}");
        lines().any(|line| line.contains("[failpoints]")) || graph.contains("\nfail v")
    };
    assert!(has_failpoints(&graph("normal,build,dev")));
    assert!(!has_failpoints(&graph("normal,build")));
}

#[test]
fn the_core_depends_on_bytes_and_thiserror_alone() {
    let mut uses: Vec<&str> = DECLARED
        .iter()
        .filter(|declared| declared.member == "tercet-core" && declared.kind != "dev")
        .map(|declared| declared.uses.as_str())
        .collect();
    uses.sort_unstable();
    assert_eq!(uses, ["bytes", "thiserror"]);
}

#[test]
fn every_member_obeys_the_workspaces_lints() {
    let metadata = metadata(&["--no-deps"]);
    let faults: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["manifest_path"].as_str().unwrap().to_owned())
        .filter(|manifest| {
            let text = fs::read_to_string(manifest).unwrap();
            !text.contains("[lints]\nworkspace = true")
        })
        .collect();
    holds("a member has [lints] workspace = true", &faults);
}

/// The versions of each crate in `Cargo.lock`.
fn locked(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for package in text.split("[[package]]").skip(1) {
        let value = |key: &str| {
            package
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_suffix('"'))
                .unwrap()
        };
        versions
            .entry(value("name = \""))
            .or_default()
            .push(value("version = \""));
    }
    versions
}

/// What `[bans] deny` of `deny.toml` says about the locked versions.
fn banned(rules: &toml::Table, locked: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    let rules = rules["bans"]["deny"].as_array().unwrap();
    assert!(!rules.is_empty());
    rules
        .iter()
        .filter(|rule| rule.get("wrappers").is_none())
        .filter_map(|rule| {
            let name = rule["crate"].as_str().unwrap();
            let one_is_fine = rule.get("deny-multiple-versions").is_some();
            let versions = locked.get(name)?;
            let allowed = one_is_fine && versions.len() == 1;
            (!allowed).then(|| format!("{name} {}: {}", versions.join(", "), rule["reason"]))
        })
        .collect()
}

#[test]
fn bans_bite() {
    let rules: toml::Table = r#"
        [bans]
        deny = [
            { crate = "tonic", deny-multiple-versions = true, reason = "one" },
            { crate = "openssl", reason = "none" },
        ]"#
    .parse()
    .unwrap();
    let package =
        |name, version| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    let good = package("tonic", "0.14.9") + &package("bytes", "1.0.0");
    assert!(banned(&rules, &locked(&good)).is_empty());
    let bad = good + &package("tonic", "0.13.0") + &package("openssl", "0.10.0");
    assert_eq!(banned(&rules, &locked(&bad)).len(), 2);
}

#[test]
fn one_version_each_and_nothing_banned() {
    let rules: toml::Table = fs::read_to_string(root().join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    holds("the bans of deny.toml", &banned(&rules, &locked(&lock)));
}
