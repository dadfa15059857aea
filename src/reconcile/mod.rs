//! `tercet reconcile`: whether the coordinator's log, every participant's fence, the shop's sums and the provider's
//! statement tell one story.
//!
//! Both sides of every comparison are paged in their own order, and each page is looked up on the other side in one call, so
//! the calls are a few for every page, and memory is bounded by a page, whatever the tables hold. What is under way looks like a disagreement for a moment: one counts only when it is
//! still there after a while, with the log unchanged.
//!
//! Must never: decide anything. What `--repair` does by itself is what the coordinator has decided, or what the provider
//! has booked; everything else is asked, and what is asked is recorded like any other act of an operator.
//!
//! Where next: `compare` for what agrees with what, `fences` for log and fences, `look_ups` for how pages are looked up, `sums` and `statement` for the shop,
//! `repair` for what mends.

mod compare;
mod fences;
mod finding;
mod look_ups;
mod repair;
mod report;
mod sides;
mod statement;
mod sums;

use std::time::Duration;

use indicatif::ProgressBar;
use tercet_client::Client;
use tercet_service::ConfigDuration;

use crate::{cli, clock, failure::Failure, output};
use finding::Findings;
use report::Report;
use sides::Side;

/// Rows a page, on every side.
const PAGE: i32 = 500;
/// Single look-ups under way at once.
const LOOK_UPS: usize = 16;

/// Compares, mends where that is wanted, and prints what was found.
pub(crate) async fn run(
    client: Client,
    command: cli::Reconcile,
    is_json: bool,
) -> Result<(), Failure> {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = compared(&client, &command, &bar).await?;
    bar.finish_and_clear();
    let (mut report, sides) = report;
    if command.repair {
        let repair = repair::Repair::new(&client, &sides, command.yes);
        repair.all(&mut report.findings).await;
    }
    output::print(&if is_json {
        report.json()
    } else {
        report.text(output::style())
    });
    if report.agrees() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// A line for everything that doesn't agree, or couldn't be compared.
pub(crate) async fn disagreements(client: Client) -> Result<Vec<String>, Failure> {
    let command = cli::Reconcile {
        repair: false,
        yes: false,
        participant: Vec::new(),
        settle: ConfigDuration::from_secs(2),
        days: 1,
    };
    let (report, _) = compared(&client, &command, &ProgressBar::hidden()).await?;
    Ok(report.lines())
}

/// Everything but the mending.
async fn compared(
    client: &Client,
    command: &cli::Reconcile,
    bar: &ProgressBar,
) -> Result<(Report, Vec<Side>), Failure> {
    let sides = sides::all(client, &command.participant).await?;
    let mut findings = Findings::default();
    let mut report = Report::default();
    let settle = command.settle.get();
    bar.set_message("the log and the fences");
    let fences = fences::Comparison::new(client, &sides, settle, clock::now());
    fences.run(&mut findings, &mut report, bar).await?;
    bar.set_message("the sums");
    sums::run(&sides, &mut findings, &mut report).await?;
    bar.set_message("the provider's statement");
    let days = statement::Days::until(clock::now(), command.days)?;
    statement::run(&sides, &days, settle, &mut findings, &mut report).await?;
    report.findings = findings;
    Ok((report, sides))
}
