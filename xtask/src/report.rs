//! The closing table: what passed, and how many minutes it took.

use std::{fmt, time::Duration};

use crate::{run::Outcome, stage::Stage};

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    /// The stage.
    pub(crate) stage: Stage,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it ran.
    pub(crate) took: Duration,
}

/// All stages that were run, in order.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    /// Adds a stage.
    pub(crate) fn push(&mut self, line: Line) {
        self.0.push(line);
    }

    /// Whether no stage failed.
    pub(crate) fn passed(&self) -> bool {
        !self
            .0
            .iter()
            .any(|line| matches!(line.outcome, Outcome::Failed(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8} {:<8} {:>7}", "stage", "result", "minutes")?;
        for line in &self.0 {
            let (result, remark) = match &line.outcome {
                Outcome::Passed(remark) => ("passed", remark.as_deref().unwrap_or_default()),
                Outcome::Failed(what) => ("FAILED", what.as_str()),
                Outcome::Skipped(missing) => ("SKIPPED", missing.as_str()),
            };
            let row = format!(
                "{:<8} {result:<8} {:>7.2}  {remark}",
                line.stage.name(),
                minutes(line.took)
            );
            writeln!(f, "{}", row.trim_end())?;
        }
        let total: Duration = self.0.iter().map(|line| line.took).sum();
        let result = if self.passed() { "passed" } else { "FAILED" };
        write!(f, "{:<8} {result:<8} {:>7.2}", "total", minutes(total))
    }
}

fn minutes(took: Duration) -> f64 {
    took.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_result_minutes_and_remark_of_each_stage() {
        let mut report = Report::default();
        for (stage, outcome, seconds) in [
            (Stage::Fmt, Outcome::Passed(None), 3),
            (Stage::Protos, Outcome::Skipped("node is missing".into()), 0),
            (Stage::Test, Outcome::Passed(Some("9 passed".into())), 90),
        ] {
            report.push(Line {
                stage,
                outcome,
                took: Duration::from_secs(seconds),
            });
        }
        assert_eq!(
            report.to_string(),
            "stage    result   minutes\n\
             fmt      passed      0.05\n\
             protos   SKIPPED     0.00  node is missing\n\
             test     passed      1.50  9 passed\n\
             total    passed      1.55"
        );
        assert!(report.passed(), "a skipped stage has not failed");
    }

    #[test]
    fn one_failed_stage_fails_the_whole() {
        let mut report = Report::default();
        report.push(Line {
            stage: Stage::Doc,
            outcome: Outcome::Failed("see above".into()),
            took: Duration::ZERO,
        });
        assert!(!report.passed());
        assert!(report.to_string().ends_with("total    FAILED      0.00"));
    }
}
