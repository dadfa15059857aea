//! The first page: whether anybody is needed, how much is going on, and how the participants are. From memory alone.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};

use super::fields::address;
use super::figures::Figures;
use super::history::{Sample, number, steps};
use super::page::{Page, Tab};
use super::participants::View;
use super::plots::{Plot, grouped};
use super::visitor::Visitor;
use super::{Console, badges, words};

pub(super) async fn show(State(console): State<Console>, headers: HeaderMap) -> Response {
    let visitor = Visitor::of(&headers);
    let body = html! {
        h1.unseen { "Overview" }
        (contents(&console))
    };
    Page {
        live: Some("/live/overview".to_owned()),
        ..Page::new(Tab::Overview, "Overview")
    }
    .answer(&console, &visitor, &body)
}

/// What changes on it.
pub(super) fn contents(console: &Console) -> Markup {
    let shared = console.shared();
    let now = console.now();
    let figures = Figures::of(shared);
    let mut samples = console.0.history.samples();
    samples.push(console.0.history.now(shared));
    html! {
        section id="verdict" aria-label="Verdict" { (verdict(&figures, now)) }
        section id="figures" aria-label="Figures" { (tiles(&figures, now)) }
        section id="plots" aria-label="The last half hour" { (plots(&samples)) }
        section id="health" { (participants(console, now)) }
    }
}

/// One sentence for somebody who was woken up.
fn verdict(figures: &Figures, now: Timestamp) -> Markup {
    if let Some(failing) = figures.log_failing {
        return html! {
            p.verdict.bad { (badges::icon("stop"))
                span { strong { "The log takes nothing" } " since " (words::duration(failing)) ". Nothing new can be decided until it does." } }
        };
    }
    if figures.attention > 0 {
        let many = words::count(figures.attention, "transaction needs", "transactions need");
        return html! {
            p.verdict.bad { (badges::icon("warning"))
                span {
                    strong { (many) " a person" }
                    @match (figures.attention, figures.parked) {
                        (_, 0) => { ". Retries go on." }
                        (1, _) => { ": it is parked." }
                        (_, parked) => { ", " (parked) " of them parked." }
                    } }
                a.button href="/transactions?attention=on" { "Show" }
            }
        };
    }
    // Memory knows of this coordinator's own alone: it must not promise anything for the others.
    let is_one_of_many = figures
        .sessions
        .is_some_and(|(alive, fenced)| alive + fenced > 1);
    if is_one_of_many {
        return html! {
            p.verdict.good { (badges::icon("check"))
                span { strong { "Nothing of this coordinator's needs a person." } " The list has what the others have, too." }
                a.button href="/transactions?attention=on" { "Look at all" } }
        };
    }
    match figures.oldest {
        None => html! {
            p.verdict.good { (badges::icon("check"))
                span { strong { "All quiet." } " Nothing is open, nothing needs a person." } }
        },
        Some(oldest) => html! {
            p.verdict.good { (badges::icon("check"))
                span { strong { "Nothing needs a person." } " The oldest open transaction is " (words::age(oldest, now)) " old." } }
        },
    }
}

fn tiles(figures: &Figures, now: Timestamp) -> Markup {
    let listed = |state: &str| address("/transactions", [("state", state)]);
    let open = ["trying", "confirming", "cancelling"];
    let log = &figures.log;
    html! {
        dl.tiles {
            div.tile.bad[figures.attention > 0] {
                dt { "Needs attention" }
                dd { a href="/transactions?attention=on" { (count(figures.attention)) } }
                dd.more { (figures.parked) " parked" }
            }
            div.tile {
                dt { "Open" }
                dd { a href=(address("/transactions", open.map(|state| ("state", state)))) { (count(figures.open())) } }
                dd.more {
                    a href=(listed("trying")) { (figures.trying) " trying" } " · "
                    a href=(listed("confirming")) { (figures.confirming) " confirming" } " · "
                    a href=(listed("cancelling")) { (figures.cancelling) " cancelling" }
                }
            }
            div.tile {
                dt { "Oldest unresolved" }
                dd { @match figures.oldest {
                    Some(oldest) => a href=(oldest_address(oldest, now)) { (words::age(oldest, now)) },
                    None => "none",
                } }
                dd.more { @if figures.oldest.is_some() { "since its begin" } @else { "everything has ended" } }
            }
            div.tile {
                dt { "Calls in flight" }
                dd { (count(figures.in_flight)) }
                dd.more { (figures.queued) " wait for their turn" }
            }
            div.tile {
                dt { "Log" }
                dd { (words::duration(log.last_latency)) }
                dd.more {
                    span { (words::count(log.last_batch, "entry", "entries")) " in the last batch" } " · "
                    span { (log.queue_depth) " waiting" }
                }
            }
            @if let Some((alive, fenced)) = figures.sessions {
                div.tile {
                    dt { "Coordinators" }
                    dd { a href="/coordinators" { (count(alive)) } small { " alive" } }
                    dd.more { (fenced) " fenced, being taken over" }
                }
            }
        }
    }
}

/// The list of what is open and at least as old as the oldest, by whole seconds.
fn oldest_address(oldest: Timestamp, now: Timestamp) -> String {
    let seconds = words::between(oldest, now).as_secs();
    let age = format!("{seconds}s");
    address(
        "/transactions",
        [
            ("state", "trying"),
            ("state", "confirming"),
            ("state", "cancelling"),
            ("older", age.as_str()),
        ],
    )
}

fn count(count: u64) -> String {
    grouped(&count.to_string())
}

fn plots(samples: &[Sample]) -> Markup {
    let mut steps = steps(samples);
    // The last one ends now. Over a moment a rate says nothing.
    steps.pop_if(|step| step.is_short());
    let rate = |counter: fn(&Sample) -> u64| -> Vec<f64> {
        steps.iter().map(|step| step.rate(counter)).collect()
    };
    let (begun, confirmed, cancelled) = (
        rate(|sample| sample.begun),
        rate(|sample| sample.confirmed),
        rate(|sample| sample.cancelled),
    );
    let gauge = |value: fn(&Sample) -> u64| -> Vec<f64> {
        samples.iter().map(|sample| number(value(sample))).collect()
    };
    let (open, attention, in_flight) = (
        gauge(|sample| sample.open),
        gauge(|sample| sample.attention),
        gauge(|sample| sample.in_flight),
    );
    let batches: Vec<f64> = steps.iter().map(super::history::Step::batch_size).collect();
    let appends: Vec<f64> = steps
        .iter()
        .map(super::history::Step::append_millis)
        .collect();
    let plot = |title, unit, tone, values: &[f64]| {
        Plot {
            title,
            unit,
            tone,
            values,
        }
        .render()
    };
    html! {
        h2 { "The last half hour" }
        div.plots {
            (plot("Begun", " /s", "try", &begun))
            (plot("Confirmed", " /s", "good", &confirmed))
            (plot("Cancelled", " /s", "undo", &cancelled))
            (plot("Open", "", "going", &open))
            (plot("Need attention", "", "bad", &attention))
            (plot("Calls in flight", "", "going", &in_flight))
            (plot("Append latency", " ms", "calm", &appends))
            (plot("Entries a batch", "", "calm", &batches))
        }
    }
}

fn participants(console: &Console, now: Timestamp) -> Markup {
    let views: Vec<View> = View::all(console);
    html! {
        h2 { "Participants" }
        div.wide {
            table {
                thead { tr {
                    th scope="col" { "Participant" } th scope="col" { "Health" }
                    th.number scope="col" { "In flight" } th.number scope="col" { "Queued" }
                    th.number scope="col" { "Waiting for it" } th scope="col" { "Last failure" }
                } }
                tbody {
                    @for view in &views {
                        @let participant = &view.message;
                        tr {
                            th scope="row" { a href={ "/participants#" (participant.name) } { (participant.name) } }
                            td { (badges::participant(participant, view.is_any_well())) }
                            td.number data-label="In flight" { (participant.in_flight) }
                            td.number data-label="Queued" { (view.queued) }
                            td.number data-label="Waiting for it" { (participant.waiting) }
                            td.text data-label="Last failure" { (view.last_failure(now)) }
                        }
                    }
                    @if views.is_empty() { tr { td colspan="6" { "No participant is configured." } } }
                }
            }
        }
    }
}
