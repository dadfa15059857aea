//! Things that must hold, each on a line of its own.

use serde_json::{Value, json};

use super::style::Style;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    what: String,
    found: i64,
    expected: i64,
}

impl Check {
    /// `what` must be `expected`, and is `found`.
    pub(crate) fn new(what: impl Into<String>, found: i64, expected: i64) -> Self {
        Self {
            what: what.into(),
            found,
            expected,
        }
    }

    /// Whether it does.
    pub(crate) fn holds(&self) -> bool {
        self.found == self.expected
    }

    /// For people.
    pub(crate) fn line(&self, style: Style) -> String {
        let Self {
            what,
            found,
            expected,
        } = self;
        if self.holds() {
            format!("  {} {what} = {found}", style.good("✓"))
        } else {
            format!("  {} {what} = {found}, expected {expected}", style.bad("✗"))
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "what": self.what,
            "found": self.found,
            "expected": self.expected,
            "holds": self.holds(),
        })
    }
}
