//! Who acts, as far as that is known: what an audit record names as `who`.
//!
//! Callers aren't identified in this version. Whoever acts may say a name, which is kept as one that nobody has verified; else
//! the address that the call came from stands there. Must never: decide anything by what it says.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::caller::FORWARDED;

/// The metadata in which an operator says a name.
pub(crate) const OPERATOR: &str = "tercet-operator";

/// Longer names are cut.
const NAME_BYTES_MAX: usize = 64;

/// Who acts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operator {
    name: Option<Arc<str>>,
    /// Where the call came from.
    peer: Option<SocketAddr>,
    /// Where it came from before another coordinator passed it on, as that one says.
    before: Option<SocketAddr>,
}

impl Operator {
    /// Read from a call as it arrives, by whom it comes from and what it brings along.
    pub(super) fn of(headers: &HeaderMap, peer: Option<SocketAddr>) -> Self {
        let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let before = text(FORWARDED)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .and_then(|text| text.parse().ok());
        Self {
            name: text(OPERATOR).and_then(name),
            peer,
            before,
        }
    }

    /// Whether a name was said, so that the call is a person's and not a program's.
    pub(crate) fn is_named(&self) -> bool {
        self.name.is_some()
    }

    /// Where the call began, for whoever it is passed on to.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.before.or(self.peer)
    }

    /// The name and that nobody has verified it, or else the address; empty for a call that came from nowhere.
    pub(crate) fn who(&self) -> String {
        match (&self.name, self.before, self.peer) {
            (Some(name), _, _) => format!("{name} (unverified)"),
            (None, Some(before), Some(peer)) => format!("{before} by way of {peer}"),
            (None, Some(address), None) | (None, None, Some(address)) => address.to_string(),
            (None, None, None) => String::new(),
        }
    }
}

/// Visible ASCII with `_` for everything else, cut where it is too long; none when there is nothing to see.
fn name(bytes: &[u8]) -> Option<Arc<str>> {
    let name: String = bytes
        .trim_ascii()
        .iter()
        .take(NAME_BYTES_MAX)
        .map(|byte| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '_'
            }
        })
        .collect();
    Some(name).filter(|name| !name.is_empty()).map(Arc::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn who(headers: &[(&'static str, &[u8])], peer: Option<&str>) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Operator::of(&map, peer.map(|peer| peer.parse().unwrap())).who()
    }

    #[test]
    fn a_name_comes_before_an_address_and_says_that_it_is_unverified() {
        let peer = Some("10.0.0.1:1234");
        let named: (&str, &[u8]) = (OPERATOR, b"anna@ops");
        let passed_on: (&str, &[u8]) = (FORWARDED, b"10.0.0.9:99");
        assert_eq!(who(&[named], peer), "anna@ops (unverified)");
        assert_eq!(who(&[named, passed_on], peer), "anna@ops (unverified)");
        assert_eq!(who(&[], peer), "10.0.0.1:1234");
        assert_eq!(
            who(&[passed_on], peer),
            "10.0.0.9:99 by way of 10.0.0.1:1234"
        );
        assert_eq!(who(&[(FORWARDED, b"1")], peer), "10.0.0.1:1234");
        assert_eq!(who(&[], None), "");
    }

    #[test]
    fn a_name_is_bounded_visible_ascii_and_never_refused() {
        let long = "x".repeat(1_000);
        for (sent, kept) in [
            ("Anna Ops".as_bytes(), "Anna_Ops (unverified)"),
            ("Änna".as_bytes(), "__nna (unverified)"),
            (b" \xff\tb ", "__b (unverified)"),
            (b"  ", "10.0.0.1:1"),
            (
                long.as_bytes(),
                &format!("{} (unverified)", "x".repeat(NAME_BYTES_MAX)),
            ),
        ] {
            assert_eq!(who(&[(OPERATOR, sent)], Some("10.0.0.1:1")), kept);
        }
    }
}
