//! `checker FOLDER`: checks `coordinator.db`, `order.db`, `points.db` and `stock.db` of a folder and prints what it
//! found, a line each; `--coordinator URL` and so on name databases elsewhere. Ends with 0 when every rule holds, 1 when one
//! doesn't, 2 when they can't be read.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tercet_checker::{Expected, Places, Service, check_places};

const USAGE: &str = "usage: checker FOLDER [--open] [--seeded SKU=PIECES]... [--SERVICE URL]...
  --open                transactions may still be under way
  --seeded SKU=PIECES   what a SKU was opened with, to check the sum of its stock
  --coordinator, --order, --points, --stock mysql://USER@HOST:PORT/DATABASE or sqlite:FILE
                        where that database is, if not in FOLDER; with all four, FOLDER may be left out";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (places, expected) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match check_places(&places, &expected).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(!report.is_clean()))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<(Places, Expected)> {
    let mut folder: Option<PathBuf> = None;
    let mut elsewhere = Vec::new();
    let mut expected = Expected::settled();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--open" => expected.settled = false,
            "--seeded" => {
                let value = arguments.next().context("--seeded needs SKU=PIECES")?;
                let (sku, pieces) = value.split_once('=').context("--seeded needs SKU=PIECES")?;
                let pieces = pieces.parse().context("PIECES must be a number")?;
                expected = expected.seeded(sku, pieces);
            }
            _ if argument.starts_with('-') => {
                let named = |service: &Service| argument.strip_prefix("--") == Some(service.name());
                let Some(service) = Service::ALL.into_iter().find(named) else {
                    bail!("unknown argument {argument}");
                };
                let url = arguments.next().context("which database?")?;
                let place = url.parse().context("a URL is mysql:// or sqlite:")?;
                elsewhere.push((service, place));
            }
            _ if folder.is_none() => folder = Some(PathBuf::from(argument)),
            _ => bail!("only one folder"),
        }
    }
    if folder.is_none() && elsewhere.len() < Service::ALL.len() {
        bail!("which folder?");
    }
    let mut places = Places::in_folder(&folder.unwrap_or_default());
    for (service, place) in elsewhere {
        places = places.with(service, place);
    }
    Ok((places, expected))
}
