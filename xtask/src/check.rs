//! Runs the stages one after the other and reports.

use std::{env, time::Instant};

use crate::{
    report::{Line, Report},
    run::{self, Outcome},
    stage::Stage,
};

/// Runs the stages, all of them even when one fails; true if none failed.
#[allow(
    clippy::disallowed_methods,
    reason = "the minutes are for people; there is no runtime whose clock could be used"
)]
pub(crate) fn check(stages: &[Stage]) -> bool {
    let ci = env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let mut report = Report::default();
    for &stage in stages {
        println!("\n== {} ==", stage.name());
        let started = Instant::now();
        let outcome =
            run::run(stage, ci).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let took = started.elapsed();
        println!(
            "== {}: {:.2} minutes ==",
            stage.name(),
            took.as_secs_f64() / 60.0
        );
        report.push(Line {
            stage,
            outcome,
            took,
        });
    }
    println!("\n{report}");
    report.passed()
}
