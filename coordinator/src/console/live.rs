//! What has changed, as server-sent events, for pages that somebody has open.
//!
//! `page` is a piece of the page as it is now, `changed` says that a list may have changed, `end` that nothing follows.
//! The streams are bounded in number; one whose reader doesn't keep up, or is gone, ends. Only a transaction's own stream
//! asks anything of anybody; the others look at memory.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use maud::Markup;
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService as _;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;

use super::fields::Fields;
use super::page::status_of;
use super::transaction::{Draft, View};
use super::visitor::Visitor;
use super::{Console, overview as first_page, participants as participants_page, words};

/// Between two looks at memory.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two words that a list has changed: each has its reader ask once.
const CHANGED_EVERY: Duration = Duration::from_secs(3);
/// Between two pieces of a transaction's page; what comes in between is merged.
const CHANGE_EVERY: Duration = Duration::from_millis(300);
/// A transaction that stands still is shown again after that: its participants may have changed.
const REPEAT_EVERY: Duration = Duration::from_secs(5);
/// A reader that takes nothing for so long is dropped.
const READER_PATIENCE: Duration = Duration::from_secs(20);
/// A stream ends after that, and its page asks for another one.
const LIFETIME: Duration = Duration::from_mins(30);

type Reader = mpsc::Sender<Event>;

/// The reader is gone, or takes nothing.
struct Gone;

async fn send(reader: &Reader, event: Event) -> Result<(), Gone> {
    match timeout(READER_PATIENCE, reader.send(event)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

fn piece(markup: Markup) -> Event {
    Event::default().event("page").data(markup.into_string())
}

/// Runs `write` for as long as the reader is there and this coordinator doesn't drain.
fn stream<W>(console: &Console, write: impl FnOnce(Reader) -> W) -> Response
where
    W: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let Ok(place) = std::sync::Arc::clone(&console.0.streams).try_acquire_owned() else {
        let why = "Too many pages are kept current already.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let (reader, events) = mpsc::channel(1);
    let (gone, written) = (reader.clone(), write(reader));
    let drained = console.service().0.drain.begun_owned();
    tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            _ = written => {}
            () = gone.closed() => {}
            () = drained => {}
            () = sleep(LIFETIME) => {}
        }
    });
    let events = ReceiverStream::new(events).map(Ok::<_, Infallible>);
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// Sends what `render` gives, again and again, where it has changed.
fn looks(console: &Console, render: impl Fn() -> Markup + Send + 'static) -> Response {
    stream(console, |reader| async move {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = String::new();
        loop {
            ticks.tick().await;
            let markup = render();
            if markup.0 != last {
                last.clone_from(&markup.0);
                send(&reader, piece(markup)).await?;
            }
        }
    })
}

pub(super) async fn overview(State(console): State<Console>) -> Response {
    let shown = console.clone();
    looks(&console, move || first_page::contents(&shown))
}

pub(super) async fn participants(State(console): State<Console>, headers: HeaderMap) -> Response {
    let (shown, visitor) = (console.clone(), Visitor::of(&headers));
    looks(&console, move || {
        participants_page::contents(&shown, &visitor)
    })
}

/// Says that the log has been written to. Whoever hears it asks for the list once more.
pub(super) async fn transactions(State(console): State<Console>) -> Response {
    let shown = console.clone();
    stream(&console, |reader| async move {
        let mut ticks = interval(CHANGED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let written = || shown.shared().log.metrics().batches;
        let mut last = written();
        loop {
            ticks.tick().await;
            let now = written();
            if now != last {
                last = now;
                send(&reader, Event::default().event("changed").data("")).await?;
            }
        }
    })
}

pub(super) async fn transaction(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let fields = Fields::of_query(query.as_deref());
    let is_whole = fields.get("attempts") == "all";
    let request = pb::WatchTransactionRequest {
        gid: fields.get("gid").to_owned(),
    };
    let watched = console
        .service()
        .watch_transaction(visitor.request(request));
    let mut changes = match watched.await {
        Ok(changes) => changes.into_inner(),
        Err(status) => return (status_of(&status), words::refusal(&status)).into_response(),
    };
    let shown = console.clone();
    stream(&console, move |reader| async move {
        let mut last: Option<pb::Transaction> = None;
        loop {
            match timeout(REPEAT_EVERY, changes.next()).await {
                Ok(Some(Ok(change))) => last = change.transaction,
                // The owner has gone, or there is nothing more to tell.
                Ok(_) => {
                    return send(&reader, Event::default().event("end").data("")).await;
                }
                Err(_) => {}
            }
            if let Some(transaction) = &last {
                let view = View {
                    console: &shown,
                    visitor: &visitor,
                    transaction,
                    now: shown.now(),
                    is_whole,
                };
                send(&reader, piece(view.changing(&Draft::default()))).await?;
            }
            sleep(CHANGE_EVERY).await;
        }
    })
}
