//! For `cargo xtask` and for people: `test-databases fetch` fetches, `test-databases serve` runs a server until its
//! standard input ends, and says its url on the first line of standard output.
//!
//! Exit code 3 with one line on standard error: there is no server to be had on this machine.

use std::process::ExitCode;

use tercet_test_databases::{Error, Options, PrivateServer, fetch};
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("fetch") => fetch::fetch().map(|_| ()),
        Some("serve") => serve().await,
        _ => {
            eprintln!("usage: test-databases fetch | serve");
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

async fn serve() -> Result<(), Error> {
    let server = PrivateServer::start(Options::default()).await?;
    println!("{}", server.url());
    let mut input = tokio::io::stdin();
    while input.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    Ok(())
}
