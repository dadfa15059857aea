//! Runs seeds of the simulator from the command line.
//!
//! `simulate --seeds 1000000` hunts, `simulate --seed 7 --trace` replays one, `simulate --bugs` plants every bug and
//! prints within how many seeds it is found. Exits with 1 when something is violated, or a bug isn't found.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use tercet_simulator::{
    Bug, Outcome, Settings, Shape, Stats, find_bug, hunt, property_names, simulate,
};

/// The simulator: the production core in a world that breaks everything, decided by one seed.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this one seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Print the trace of the seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// The kind of world: one, many (coordinators on one log) or restored (a log from an older copy).
    #[arg(long, value_parser = parse_shape, default_value = "one")]
    shape: Shape,
    /// Plant this bug, in its kind of world.
    #[arg(long, value_parser = parse_bug)]
    bug: Option<Bug>,
    /// Plant every bug in turn, and print the table.
    #[arg(long)]
    bugs: bool,
    /// Print the names of the properties.
    #[arg(long)]
    properties: bool,
    /// Threads to use.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn parse_shape(name: &str) -> Result<Shape, String> {
    Shape::parse(name).ok_or_else(|| "no such kind of world".to_owned())
}

impl Arguments {
    fn settings(&self) -> Settings {
        Settings {
            shape: self.bug.map_or(self.shape, Bug::shape),
            bug: self.bug,
            trace: self.trace,
        }
    }
}

fn parse_bug(name: &str) -> Result<Bug, String> {
    Bug::parse(name).ok_or_else(|| {
        let names: Vec<String> = Bug::ALL.iter().map(|bug| format!("{bug:?}")).collect();
        format!("no such bug; there are {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    // A panic inside the core is a violation like any other, and is reported as one.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse();
    let fine = if arguments.properties {
        for name in property_names() {
            println!("{name}");
        }
        true
    } else if arguments.bugs {
        plant_all(arguments.threads)
    } else if let Some(seed) = arguments.seed {
        replay(seed, &arguments)
    } else {
        run(&arguments)
    };
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(arguments: &Arguments) -> bool {
    let bar = ProgressBar::new(arguments.seeds);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds  {per_sec}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let settings = arguments.settings();
    let result = hunt(seeds, settings, arguments.threads, || bar.inc(1));
    let took = bar.elapsed();
    bar.finish_and_clear();
    println!("{} seeds in {:.1} s", result.seeds, took.as_secs_f64());
    print_stats(&result.stats);
    match result.found {
        None => {
            println!("no violation of {} properties", property_names().len());
            true
        }
        Some(outcome) => {
            report(&outcome, arguments);
            false
        }
    }
}

fn replay(seed: u64, arguments: &Arguments) -> bool {
    let outcome = simulate(seed, arguments.settings());
    outcome.trace.iter().for_each(|line| println!("{line}"));
    print_stats(&outcome.stats);
    if outcome.violation.is_some() {
        report(&outcome, arguments);
        return false;
    }
    println!("seed {seed}: no violation");
    true
}

fn report(outcome: &Outcome, arguments: &Arguments) {
    let Some(violation) = &outcome.violation else {
        return;
    };
    println!("seed {} violates \"{}\"", outcome.seed, violation.property);
    println!("  {violation}");
    println!("replay it:");
    let planted = match (arguments.bug, arguments.shape) {
        (Some(bug), _) => format!(" --bug {bug:?}"),
        (None, Shape::One) => String::new(),
        (None, shape) => format!(" --shape {}", shape.name()),
    };
    println!(
        "  cargo xtask simulate --seed {} --trace{planted}",
        outcome.seed
    );
    if arguments.bug.is_none() {
        println!(
            "and keep it: add the line `{} {}` to tests/simulator/regressions.txt",
            outcome.seed,
            arguments.shape.name()
        );
    }
}

fn print_stats(stats: &Stats) {
    println!("{stats}");
}

fn plant_all(threads: usize) -> bool {
    println!(
        "| planted bug | what is wrong | found at seed | must be found within | by the property |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let mut all = true;
    for bug in Bug::ALL.iter().copied() {
        let found = find_bug(bug, threads);
        all &= found.is_some();
        let violation = found.as_ref().and_then(|found| found.violation.as_ref());
        let seed = found
            .as_ref()
            .map_or_else(|| "**never**".to_owned(), |found| found.seed.to_string());
        let property = violation.map_or("", |violation| violation.property);
        println!(
            "| {bug:?} | {} | {seed} | {} | {property} |",
            bug.what(),
            bug.found_within()
        );
    }
    all
}
