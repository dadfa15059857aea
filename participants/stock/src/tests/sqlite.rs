//! Where the tests of this mounting keep their database: a file in a temporary folder.

use tercet_database::DatabaseUrl;
use tercet_participant::sqlite::Location;

/// One test's database; gone with it.
pub(super) struct Home {
    folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Home {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stock.db");
        std::future::ready(Self { folder, path }).await
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        assert!(self.folder.path().is_dir());
        DatabaseUrl::Sqlite(self.path.clone())
    }

    pub(super) fn location(&self) -> &Location {
        &self.path
    }
}
