//! Fields of a query and of a form, as a browser sends them, and addresses made of them.

use url::form_urlencoded::{Serializer, parse};

/// More than any page of the console has.
const FIELDS_MAX: usize = 128;

/// Names and values, in order; a name may come several times.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of `a=1&b=2`. Broken escapes are replaced, never refused; what comes after many fields is ignored.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(parse(encoded).into_owned().take(FIELDS_MAX).collect())
    }

    /// Of a query, if there is one.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    /// The first of that name, without the space around it; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// Every one of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(field, _)| field == name);
        of_name.map(|(_, value)| value.trim())
    }
}

/// A path with these fields; empty ones are left out.
pub(super) fn address<'a>(
    path: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// The page of a transaction. The gid is a field and not part of the path: `..` is a gid, too.
pub(super) fn transaction(gid: &str) -> String {
    address("/transaction", [("gid", gid)])
}
