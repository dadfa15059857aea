//! Checks the shop from its databases alone: what the coordinator's log says, what every participant's fence
//! says, and what the business tables say have to be one story.
//!
//! It is the second opinion of the fault tests, so it shares no code with the services: its own SQL, its own reading
//! of the stored blobs, its own idea of each rule. It must never write to a database, never ask a running process, and
//! never import a crate of the house: a mistake that both sides share would be found by neither.
//!
//! - [`snapshot`]: everything that was read, as plain values.
//! - [`places`]: where the databases are. `sqlite` reads files, also those of a process that was killed, `mysql` a database
//!   on a MySQL or MariaDB server; both by the same SQL, in `tables` and `queries`.
//! - [`blobs`]: the stored protobuf messages, read byte by byte.
//! - [`checks`]: the rules, one file a subject, pure functions of the snapshot.
//! - [`report`]: what was found, a line each.

pub mod blobs;
pub mod checks;
mod mysql;
pub mod places;
mod queries;
pub mod report;
pub mod snapshot;
mod sqlite;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

pub use places::{Place, Places, ReadError, Service};
pub use report::{Report, Rule, Violation};

/// What the databases can't say themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Nothing is under way any more: whatever is still open is a violation.
    pub settled: bool,
    /// Pieces that each SKU was opened with. A SKU that isn't named here is checked against its branches only.
    pub seeded: BTreeMap<String, i64>,
}

impl Expected {
    /// Everything has ended, and the seeds are unknown.
    pub fn settled() -> Self {
        Self {
            settled: true,
            seeded: BTreeMap::new(),
        }
    }

    /// The SKU was opened with so many pieces.
    #[must_use]
    pub fn seeded(mut self, sku: impl Into<String>, pieces: i64) -> Self {
        self.seeded.insert(sku.into(), pieces);
        self
    }
}

/// Reads `coordinator.db`, `order.db`, `points.db` and `stock.db` of a folder and checks them.
///
/// # Errors
///
/// A file is missing, can't be read, or isn't what its migrations make.
pub async fn check_folder(folder: &Path, expected: &Expected) -> Result<Report, ReadError> {
    check_places(&Places::in_folder(folder), expected).await
}

/// Reads the four databases and checks them.
///
/// # Errors
///
/// A database is missing, can't be read, or isn't what its migrations make.
pub async fn check_places(places: &Places, expected: &Expected) -> Result<Report, ReadError> {
    let snapshot = places::read(places).await?;
    Ok(checks::check(&snapshot, expected))
}
