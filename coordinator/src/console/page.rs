//! The frame of every page: where one is, where one can go, and whether what is seen is current.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::visitor::Visitor;
use super::{Console, assets, badges, words};
use crate::transactions::Stage;

/// The parts of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Transactions,
    Participants,
    Coordinators,
    Audit,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Overview, "/", "Overview"),
        (Self::Transactions, "/transactions", "Transactions"),
        (Self::Participants, "/participants", "Participants"),
        (Self::Coordinators, "/coordinators", "Coordinators"),
        (Self::Audit, "/audit", "Audit"),
    ];
}

/// What came of what a person has asked for.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// It is done.
    Done(String),
    /// It isn't, and nothing has changed.
    NotDone(String),
}

impl Notice {
    fn render(&self) -> Markup {
        match self {
            Self::Done(text) => html! {
                p.notice.good role="status" { (badges::icon("check")) span { (text) } }
            },
            Self::NotDone(text) => html! {
                p.notice.bad role="alert" { (badges::icon("warning")) span { strong { "Not done. " } (text) } }
            },
        }
    }
}

/// A page without its contents.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    pub(super) tab: Tab,
    /// Where its changes come from.
    pub(super) live: Option<String>,
    pub(super) notice: Option<Notice>,
    pub(super) status: StatusCode,
}

impl<'a> Page<'a> {
    pub(super) fn new(tab: Tab, title: &'a str) -> Self {
        Self {
            title,
            tab,
            live: None,
            notice: None,
            status: StatusCode::OK,
        }
    }

    /// The answer with `body` in it.
    pub(super) fn answer(self, console: &Console, visitor: &Visitor, body: &Markup) -> Response {
        let markup = self.render(console, visitor, body);
        let mut response = (self.status, Html(markup.into_string())).into_response();
        visitor.remember(response.headers_mut());
        response
    }

    fn render(&self, console: &Console, visitor: &Visitor, body: &Markup) -> Markup {
        let now = console.now();
        let shared = console.shared();
        let is_draining = shared.stage.get() >= Stage::Draining;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Tercet" }
                    link rel="icon" type="image/svg+xml" href=(assets::address("console.svg"));
                    link rel="stylesheet" href=(assets::address("console.css"));
                    script defer src=(assets::address("console.js")) {}
                }
                body data-now=(now.as_millisecond()) data-live=[self.live.as_deref()] {
                    a.skip href="#content" { "Skip to the content" }
                    header.top {
                        div.bar {
                            a.brand href="/" aria-label="Tercet, overview" {
                                img src=(assets::address("console.svg")) alt="" width="22" height="22";
                                span { "Tercet" }
                            }
                            nav aria-label="Parts of the console" {
                                @for (tab, address, name) in Tab::ALL {
                                    a href=(address) aria-current=[(tab == self.tab).then_some("page")] { (name) }
                                }
                            }
                            form.find role="search" action="/find" method="get" {
                                label.unseen for="find" { "Find a transaction by gid or label" }
                                input id="find" type="search" name="q" maxlength="330" autocomplete="off"
                                    spellcheck="false" placeholder="gid, or label=value" required;
                                button { "Find" }
                            }
                        }
                        @if is_draining {
                            p.draining role="status" {
                                (badges::icon("warning"))
                                "This coordinator is shutting down. What is open goes on at the next one."
                            }
                        }
                    }
                    main id="content" tabindex="-1" {
                        @if let Some(notice) = &self.notice { (notice.render()) }
                        (body)
                    }
                    footer {
                        span { "Coordinator " code { (shared.advertised) } }
                        span { "Tercet " (env!("CARGO_PKG_VERSION")) }
                        span { "Times are UTC" }
                        @if !visitor.name.is_empty() { span { "You act as " strong { (visitor.name) } } }
                        span.live id="live" role="status" {
                            "As of " time datetime=(now) { (words::short_time(now)) }
                        }
                    }
                }
            }
        }
    }
}

impl Console {
    /// The time of this coordinator.
    pub(super) fn now(&self) -> Timestamp {
        words::of_core(self.shared().clock.now())
    }
}

/// A page that says one thing: something isn't there, or can't be read now.
pub(super) fn plain(
    console: &Console,
    visitor: &Visitor,
    (tab, status): (Tab, StatusCode),
    title: &str,
    text: &str,
) -> Response {
    let body = html! {
        h1 { (title) }
        p.lead { (text) }
        p { a href="/transactions" { "All transactions" } }
    };
    Page {
        status,
        ..Page::new(tab, title)
    }
    .answer(console, visitor, &body)
}

/// The HTTP status of what an rpc says.
pub(super) fn status_of(status: &tonic::Status) -> StatusCode {
    use tonic::Code;
    match status.code() {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::FailedPrecondition | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::Unauthenticated | Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
