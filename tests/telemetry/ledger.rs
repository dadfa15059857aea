//! Figures beside what was counted without them, and which families have been looked at.

use std::collections::BTreeSet;

use tercet_service::metrics::Definition;

use crate::scrape::Scrape;

/// A family that no database can count, and why. Where it is held against something else, that is said too.
pub(crate) type Uncountable = (&'static str, &'static str);

/// Every server's own figures are about the process.
pub(crate) const OF_SERVERS: [Uncountable; 3] = [
    ("tercet_build_info", "says what is running"),
    ("tercet_ready", "is the process's own state"),
    ("tercet_start_time_seconds", "is the process's own time"),
];

/// Which families were held against something.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeSet<String>);

impl Ledger {
    /// The sum of the series `family{suffix}` with all of these labels is what was counted.
    pub(crate) fn agrees(
        &mut self,
        scrape: &Scrape,
        (family, suffix): (&str, &str),
        labels: &[(&str, &str)],
        counted: i64,
    ) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let told = scrape.sum(&format!("{family}{suffix}"), &labels);
        assert_eq!(told, counted, "{family}{suffix} {labels:?}: told, counted");
        self.0.insert(family.to_owned());
    }

    /// A figure without labels is between these.
    pub(crate) fn is_between(&mut self, scrape: &Scrape, family: &str, least: f64, most: f64) {
        let told = scrape.value(family);
        assert!(
            (least..=most).contains(&told),
            "{family}: {told}, not from {least} to {most}"
        );
        self.0.insert(family.to_owned());
    }

    /// Every family was looked at or is in the list of those that can't be, and none is in both: a new one has to go somewhere.
    pub(crate) fn covers(&self, definitions: &[&[&Definition]], uncountable: &[Uncountable]) {
        let known: BTreeSet<&str> = definitions
            .concat()
            .iter()
            .map(|definition| definition.name)
            .collect();
        let excused: BTreeSet<&str> = uncountable.iter().map(|(name, _)| *name).collect();
        for name in &known {
            assert!(
                self.0.contains(*name) || excused.contains(name),
                "{name} is neither held against a database nor in the list of what can't be"
            );
        }
        for name in excused {
            assert!(known.contains(name), "there is no figure {name}");
            assert!(!self.0.contains(name), "{name} can be counted");
        }
    }
}

#[test]
#[should_panic(expected = "tercet_new_total is neither")]
fn a_new_family_has_to_go_somewhere() {
    const NEW: Definition = Definition::counter("tercet_new_total", "New.", &[]);
    Ledger::default().covers(&[&[&NEW]], &[]);
}
