//! A configuration mistake as one line: where, which key, what was expected.

use figment::{Figment, error::Kind};

use super::mask;

/// Why a configuration was refused. Displays as exactly one line; the process ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{file}: {source}")]
    Read {
        /// The file as it was named.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file isn't TOML.
    #[error("{file}:{line}:{column}: {problem}")]
    Syntax {
        /// The file as it was named.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the parser says.
        problem: String,
    },
    /// A key is unknown or missing, or its value is not possible.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// The file or the environment variable.
        origin: String,
        /// The dotted key.
        key: String,
        /// What is wrong, in words an operator can act on.
        problem: String,
    },
}

impl ConfigError {
    /// A mistake that only the server itself can see, such as two keys that contradict each other.
    pub fn value(
        origin: impl Into<String>,
        key: impl Into<String>,
        problem: impl AsRef<str>,
    ) -> Self {
        let key = key.into();
        Self::Value {
            origin: origin.into(),
            problem: one_line(problem.as_ref()),
            key,
        }
    }

    pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let start_of_line = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Syntax {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[start_of_line..].chars().count() + 1,
            problem: one_line(error.message()),
        }
    }

    pub(super) fn from_figment(error: &figment::Error, figment: &Figment, file: &str) -> Self {
        let mut path = error.path.clone();
        let problem = match &error.kind {
            // figment's path already ends with the unknown field.
            Kind::UnknownField(name, known) => unknown_key(name, known),
            Kind::MissingField(name) => {
                path.push(name.to_string());
                "is missing".to_owned()
            }
            Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
                if path.last().is_some_and(|key| mask::is_secret(key)) {
                    format!("expected {expected}")
                } else {
                    format!("expected {expected}, found {actual}")
                }
            }
            Kind::UnknownVariant(name, known) => {
                format!("expected one of {}, found \"{name}\"", known.join(", "))
            }
            other => other.to_string(),
        };
        let key = path.join(".");
        let origin = figment
            .find_metadata(&key)
            .or(error.metadata.as_ref())
            .map_or_else(|| file.to_owned(), |metadata| metadata.name.to_string());
        Self::value(origin, key, problem)
    }
}

fn unknown_key(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "unknown key".to_owned();
    }
    // Two edits away is a slip of the fingers; anything further would be guessing.
    match known.iter().find(|key| is_near(key, name)) {
        Some(near) => format!("unknown key, did you mean `{near}`?"),
        None => format!("unknown key, expected one of {}", known.join(", ")),
    }
}

/// Whether two names differ by at most two inserted, dropped or changed characters (Levenshtein).
fn is_near(a: &str, b: &str) -> bool {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

fn one_line(text: &str) -> String {
    mask::mask_urls(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}
