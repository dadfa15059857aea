//! The style, the script and the icon, which are part of the program.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::visitor::hexadecimal;

const STYLE: &str = concat!(
    include_str!("assets/colours.css"),
    include_str!("assets/frame.css"),
    include_str!("assets/parts.css"),
    include_str!("assets/waterfall.css"),
);
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/console.svg");

/// Changes with what is in them, so that a browser may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for asset in [STYLE, SCRIPT, ICON] {
        digest.update(asset.as_bytes());
    }
    hexadecimal(&digest.finalize()[..6])
});

/// The address of one of them.
pub(super) fn address(name: &str) -> String {
    format!("/{name}?v={}", VERSION.as_str())
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, text).into_response()
}
