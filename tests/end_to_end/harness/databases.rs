//! Where the databases of the processes under test are: files in the test's folder, or databases of its own on a
//! MariaDB or MySQL server. Each test target says which in its `DATABASES`; the tests are the same.

use std::io::Write as _;
use std::path::Path;

use tercet_checker::{Place, Places, Service};
use tercet_test_databases::{Options, PrivateServer, Server, where_it_can_be_had};
use tokio::sync::OnceCell;

/// What kind of database a test target is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    MariaDb,
    MySql,
}

/// The databases of one shop.
#[derive(Debug, Clone)]
pub(crate) struct Databases {
    /// As each process's file names it, in the order of [`Service::ALL`].
    urls: [String; 4],
    /// As the test itself reaches it: past a proxy, and from its own folder.
    places: Places,
}

impl Databases {
    /// Empty ones, of the target's kind.
    pub(crate) async fn new(folder: &Path) -> Self {
        match crate::DATABASES {
            Kind::Sqlite => Self::in_folder(folder),
            kind => Self::on(shared(kind).await, folder).await,
        }
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            urls: Service::ALL.map(|service| format!("sqlite:{}.db", service.name())),
            places: Places::in_folder(folder),
        }
    }

    /// Empty ones on that server, one for each service, which may do nothing but work in its own.
    pub(crate) async fn on(server: &Server, folder: &Path) -> Self {
        let mut databases = Self::in_folder(folder);
        for service in Service::ALL {
            let url = server.restricted_database(service.name()).await;
            let place: Place = server.unrestricted(&url).parse().unwrap();
            databases.urls[service as usize] = url;
            databases.places = databases.places.with(service, place);
        }
        databases
    }

    /// The processes reach the server at `address`, where a proxy stands before it.
    pub(crate) fn through(mut self, server: &Server, address: &str) -> Self {
        for url in &mut self.urls {
            *url = url.replace(&server.address(), address);
        }
        self
    }

    /// As a process's file names it.
    pub(crate) fn url(&self, service: Service) -> &str {
        &self.urls[service as usize]
    }

    /// For the checker.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }
}

/// The server of all tests of this process. Where there is none to be had, all of them are skipped in one line: the process
/// ends well. Under `CI` that is a failure for MariaDB; MySQL proper can't be had everywhere.
async fn shared(kind: Kind) -> &'static Server {
    static MYSQL: OnceCell<Option<PrivateServer>> = OnceCell::const_new();
    let server = if kind == Kind::MySql {
        let started = MYSQL.get_or_init(|| async {
            let options = Options {
                kind: tercet_test_databases::Kind::MySql,
                ..Options::default()
            };
            where_it_can_be_had(PrivateServer::start(options).await)
        });
        started.await.as_deref()
    } else {
        Server::shared().await
    };
    if let Some(server) = server {
        return server;
    }
    let name = env!("CARGO_CRATE_NAME");
    // Past the test runner, which keeps what a test prints to itself.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {name} needs {kind:?}, which can't be had here"
    );
    #[allow(
        clippy::disallowed_methods,
        reason = "nothing of these tests can run, and no test can say that of the others"
    )]
    std::process::exit(0)
}
