//! For `cargo xtask` and for people: `test-databases fetch` fetches, `test-databases serve` runs a server until its
//! standard input ends, and says its url on the first line of standard output. With `mysql` behind it, MySQL proper; with `galera`, what a cluster needs;
//! with `chromium`, the browser of `tests/browser`.
//!
//! Exit code 3 with one line on standard error: there is no server to be had on this machine.

use std::process::ExitCode;

use tercet_test_databases::fetch::{self, Kind};
use tercet_test_databases::{Error, Options, PrivateServer};
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["fetch"] => fetch::fetch(Kind::MariaDb).map(|_| ()),
        ["fetch", "mysql"] => fetch::fetch(Kind::MySql).map(|_| ()),
        ["fetch", "chromium"] => fetch::chromium().map(|_| ()),
        ["fetch", "galera"] => fetch::fetch(Kind::Galera).map(|_| ()),
        ["serve"] => serve(Kind::MariaDb).await,
        ["serve", "mysql"] => serve(Kind::MySql).await,
        _ => {
            eprintln!("usage: test-databases fetch [mysql | galera | chromium] | serve [mysql]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Missing(what)) => {
            eprintln!("{what}");
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(kind: Kind) -> Result<(), Error> {
    let options = Options {
        kind,
        ..Options::default()
    };
    let server = PrivateServer::start(options).await?;
    println!("{}", server.url());
    let mut input = tokio::io::stdin();
    while input.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    Ok(())
}
