//! An alert as a document, for the webhook.

use serde_json::json;
use tercet_core::{BranchId, Timestamp};

use super::groups::Told;

/// The longest reason that is sent, in characters.
const WHY_CHARS_MAX: usize = 1_000;

/// The document. Fields are added to it, never renamed.
pub(super) fn body(told: &Told, coordinator: &str, now: Timestamp) -> Vec<u8> {
    let why: String = told.last.why.chars().take(WHY_CHARS_MAX).collect();
    let document = json!({
        "version": 1,
        "coordinator": coordinator,
        "participant": &*told.key.participant,
        "cause": told.key.cause.name(),
        "count": told.count,
        "repeat": told.is_repeat,
        "gid": told.last.gid.as_str(),
        "branch": told.last.branch.as_ref().map(BranchId::as_str),
        "why": why,
        "at_unix_ms": now.as_millis(),
    });
    document.to_string().into_bytes()
}
