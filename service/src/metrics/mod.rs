//! Figures for Prometheus: one registry a server, served at `/metrics` of its HTTP side.
//!
//! Not a global: several servers run in one process, in tests and in `tercet dev`, and each has figures of its own.
//! A figure is made from a [`Definition`], a constant that also is what `docs/metrics.md` is written from.
//!
//! Must never: take a label's value from a request. A value is a constant of the code or a name of the configuration,
//! so that the number of series is known when the server starts.

mod definition;
mod server;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};

pub use definition::{Definition, Kind, Label, SECONDS, SIZES};
pub use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec,
};
pub use server::DEFINITIONS;
pub(crate) use server::route;

/// What [`Metrics::render`] gives is of this type.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Sets gauges to what they are now; called before each [`Metrics::render`].
pub type Refresh = Arc<dyn Fn() + Send + Sync>;

/// The registry of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// No figures yet.
    pub fn new() -> Self {
        Self {
            registry: Registry::new(),
        }
    }

    /// Counters by the labels of their definition.
    pub fn counters(&self, definition: &'static Definition) -> IntCounterVec {
        let made = IntCounterVec::new(options(definition), &definition.label_names());
        self.adopt(made)
    }

    /// A counter without labels.
    pub fn counter(&self, definition: &'static Definition) -> IntCounter {
        self.counters(definition).with_label_values::<&str>(&[])
    }

    /// Gauges by the labels of their definition.
    pub fn gauges(&self, definition: &'static Definition) -> GaugeVec {
        let made = GaugeVec::new(options(definition), &definition.label_names());
        self.adopt(made)
    }

    /// A gauge without labels.
    pub fn gauge(&self, definition: &'static Definition) -> Gauge {
        self.gauges(definition).with_label_values::<&str>(&[])
    }

    /// Histograms by the labels of their definition.
    pub fn histograms(&self, definition: &'static Definition) -> HistogramVec {
        let buckets = match definition.kind {
            Kind::Histogram(buckets) => buckets.to_vec(),
            Kind::Counter | Kind::Gauge => Vec::new(),
        };
        let options = HistogramOpts::from(options(definition)).buckets(buckets);
        let made = HistogramVec::new(options, &definition.label_names());
        self.adopt(made)
    }

    /// A histogram without labels.
    pub fn histogram(&self, definition: &'static Definition) -> Histogram {
        self.histograms(definition).with_label_values::<&str>(&[])
    }

    /// All figures as Prometheus reads them.
    pub fn render(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_else(|error| format!("# {error}\n"))
    }

    #[expect(
        clippy::expect_used,
        reason = "definitions are constants and each is used once a server; every server's start in the tests makes all of them"
    )]
    fn adopt<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("a definition is well-formed");
        self.registry
            .register(Box::new(made.clone()))
            .expect("a definition is used once");
        made
    }
}

fn options(definition: &Definition) -> Opts {
    Opts::new(definition.name, definition.help)
}
