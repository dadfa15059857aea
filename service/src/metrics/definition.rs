//! What a figure is: its name, kind, meaning and labels, as a constant.

/// A figure, as it is documented and as it is made.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// `tercet_…`, in base units, with the suffix that its kind and unit have by convention.
    pub name: &'static str,
    /// What it says, one sentence.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// What it is told apart by.
    pub labels: &'static [Label],
}

impl Definition {
    /// A counter: only ever goes up, 0 at the start of the process.
    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self {
            name,
            help,
            kind: Kind::Counter,
            labels,
        }
    }

    /// A gauge: what is so now.
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self {
            name,
            help,
            kind: Kind::Gauge,
            labels,
        }
    }

    /// A histogram with these upper bounds.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        buckets: &'static [f64],
        labels: &'static [Label],
    ) -> Self {
        Self {
            name,
            help,
            kind: Kind::Histogram(buckets),
            labels,
        }
    }

    pub(super) fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }
}

/// The kinds of figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only ever goes up.
    Counter,
    /// What is so now.
    Gauge,
    /// How often within each of these upper bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its name, as Prometheus writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A label and where its values come from.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values, or what they are.
    pub values: &'static str,
}

/// Upper bounds of durations in seconds: from a call on the same machine to one that is given up.
pub const SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0,
];

/// Upper bounds of how many of something went together.
pub const SIZES: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];
