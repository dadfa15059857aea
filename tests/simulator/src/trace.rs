//! The trace of one seed, for a person to read: one line for each thing that happens, with its time.

use crate::queue::Micros;

/// Collects lines, if anybody wants them.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            lines: wanted.then(Vec::new),
        }
    }

    pub(crate) fn line(&mut self, now: Micros, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>12.3} ms  {}", millis(now), line()));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a trace shows microseconds of hours, not of centuries"
)]
fn millis(now: Micros) -> f64 {
    now as f64 / 1_000.0
}
