//! Configuration: a TOML file, then the environment on top, then the server's own struct.
//!
//! [`load`] is the whole of it for most callers. [`Merged`] is for `tercet config show`, which wants to see
//! what was merged. The values that servers share are in [`value`], [`address`] and [`sections`]; how the
//! environment's texts find their types is in [`environment`]; what may be shown of a secret in [`mask`].
//!
//! Must never: ignore a key that was given. What is unknown or has no effect is refused here, at start.

pub mod address;
pub mod environment;
pub mod error;
pub mod mask;
pub mod sections;
pub mod value;

#[cfg(test)]
mod tests;

use std::path::Path;

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    value::{Dict, Map, Value},
};
use serde::de::DeserializeOwned;

pub use address::{Endpoint, ListenAddress};
pub use error::ConfigError;
pub use sections::{Access, Alerts, AlertsError, LogFormat, Ratio, Telemetry, Tls, TlsMode};
pub use value::ConfigDuration;

use environment::Variable;

/// Reads `path` and the process environment into `T`.
///
/// # Errors
/// One line that names the file or variable, the key, and what was expected.
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T, ConfigError> {
    Merged::read(path.as_ref(), std::env::vars_os())?.extract()
}

/// The file and the environment, merged but not yet typed.
#[derive(Debug, Clone)]
pub struct Merged {
    file: String,
    table: toml::Table,
    variables: Vec<Variable>,
}

impl Merged {
    /// Reads the file at `path` and keeps those of `variables` that configure Tercet.
    pub fn read(
        path: &Path,
        variables: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            file: path.display().to_string(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text, variables)
    }

    /// The same for a text that is already in memory; `file` is the name that errors show.
    pub fn parse(
        file: &str,
        text: &str,
        variables: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Self, ConfigError> {
        let table = toml::from_str::<toml::Table>(text)
            .map_err(|error| ConfigError::syntax(file, text, &error))?;
        Ok(Self {
            file: file.to_owned(),
            table,
            variables: environment::select(variables),
        })
    }

    /// The typed configuration.
    ///
    /// A variable is text first, so that a password of `123456` stays what it is. Only where the struct asks
    /// for another type is it read as a TOML value, and only where the struct has no such key is one that several servers
    /// may share left out; each round does that to one variable, so their number bounds the loop.
    pub fn extract<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let mut variables = self.variables.clone();
        loop {
            let figment = self.figment(&variables);
            let error = match figment.extract::<T>() {
                Ok(config) => return Ok(config),
                Err(error) => error,
            };
            let key = error.path.join(".");
            let has_changed = match &error.kind {
                Kind::InvalidType(_, expected) => variables
                    .iter_mut()
                    .find(|variable| variable.is_text() && variable.key() == key)
                    .is_some_and(|variable| variable.retype(expected.contains("sequence"))),
                Kind::UnknownField(..) => {
                    let before = variables.len();
                    variables.retain(|variable| !variable.is_shared() || variable.key() != key);
                    variables.len() < before
                }
                _ => false,
            };
            if !has_changed {
                return Err(ConfigError::from_figment(&error, &figment, &self.file));
            }
        }
    }

    /// What was given, as TOML, with the secrets masked. Defaults are not in it.
    pub fn masked(&self) -> toml::Table {
        let mut table = self.table.clone();
        for variable in &self.variables {
            variable.insert_into(&mut table);
        }
        mask::mask_table(&mut table);
        table
    }

    fn figment(&self, variables: &[Variable]) -> Figment {
        let file = Layer {
            name: self.file.clone(),
            value: Value::serialize(&self.table),
        };
        variables
            .iter()
            .fold(Figment::from(file), |figment, variable| {
                figment.merge(Layer {
                    name: variable.name().to_owned(),
                    value: Ok(variable.nested()),
                })
            })
    }
}

/// One origin of values: the file, or one environment variable.
struct Layer {
    name: String,
    value: Result<Value, figment::Error>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.value.clone()?.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}
