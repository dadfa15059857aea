//! The connections of one database: some for writing, some for reading.

use sqlx::{Connection as _, Database, Pool, Transaction};

/// The connections of one database. Cheap to clone; all clones share the same connections.
///
/// On SQLite there is one connection for writing, so that writers queue in this process instead of failing in the
/// file, and several for reading, which never wait for a writer. On a database server both would be one pool.
#[derive(Debug)]
pub struct Connections<DB: Database> {
    writer: Pool<DB>,
    reader: Pool<DB>,
    begin: &'static str,
}

impl<DB: Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        Self {
            writer: self.writer.clone(),
            reader: self.reader.clone(),
            begin: self.begin,
        }
    }
}

impl<DB: Database> Connections<DB> {
    /// `begin` is the statement that starts an SQL transaction which is going to write.
    pub(crate) const fn new(writer: Pool<DB>, reader: Pool<DB>, begin: &'static str) -> Self {
        Self {
            writer,
            reader,
            begin,
        }
    }

    /// Connections that may write. Statements outside of [`Connections::begin`] commit by themselves.
    pub const fn writer(&self) -> &Pool<DB> {
        &self.writer
    }

    /// Connections that only read.
    pub const fn reader(&self) -> &Pool<DB> {
        &self.reader
    }

    /// Begins an SQL transaction that is going to write: it takes the lock now, and never fails half-way through
    /// because somebody else wrote in between. Dropped without commit, it is rolled back.
    ///
    /// # Errors
    ///
    /// [`classify`](crate::classify) says which are worth another try; nothing has been written in any case.
    pub async fn begin(&self) -> Result<Transaction<'static, DB>, sqlx::Error> {
        self.writer.begin_with(self.begin).await
    }

    /// The same on a connection that the caller has taken from [`Connections::writer`] and answers for.
    ///
    /// # Errors
    ///
    /// As [`Connections::begin`].
    pub async fn begin_on<'c>(
        &self,
        connection: &'c mut DB::Connection,
    ) -> Result<Transaction<'c, DB>, sqlx::Error> {
        connection.begin_with(self.begin).await
    }

    /// Waits for statements under way and closes every connection.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}
