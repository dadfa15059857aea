//! `checker FOLDER`: checks `coordinator.db`, `order.db`, `points.db` and `stock.db` of a folder and prints what it
//! found, a line each. Ends with 0 when every rule holds, 1 when one doesn't, 2 when the files can't be read.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tercet_checker::{Expected, check_folder};

const USAGE: &str = "usage: checker FOLDER [--open] [--seeded SKU=PIECES]...
  --open                transactions may still be under way
  --seeded SKU=PIECES   what a SKU was opened with, to check the sum of its stock";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (folder, expected) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match check_folder(&folder, &expected).await {
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

fn arguments(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<(PathBuf, Expected)> {
    let mut folder = None;
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
            _ if argument.starts_with('-') => bail!("unknown argument {argument}"),
            _ if folder.is_none() => folder = Some(PathBuf::from(argument)),
            _ => bail!("only one folder"),
        }
    }
    Ok((folder.context("which folder?")?, expected))
}
