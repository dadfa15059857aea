//! A server that databases can be made on, whoever started it.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tokio::sync::OnceCell;
use url::Url;

use crate::{Error, Options, PrivateServer, or_skip, queries};

/// The variable that names a server that is there already, for example `mysql://root@127.0.0.1:3306`. Databases with
/// names that begin with `tercet_test_` are made on it, and stay.
pub const VARIABLE: &str = "TERCET_TEST_MYSQL_URL";

/// A name of a database may be so long.
const NAME_MAX: usize = 64;

/// A server that databases can be made on.
#[derive(Clone, Debug)]
pub struct Server {
    url: Url,
}

impl Server {
    /// The server that all tests of this process share: the one of [`VARIABLE`], or one that is started at the first call
    /// and ends with the process. None, after one line, where there is none to be had.
    ///
    /// # Panics
    ///
    /// It could not be started, or could not be had while `CI` is set.
    pub async fn shared() -> Option<&'static Self> {
        static SHARED: OnceCell<Option<Shared>> = OnceCell::const_new();
        let shared = SHARED.get_or_init(|| async { or_skip(Shared::get().await) });
        shared.await.as_ref().map(Shared::server)
    }

    pub(crate) fn local(port: u16) -> Self {
        let url = format!("mysql://root@127.0.0.1:{port}");
        Self {
            url: Url::parse(&url).expect("a url made of a port"),
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|_| Error::BadUrl(VARIABLE))?;
        if url.scheme() == "mysql" && url.has_host() {
            Ok(Self { url })
        } else {
            Err(Error::BadUrl(VARIABLE))
        }
    }

    /// Makes an empty database and returns its url. `name` is for people and may repeat.
    pub async fn database(&self, name: &str) -> String {
        let name = unique(name);
        self.run([queries::create_database(&name)]).await;
        self.url_of(&name)
    }

    /// The same for a user who may do everything in this database and nothing else, as in production: to such a user
    /// the server's `read_only` applies.
    pub async fn restricted_database(&self, name: &str) -> String {
        let name = unique(name);
        let create = queries::create_database(&name);
        self.run([create, queries::create_user(), queries::grant(&name)])
            .await;
        let mut url = Url::parse(&self.url_of(&name)).expect("made of one");
        let set = url.set_username(queries::USER);
        set.and_then(|()| url.set_password(Some(queries::PASSWORD)))
            .expect("a url with a host takes both");
        url.into()
    }

    /// Runs statements as the administrator.
    pub async fn run(&self, statements: impl IntoIterator<Item = String>) {
        let mut connection = self.connect().await.unwrap();
        for statement in statements {
            // Of texts of tests alone.
            let statement = sqlx::raw_sql(AssertSqlSafe(statement));
            connection.execute(statement).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// The url of the same database for the administrator.
    pub fn unrestricted(&self, url: &str) -> String {
        let url = Url::parse(url).expect("a url of this server");
        self.url_of(url.path().trim_start_matches('/'))
    }

    /// The url of a database of that name.
    pub fn url_of(&self, name: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(name);
        url.into()
    }

    /// Without a database: what [`VARIABLE`] takes.
    pub fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_path("");
        url.into()
    }

    /// Where it listens, as `host:port`.
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or("127.0.0.1");
        format!("{host}:{}", self.url.port().unwrap_or(3306))
    }

    /// A connection of an administrator, in no database.
    ///
    /// # Errors
    ///
    /// As the driver says.
    pub async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnection::connect(&self.url()).await
    }
}

/// The shared server, with what keeps it running.
enum Shared {
    Theirs(Server),
    Ours(Box<PrivateServer>),
}

impl Shared {
    async fn get() -> Result<Self, Error> {
        match std::env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Server::parse(&url).map(Self::Theirs),
            _ => PrivateServer::start(Options::default())
                .await
                .map(|private| Self::Ours(Box::new(private))),
        }
    }

    fn server(&self) -> &Server {
        match self {
            Self::Theirs(server) => server,
            Self::Ours(private) => private,
        }
    }
}

/// A name that no other test has, of letters that need no quotes.
fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let end = format!("_{}_{number}_{:x}", std::process::id(), nanoseconds());
    let mut start: String = format!("tercet_test_{name}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    start.truncate(NAME_MAX - end.len());
    start + &end
}

/// Tells the processes apart that had the same number one after the other.
#[allow(
    clippy::disallowed_methods,
    reason = "only makes a name unique; nothing is measured by it"
)]
fn nanoseconds() -> u32 {
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    #[allow(clippy::cast_possible_truncation, reason = "any part of it will do")]
    let low = since.as_micros() as u32;
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_are_plain_and_not_too_long() {
        let long = unique(&"Kills & cuts ".repeat(10));
        assert!(long.len() <= NAME_MAX, "{long}");
        assert!(long.starts_with("tercet_test_kills___cuts_"), "{long}");
        assert_ne!(unique("a"), unique("a"));
    }

    #[test]
    fn a_server_is_told_by_its_url_with_or_without_a_database() {
        let server = Server::parse("mysql://me:pass@db:3307/x").unwrap();
        assert_eq!(server.url(), "mysql://me:pass@db:3307");
        assert_eq!(server.url_of("y"), "mysql://me:pass@db:3307/y");
        assert_eq!(server.address(), "db:3307");
        for wrong in ["", "sqlite:a.db", "localhost:3306"] {
            assert!(Server::parse(wrong).is_err(), "{wrong}");
        }
    }
}
