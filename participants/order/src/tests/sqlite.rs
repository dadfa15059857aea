//! Where the tests of this mounting keep their database: a file in a temporary folder.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use tercet_database::DatabaseUrl;

use super::database::Location;

/// One test's database; gone with it.
pub(super) struct Home {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Home {
    /// Whether the database counts the rows that it reads.
    pub(super) const COUNTS_ROWS: bool = false;

    /// There always is one; on a server there may not be.
    pub(super) async fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order.db");
        let home = Self {
            path,
            _folder: folder,
        };
        std::future::ready(Some(home)).await
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.path.clone())
    }

    pub(super) fn location(&self) -> &Location {
        &self.path
    }
}
