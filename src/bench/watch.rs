//! What looks at a coordinator while it works: a scrape of its figures every second, and a console with its overview open.
//!
//! A Prometheus asks every 15 seconds as a rule; this asks more often, so that a short turn has its share.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    task::JoinHandle,
};

use crate::failure::Failure;

const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// What keeps an open overview current.
const OVERVIEW: &str = "/live/overview";
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
            tokio::try_join!(scrape(&address), follow(&address))?;
            Ok(())
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

async fn scrape(address: &str) -> Result<(), Failure> {
    let mut turns = tokio::time::interval(SCRAPE_EVERY);
    loop {
        turns.tick().await;
        let page = answer(address, "/metrics").await?;
        let mut page = page.take(PAGE_BYTES_MAX);
        tokio::io::copy(&mut page, &mut tokio::io::sink())
            .await
            .map_err(Failure::failed)?;
    }
}

/// Reads what an open overview is sent. Ends when the coordinator ends it, which is after half an hour.
async fn follow(address: &str) -> Result<(), Failure> {
    let mut page = answer(address, OVERVIEW).await?;
    let read = tokio::io::copy(&mut page, &mut tokio::io::sink()).await;
    read.map(|_| ()).map_err(Failure::failed)
}

/// Asks for a page; what follows after the first line of the answer, which must be that all is well.
async fn answer(address: &str, path: &str) -> Result<BufReader<TcpStream>, Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(Failure::failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(Failure::failed)?;
    let mut page = BufReader::new(stream);
    let mut line = String::new();
    let read = page.read_line(&mut line).await;
    read.map_err(Failure::failed)?;
    if line.starts_with("HTTP/1.1 200") {
        Ok(page)
    } else {
        Err(Failure::failed(format!("{path}: {}", line.trim())))
    }
}
