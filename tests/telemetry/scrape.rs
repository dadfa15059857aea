//! Fetches `/metrics` and reads it.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::patiently;

/// What a server answered: its lines by series, `name{label="value"}`.
pub(crate) struct Scrape {
    pub(crate) text: String,
    series: BTreeMap<String, f64>,
}

/// Fetches a page of an HTTP side; the body.
pub(crate) async fn get(address: &str, path: &str) -> (String, String) {
    let fetch = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = patiently(path, fetch).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

impl Scrape {
    /// Fetches `/metrics`.
    pub(crate) async fn of(address: &str) -> Self {
        let (head, text) = get(address, "/metrics").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(
            head.to_lowercase()
                .contains("content-type: text/plain; version=0.0.4"),
            "{head}"
        );
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect();
        Self { text, series }
    }

    /// The value of a series, which must be there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        *self
            .series
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The same for what counts things.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "counts are whole and small"
    )]
    pub(crate) fn count(&self, series: &str) -> i64 {
        let value = self.value(series);
        assert!(value.fract().abs() < f64::EPSILON, "{series} {value}");
        value as i64
    }

    /// The sum of all series of that name whose labels contain all of these.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "counts are whole and small"
    )]
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> i64 {
        let is_it = |series: &str| {
            series.split('{').next() == Some(name)
                && labels.iter().all(|label| series.contains(label))
        };
        let found = self.series.iter().filter(|(series, _)| is_it(series));
        found.map(|(_, value)| *value as i64).sum()
    }
}
