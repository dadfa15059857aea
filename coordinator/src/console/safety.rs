//! What stands before every page: whose page may ask for it, and what a browser may do with it.
//!
//! Whoever can reach the port can use the console, as they can use the gRPC port. What is kept out is another site's page
//! in a browser that can reach it: by the name it is asked for (a name that an attacker lets point here), by where the
//! question comes from, and for whatever changes something by the form's token ([`Visitor`](super::visitor::Visitor)).

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Console;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Why a question isn't answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Under a name that this address doesn't have.
    Misdirected,
    /// Another site's page asks.
    Foreign,
}

impl Refusal {
    fn answer(self) -> Response {
        match self {
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "The console listens on loopback and is asked for by another name. Use localhost or 127.0.0.1.\n",
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This was asked for by a page of another site, or through a proxy that changes the Host header.\n",
            ),
        }
        .into_response()
    }
}

/// Refuses what other sites ask for, and says in each answer what a browser may do with it.
pub(super) async fn guard(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let checked = check(request.method(), request.headers(), console.0.address);
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.answer(),
    };
    harden(response.headers_mut());
    response
}

/// Whether a question may be answered that came to `address`.
pub(super) fn check(
    method: &Method,
    headers: &HeaderMap,
    address: SocketAddr,
) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).ok_or(Refusal::Misdirected)?;
    if address.ip().is_loopback() && !is_local(host) {
        return Err(Refusal::Misdirected);
    }
    let fetched = |name: &'static str| text(HeaderName::from_static(name));
    let site = fetched("sec-fetch-site");
    if *method == Method::GET || *method == Method::HEAD {
        // A link from elsewhere is followed; nothing else is.
        let is_link = fetched("sec-fetch-mode") == Some("navigate");
        return if site == Some("cross-site") && !is_link {
            Err(Refusal::Foreign)
        } else {
            Ok(())
        };
    }
    let origin = text(header::ORIGIN);
    let is_own_site = site.is_none_or(|site| site == "same-origin");
    let is_own_origin = origin.is_none_or(|origin| authority_of(origin) == Some(host));
    // Every browser sends one of them.
    let is_said = site.is_some() || origin.is_some();
    if is_own_site && is_own_origin && is_said {
        Ok(())
    } else {
        Err(Refusal::Foreign)
    }
}

/// A name that nobody can let point to this machine from outside.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().to_ascii_lowercase();
    let number = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || number.parse::<IpAddr>().is_ok()
}

fn authority_of(origin: &str) -> Option<&str> {
    origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
}

fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not no-referrer: a browser would then send "null" as the origin of its own forms.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let uncached = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(uncached);
}
