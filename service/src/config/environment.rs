//! Environment variables as configuration.
//!
//! Only `TERCET_LISTEN`, `TERCET_HTTP_LISTEN`, `TERCET_ADVERTISE` and names with `__` count: Kubernetes puts
//! `TERCET_PORT=tcp://…` and its like into every pod beside a service named `tercet`, and those must not stop
//! a start. `TERCET_LOG__URL` is the key `log.url`. The three names count for servers that have such a key: the environment
//! of a pod or a shell is often shared, and a participant, which nobody has to advertise, starts beside `TERCET_ADVERTISE`.

use std::ffi::OsString;

use figment::value::Value;

const PREFIX: &str = "TERCET_";
const SINGLE_NAMES: [&str; 3] = ["LISTEN", "HTTP_LISTEN", "ADVERTISE"];

/// One variable that configures Tercet.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    name: String,
    path: Vec<String>,
    text: String,
    typed: Option<toml::Value>,
}

impl Variable {
    /// As the operator wrote it, for error lines.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The dotted key it sets.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Whether it may stand in an environment that several servers share: one that has no such key leaves it alone.
    pub(super) fn is_shared(&self) -> bool {
        self.path.len() == 1
    }

    /// Whether it is still taken as plain text.
    pub(super) fn is_text(&self) -> bool {
        self.typed.is_none()
    }

    /// Reads the text as a TOML value, or where a list is wanted as comma-separated texts. Answers whether
    /// that gave anything but the same text.
    pub(super) fn retype(&mut self, wants_list: bool) -> bool {
        let parsed = toml::from_str::<toml::Table>(&format!("value = {}", self.text))
            .ok()
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"));
        let value = match parsed {
            Some(toml::Value::String(_)) | None => None,
            value => value,
        };
        self.typed = value.or_else(|| wants_list.then(|| comma_separated(&self.text)));
        self.typed.is_some()
    }

    /// The value inside the tables of its path.
    pub(super) fn nested(&self) -> Value {
        let value = match &self.typed {
            None => Value::from(self.text.as_str()),
            Some(typed) => {
                Value::serialize(typed).unwrap_or_else(|_| Value::from(self.text.as_str()))
            }
        };
        figment::util::nest(&self.key(), value)
    }

    /// Puts the text where the key says, for showing.
    pub(super) fn insert_into(&self, table: &mut toml::Table) {
        let Some((last, parents)) = self.path.split_last() else {
            return;
        };
        let mut table = table;
        for parent in parents {
            let entry = table
                .entry(parent.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            match entry {
                toml::Value::Table(inner) => table = inner,
                _ => return,
            }
        }
        table.insert(last.clone(), toml::Value::String(self.text.clone()));
    }
}

fn comma_separated(text: &str) -> toml::Value {
    let parts = text
        .split(',')
        .map(|part| toml::Value::String(part.trim().to_owned()));
    toml::Value::Array(parts.collect())
}

/// Those variables that count, in the order of their names so that errors don't depend on chance.
pub(super) fn select(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<Variable> {
    let mut selected: Vec<Variable> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let rest = name.strip_prefix(PREFIX)?;
            let counts = SINGLE_NAMES.contains(&rest)
                || (rest.contains("__") && !rest.starts_with("__") && !rest.ends_with("__"));
            counts.then(|| Variable {
                name: name.clone(),
                path: rest.split("__").map(str::to_ascii_lowercase).collect(),
                text: value.to_string_lossy().into_owned(),
                typed: None,
            })
        })
        .collect();
    selected.sort_by(|a, b| a.name.cmp(&b.name));
    selected
}
