//! Posts small JSON documents to one URL, signed, in the background.
//!
//! [`Webhook::post`] never waits: a document goes into a bounded queue, or is dropped and counted. One task takes them
//! out in order and posts each until the receiver says 2xx, at most [`ATTEMPTS_MAX`] times with a growing pause. What is left
//! when a server stops is waited for by [`Webhook::flush`], within a bound.
//!
//! A receiver checks `tercet-signature`: `v1=` and the hexadecimal HMAC-SHA256, by the shared secret, of the header
//! `tercet-timestamp` (seconds since 1970 UTC), a dot, and the body. A repeated document has the same `tercet-delivery`.
//!
//! Must never: hold up whoever posts; show the URL or the secret, either of which may open a door.

mod sign;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::sync::{mpsc, watch};

use crate::clock::since_epoch;
use crate::metrics::{Definition, Gauge, IntCounterVec, Label, Metrics};
pub use sign::{Secret, SecretError, signature};

/// Documents that wait; further ones are dropped.
pub const QUEUE_MAX: usize = 256;
/// How often a document is posted before it is given up.
pub const ATTEMPTS_MAX: u32 = 8;
/// How long one attempt may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

const POSTS: Definition = Definition::counter(
    "tercet_webhook_posts_total",
    "What became of documents and attempts. Only where a webhook is configured.",
    &[Label {
        name: "result",
        values: "`delivered`, `failed` (an attempt), `given_up`, `dropped` (the queue was full)",
    }],
);
const QUEUED: Definition = Definition::gauge(
    "tercet_webhook_queue_depth",
    "Documents that wait to be posted, the one under way not counted. Only where a webhook is configured.",
    &[],
);

/// The figures of a webhook.
pub const DEFINITIONS: &[&Definition] = &[&POSTS, &QUEUED];

/// Where documents go in. Cheap to clone; the task ends with the last clone.
#[derive(Clone, Debug)]
pub struct Webhook {
    sender: mpsc::Sender<Bytes>,
    /// Documents that are neither delivered nor given up.
    open: watch::Sender<usize>,
    posts: IntCounterVec,
    queued: Gauge,
}

/// The task's side.
struct Poster {
    to: Uri,
    secret: Secret,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    posts: IntCounterVec,
}

impl Webhook {
    /// Starts the task. Needs a Tokio runtime.
    pub fn start(to: Uri, secret: Secret, metrics: &Metrics) -> Self {
        let (sender, mut receiver) = mpsc::channel(QUEUE_MAX);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let posts = metrics.counters(&POSTS);
        for result in ["delivered", "failed", "given_up", "dropped"] {
            posts.with_label_values(&[result]);
        }
        let queued = metrics.gauge(&QUEUED);
        let poster = Poster {
            to,
            secret,
            client: Client::builder(TokioExecutor::new()).build(connector),
            posts: posts.clone(),
        };
        let depth = queued.clone();
        let open = watch::Sender::new(0);
        let settled = open.clone();
        tokio::spawn(async move {
            let mut number = 0_u64;
            while let Some(body) = receiver.recv().await {
                depth.dec();
                number += 1;
                let delivery = format!("{}-{number}", since_epoch().as_micros());
                poster.deliver(&body, &delivery).await;
                settled.send_modify(|open| *open -= 1);
            }
        });
        Self {
            sender,
            open,
            posts,
            queued,
        }
    }

    /// Waits until every document is delivered or given up, at most `limit`. Says whether that was so.
    pub async fn flush(&self, limit: Duration) -> bool {
        let mut open = self.open.subscribe();
        let settled = tokio::time::timeout(limit, open.wait_for(|open| *open == 0)).await;
        let left = *self.open.borrow();
        if settled.is_err() {
            tracing::warn!(left, "alerts didn't reach the webhook before the stop");
        }
        settled.is_ok()
    }

    /// Has a document posted, if there is room.
    pub fn post(&self, body: impl Into<Bytes>) {
        self.queued.inc();
        self.open.send_modify(|open| *open += 1);
        if self.sender.try_send(body.into()).is_err() {
            self.open.send_modify(|open| *open -= 1);
            self.queued.dec();
            self.posts.with_label_values(&["dropped"]).inc();
            tracing::warn!("the webhook's queue is full, a document is dropped");
        }
    }
}

impl Poster {
    async fn deliver(&self, body: &Bytes, delivery: &str) {
        let mut pause = PAUSE_MIN;
        for attempt in 1..=ATTEMPTS_MAX {
            let posted = tokio::time::timeout(ATTEMPT_LIMIT, self.attempt(body, delivery)).await;
            let why = match posted {
                Ok(Ok(())) => {
                    self.posts.with_label_values(&["delivered"]).inc();
                    return;
                }
                Ok(Err(why)) => why,
                Err(_) => "no answer in time".to_owned(),
            };
            self.posts.with_label_values(&["failed"]).inc();
            tracing::debug!(attempt, why, "the webhook didn't take a document");
            if attempt < ATTEMPTS_MAX {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            } else {
                self.posts.with_label_values(&["given_up"]).inc();
                tracing::warn!(attempt, why, "a document for the webhook is given up");
            }
        }
    }

    async fn attempt(&self, body: &Bytes, delivery: &str) -> Result<(), String> {
        let timestamp = since_epoch().as_secs().to_string();
        let signature = signature(&self.secret, &timestamp, body);
        let request = Request::post(self.to.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("tercet-delivery", delivery)
            .header("tercet-signature", signature)
            .header("tercet-timestamp", timestamp)
            .body(Full::new(body.clone()))
            .map_err(|error| error.to_string())?;
        // The error's own text has no URL in it.
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answered {}", answer.status()))
        }
    }
}
