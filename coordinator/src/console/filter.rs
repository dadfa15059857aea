//! Which transactions a list shows. The filter is the address of the page, so that it can be kept and passed on.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;

use super::fields::{Fields, address};

/// Transactions a page, unless asked otherwise.
const PAGE_SIZE: i32 = 50;
/// The most of a page.
const PAGE_SIZE_MAX: i32 = 200;

/// The states by the names that addresses have.
pub(super) const STATES: [(&str, pb::TransactionState); 5] = [
    ("trying", pb::TransactionState::Trying),
    ("confirming", pb::TransactionState::Confirming),
    ("cancelling", pb::TransactionState::Cancelling),
    ("confirmed", pb::TransactionState::Confirmed),
    ("cancelled", pb::TransactionState::Cancelled),
];

/// Everything that a person has set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Names of [`STATES`].
    pub(super) states: Vec<&'static str>,
    /// `key=value`.
    pub(super) labels: Vec<(String, String)>,
    pub(super) participant: String,
    /// As typed: `90s`, `5m`, `2h`, `1d`.
    pub(super) older: String,
    pub(super) attention: bool,
    pub(super) page_size: i32,
    /// Where the page begins; empty for the first.
    pub(super) page: String,
}

impl Filter {
    /// From a page's address, or from a form.
    ///
    /// # Errors
    ///
    /// What a person has to know.
    pub(super) fn parse(fields: &Fields) -> Result<Self, String> {
        let mut filter = Self {
            participant: fields.get("participant").to_owned(),
            older: fields.get("older").to_owned(),
            attention: fields.get("attention") == "on",
            page_size: page_size(fields.get("size")),
            page: fields.get("page").to_owned(),
            ..Self::default()
        };
        for name in fields.all("state").filter(|name| !name.is_empty()) {
            let known = STATES.iter().find(|(known, _)| *known == name);
            let (known, _) = known.ok_or_else(|| format!("There is no state “{name}”."))?;
            if !filter.states.contains(known) {
                filter.states.push(known);
            }
        }
        for label in fields.all("label").filter(|label| !label.is_empty()) {
            let pair = label.split_once('=');
            let (key, value) = pair.ok_or_else(|| {
                format!("A label is written key=value, for example order_no=1001; “{label}” isn't.")
            })?;
            let pair = (key.trim().to_owned(), value.trim().to_owned());
            filter.labels.push(pair);
        }
        if !filter.older.is_empty() {
            age(&filter.older)?;
        }
        Ok(filter)
    }

    /// What the rpc is asked.
    pub(super) fn request(&self) -> pb::ListTransactionsRequest {
        let state_of = |name: &&str| STATES.iter().find(|(known, _)| known == name);
        let states = self.states.iter().filter_map(state_of);
        pb::ListTransactionsRequest {
            states: states.map(|(_, state)| *state as i32).collect(),
            labels: self.labels.iter().cloned().collect(),
            participant: self.participant.clone(),
            older_than: age(&self.older).ok().map(crate::view::duration),
            needs_attention: self.attention,
            gids: Vec::new(),
            page_size: self.page_size,
            page_token: self.page.clone(),
        }
    }

    /// Its fields but for the page.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let states = self
            .states
            .iter()
            .map(|state| ("state", (*state).to_owned()));
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| ("label", format!("{key}={value}")));
        let mut fields: Vec<_> = states.chain(labels).collect();
        let attention = if self.attention { "on" } else { "" };
        fields.push(("participant", self.participant.clone()));
        fields.push(("older", self.older.clone()));
        fields.push(("attention", attention.to_owned()));
        if self.page_size != PAGE_SIZE {
            fields.push(("size", self.page_size.to_string()));
        }
        fields.retain(|(_, value)| !value.is_empty());
        fields
    }

    /// The address under `path` of the page that begins at `page`.
    pub(super) fn address(&self, path: &str, page: &str) -> String {
        let fields = self.fields();
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        address(path, fields.chain([("page", page)]))
    }

    /// Whether anything is set.
    pub(super) fn is_empty(&self) -> bool {
        self.fields().iter().all(|(name, _)| *name == "size")
    }

    /// In words, for somebody who is about to act on what it finds.
    pub(super) fn words(&self) -> String {
        let mut parts = Vec::new();
        if !self.states.is_empty() {
            parts.push(self.states.join(" or "));
        }
        if self.attention {
            parts.push("needing attention".to_owned());
        }
        if !self.participant.is_empty() {
            parts.push(format!("with participant {}", self.participant));
        }
        let labels = self.labels.iter();
        parts.extend(labels.map(|(key, value)| format!("labelled {key}={value}")));
        if !self.older.is_empty() {
            parts.push(format!("begun at least {} ago", self.older));
        }
        if parts.is_empty() {
            "all open ones".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

fn page_size(text: &str) -> i32 {
    let size = text.parse().unwrap_or(PAGE_SIZE);
    size.clamp(1, PAGE_SIZE_MAX)
}

/// `90s`, `5m`, `2h`, `1d`; a bare number is seconds.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("An age is written like 90s, 5m, 2h or 1d; “{text}” isn't.");
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(unit).filter(|it| *it < 1 << 40);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_filter_is_its_address() {
        let query = "state=confirming&state=trying&label=order_no%3Da%26b&participant=stock&older=5m&attention=on&size=20";
        let filter = Filter::parse(&Fields::parse(query.as_bytes())).unwrap();
        let address = filter.address("/transactions", "12.g");
        assert_eq!(address, format!("/transactions?{query}&page=12.g"));
        let again = Fields::of_query(address.split_once('?').map(|(_, query)| query));
        assert_eq!(
            Filter::parse(&again).unwrap(),
            Filter {
                page: "12.g".to_owned(),
                ..filter.clone()
            }
        );
        let request = filter.request();
        assert_eq!(request.labels["order_no"], "a&b");
        assert_eq!(request.older_than.unwrap().seconds, 300);
        assert_eq!((request.states.len(), request.page_size), (2, 20));
    }

    #[test]
    fn what_is_typed_wrong_is_told() {
        for query in [
            "state=done",
            "label=order",
            "older=soon",
            "older=5y",
            "older=99999999999d",
        ] {
            assert!(
                Filter::parse(&Fields::parse(query.as_bytes())).is_err(),
                "{query}"
            );
        }
        let empty = Filter::parse(&Fields::parse(b"state=&label=&older=&participant=")).unwrap();
        assert!(empty.is_empty() && empty.request().older_than.is_none());
    }
}
