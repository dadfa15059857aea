//! `tercet bench`: the load generator, and the measurement of the system against its floor.
//!
//! Everything runs as processes of its own on this machine: the participants (which do nothing but answer), a **floor**
//! (the same work for the same calls on plain tonic, with no log), one coordinator for each log that is measured, and this
//! process, which makes the load. The subjects take turns in each round, so that a noisy machine disturbs them alike; what
//! counts are medians and ratios of one run, never a figure by itself.
//!
//! Must never: assert anything. A benchmark that can fail is a test that depends on the machine.
//!
//! Where next: `plan` for what is run in which order, `load` for the closed loop, `subject` for the processes, `floor` and
//! `echo` for the programs that only a measurement needs, `watch` for what looks on, `report` for what is printed; `isolation`
//! is a measurement of its own.

mod echo;
mod floor;
mod isolation;
mod load;
mod plan;
mod raw;
mod report;
mod subject;
mod watch;

use crate::{
    cli::{Bench, BenchPart},
    failure::Failure,
    output,
};

/// Measures, and prints the table or, with `is_json`, one document.
pub(crate) async fn run(command: Bench, is_json: bool) -> Result<(), Failure> {
    if command.isolation {
        let results = isolation::run(&command).await?;
        output::print(&if is_json {
            isolation::json(&results)
        } else {
            isolation::text(&results, output::style())
        });
        return Ok(());
    }
    let results = plan::run(&command).await?;
    output::print(&if is_json {
        report::json(&results)
    } else {
        report::text(&results, output::style())
    });
    Ok(())
}

/// One of the programs that a measurement starts. Runs until it is killed or its standard input ends.
pub(crate) async fn part(part: BenchPart) -> Result<(), Failure> {
    match part {
        BenchPart::Participants => echo::run().await,
        BenchPart::Receiver => echo::run_receiver().await,
        BenchPart::Floor { participants } => floor::run(&participants).await,
    }
}
