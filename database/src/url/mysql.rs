//! `mysql://user:password@host:port/database?ssl-mode=…`: one database on a MySQL or MariaDB server.
//!
//! What can't be said here is refused instead of being ignored: a misspelt `ssl-mode` must never mean a plain
//! connection. The driver's own default, TLS if the server happens to offer it, is only taken for a server on this
//! machine; for any other the certificate has to be right unless the url says otherwise.

use core::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use super::UrlError;
use super::mask::{MASK, mask};

/// The port of a MySQL or MariaDB server unless the url names another.
const PORT: u16 = 3306;

/// A database on a MySQL or MariaDB server. `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq)]
pub struct MySqlUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) tls: Tls,
    pub(crate) allows_unsafe_settings: bool,
}

/// How a connection to a server is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `ssl-mode`.
    pub mode: TlsMode,
    /// `ssl-ca`: the file with the authorities to trust, in place of the public ones.
    pub ca: Option<PathBuf>,
    /// `ssl-cert`: the file with the client's certificate.
    pub cert: Option<PathBuf>,
    /// `ssl-key`: the file with the client's key.
    pub key: Option<PathBuf>,
}

/// `ssl-mode`, by the names that every MySQL client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// `disabled`: never TLS.
    Disabled,
    /// `preferred`: TLS if the server offers it, else none. The default for a server on this machine (a loopback
    /// address, `localhost`, or a socket).
    Preferred,
    /// `required`: TLS, whoever the server is.
    Required,
    /// `verify-ca`: TLS, and the certificate is one of an authority that is trusted.
    VerifyCa,
    /// `verify-identity`: besides, it names the host. The default for every other server.
    VerifyIdentity,
}

impl TlsMode {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disabled" => Some(Self::Disabled),
            "preferred" => Some(Self::Preferred),
            "required" => Some(Self::Required),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-identity" => Some(Self::VerifyIdentity),
            _ => None,
        }
    }

    /// The name that a url takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Preferred => "preferred",
            Self::Required => "required",
            Self::VerifyCa => "verify-ca",
            Self::VerifyIdentity => "verify-identity",
        }
    }
}

/// The parameters of a url, as they stand there.
#[derive(Default)]
struct Parameters {
    mode: Option<TlsMode>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    socket: Option<PathBuf>,
    allows_unsafe_settings: bool,
}

impl Parameters {
    fn of(url: &Url) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            let path = || Some(PathBuf::from(&*value));
            match &*name {
                "ssl-mode" => {
                    parameters.mode = Some(TlsMode::parse(&value).ok_or(
                        "ssl-mode is one of disabled, preferred, required, verify-ca, verify-identity",
                    )?);
                }
                "ssl-ca" => parameters.ca = path(),
                "ssl-cert" => parameters.cert = path(),
                "ssl-key" => parameters.key = path(),
                "socket" => parameters.socket = path(),
                "unsafe-settings" if value == "allow" => parameters.allows_unsafe_settings = true,
                "unsafe-settings" => return Err("unsafe-settings can only be allow".to_owned()),
                _ => {
                    return Err(format!(
                        "{name} is no parameter; there are ssl-mode, ssl-ca, ssl-cert, ssl-key, socket and unsafe-settings"
                    ));
                }
            }
        }
        if parameters.cert.is_some() != parameters.key.is_some() {
            return Err("ssl-cert and ssl-key go together".to_owned());
        }
        Ok(parameters)
    }
}

impl MySqlUrl {
    /// Parses `mysql://user:password@host:port/database?parameters`; user and password may be percent-encoded.
    ///
    /// # Errors
    ///
    /// [`UrlError::Malformed`] says in one line what is wrong, never quoting a password.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::read(text).map_err(|problem| UrlError::Malformed {
            masked: mask(text),
            problem,
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err("it doesn't begin with mysql://".to_owned());
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or("it names no host")?;
        // The driver wants an IPv6 address without the brackets that a url needs.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let user = decoded("the user", url.username())?;
        if user.is_empty() {
            return Err("it names no user".to_owned());
        }
        let password = url
            .password()
            .map(|password| decoded("the password", password))
            .transpose()?;
        let database = decoded("the database", url.path().trim_start_matches('/'))?;
        if database.is_empty() || database.contains('/') {
            return Err("it names no database; end it with /database".to_owned());
        }
        let parameters = Parameters::of(&url)?;
        let local = parameters.socket.is_some() || is_this_machine(host);
        let default_mode = if local {
            TlsMode::Preferred
        } else {
            TlsMode::VerifyIdentity
        };
        Ok(Self {
            host: decoded("the host", host)?,
            port: url.port().unwrap_or(PORT),
            socket: parameters.socket,
            user,
            password,
            database,
            tls: Tls {
                mode: parameters.mode.unwrap_or(default_mode),
                ca: parameters.ca,
                cert: parameters.cert,
                key: parameters.key,
            },
            allows_unsafe_settings: parameters.allows_unsafe_settings,
        })
    }

    /// The server's host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The server's port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The server's socket on this machine, which is used instead of host and port.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How its connections are protected.
    pub const fn tls(&self) -> &Tls {
        &self.tls
    }

    /// `unsafe-settings=allow`: a server may be used that loses what it has committed when it crashes. For tests and trials.
    pub const fn allows_unsafe_settings(&self) -> bool {
        self.allows_unsafe_settings
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            ..self.clone()
        }
    }
}

fn decoded(what: &str, text: &str) -> Result<String, String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("{what} is no UTF-8"))
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}", self.user)?;
        if self.password.is_some() {
            write!(f, ":{MASK}")?;
        }
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(
            f,
            "@{open}{}{close}:{}/{}?ssl-mode={}",
            self.host,
            self.port,
            self.database,
            self.tls.mode.name()
        )?;
        if self.allows_unsafe_settings {
            write!(f, "&unsafe-settings=allow")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::DatabaseUrl;

    fn parsed(text: &str) -> MySqlUrl {
        MySqlUrl::parse(text).unwrap()
    }

    #[test]
    fn every_part_is_read() {
        let url = parsed(
            "mariadb://te%3Arcet:p%40ss@db.example:3307/log?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem",
        );
        assert_eq!(url.user, "te:rcet");
        assert_eq!(url.password.as_deref(), Some("p@ss"));
        assert_eq!((url.host(), url.port()), ("db.example", 3307));
        assert_eq!(url.database(), "log");
        assert_eq!(url.tls().mode, TlsMode::VerifyCa);
        assert_eq!(url.tls().ca.as_deref(), Some(Path::new("/ca.pem")));
        assert_eq!(parsed("mysql://u@[::1]/d").host(), "::1");
        assert_eq!(parsed("mysql://u@h/d").port(), 3306);
        assert_eq!(parsed("mysql://u@h/d").password, None);
    }

    #[test]
    fn a_connection_is_plain_only_on_this_machine_unless_the_url_says_so() {
        for (text, mode) in [
            ("mysql://u:p@db.example/d", TlsMode::VerifyIdentity),
            ("mysql://u:p@10.0.0.5/d", TlsMode::VerifyIdentity),
            (
                "mysql://u:p@localhost.evil.example/d",
                TlsMode::VerifyIdentity,
            ),
            ("mysql://u:p@127.0.0.1/d", TlsMode::Preferred),
            ("mysql://u:p@localhost/d", TlsMode::Preferred),
            ("mysql://u:p@[::1]/d", TlsMode::Preferred),
            (
                "mysql://u:p@db.example/d?socket=/run/m.sock",
                TlsMode::Preferred,
            ),
            (
                "mysql://u:p@db.example/d?ssl-mode=disabled",
                TlsMode::Disabled,
            ),
            (
                "mysql://u:p@127.0.0.1/d?ssl-mode=required",
                TlsMode::Required,
            ),
        ] {
            assert_eq!(parsed(text).tls().mode, mode, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_without_the_password() {
        for (text, part) in [
            ("mysql://u:hunter2@db", "no database"),
            ("mysql://u:hunter2@db/a/b", "no database"),
            ("mysql://:hunter2@db/d", "no user"),
            ("mysql:u:hunter2@db/d", ""),
            ("mysql://u:hunter2@db:99999/d", "port"),
            ("mysql://u:hunter2@db/d?ssl-mode=on", "ssl-mode is one of"),
            (
                "mysql://u:hunter2@db/d?sslmode=disabled",
                "sslmode is no parameter",
            ),
            ("mysql://u:hunter2@db/d?ssl-cert=a", "go together"),
            (
                "mysql://u:hunter2@db/d?unsafe-settings=1",
                "can only be allow",
            ),
            ("mysql://u:hunter2%FF@db/d", "the password is no UTF-8"),
        ] {
            let line = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(line.contains(part), "{text}: {line}");
            assert!(!line.contains('\n'));
            assert!(!line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("mysql://tercet:hunter2@db/d?ssl-mode=required").unwrap();
        for shown in [url.to_string(), format!("{url:?}"), format!("{url:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(
                shown.contains("tercet:***@db:3306/d?ssl-mode=required"),
                "{shown}"
            );
        }
    }
}
