//! What looks at a coordinator while it works: a scrape of its figures every second.
//!
//! A Prometheus asks every 15 seconds as a rule; this asks more often, so that a short turn has its share.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use crate::failure::Failure;

const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// More than any page that is asked for here.
const PAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Looks until it is dropped.
#[derive(Debug)]
pub(super) struct Watch(JoinHandle<Result<(), Failure>>);

impl Watch {
    /// Looks at the coordinator whose HTTP side is at this address.
    pub(super) fn start(address: &str) -> Self {
        let address = address.to_owned();
        Self(tokio::spawn(async move {
            let mut turns = tokio::time::interval(SCRAPE_EVERY);
            loop {
                turns.tick().await;
                get(&address, "/metrics").await?;
            }
        }))
    }

    /// Stops; the error is that it couldn't look.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.0.abort();
        match (&mut self.0).await {
            Ok(looked) => looked,
            Err(_stopped) => Ok(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks for a page and reads it to its end.
async fn get(address: &str, path: &str) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(Failure::failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(Failure::failed)?;
    let mut page = String::new();
    let mut answer = stream.take(PAGE_BYTES_MAX);
    let read = answer.read_to_string(&mut page).await;
    read.map_err(Failure::failed)?;
    if page.starts_with("HTTP/1.1 200") {
        Ok(())
    } else {
        let line = page.lines().next().unwrap_or_default();
        Err(Failure::failed(format!("{path}: {line}")))
    }
}
