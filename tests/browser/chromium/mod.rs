//! A real browser without a window, driven as a person does: by what can be seen, read out and pressed.
//!
//! - [`connection`]: the browser's own protocol.
//! - [`page`]: one tab: opened, read, photographed.
//! - [`hands`]: what is found by its role and name, clicked and typed into.
//! - [`seen`]: what the page asked for and complained of by itself.

mod connection;
mod hands;
mod page;
mod seen;

use std::fs::File;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tercet_test_databases::{fetch, or_skip};
use tokio::process::{Child, Command};

use crate::harness::patiently;
use connection::Connection;
pub(crate) use page::{Look, Page};

/// The shell hands the browser its pipe where it wants it: commands on 3, answers on 4.
const PIPE: &str = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2";

/// A browser that is up. It ends with this value.
pub(crate) struct Browser {
    connection: Arc<Connection>,
    _child: Child,
    _folder: TempDir,
}

impl Browser {
    /// None, and one line, where no browser can be had; under `CI` that is a failure.
    pub(crate) async fn start() -> Option<Self> {
        let fetched = tokio::task::spawn_blocking(fetch::chromium);
        // The first time it comes over the network; everything after has its own bound.
        let chromium = or_skip(fetched.await.unwrap())?;
        let folder = TempDir::new().unwrap();
        let said = File::create(folder.path().join("stderr")).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", PIPE, "sh"])
            .arg(chromium.program())
            .args([
                "--remote-debugging-pipe",
                // It sees only our own pages, and has to run as root in a container.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                "--force-color-profile=srgb",
                "--font-render-hinting=none",
                "--lang=en-US",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .envs(chromium.variables())
            .env("HOME", folder.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let connection = Connection::new(input, output);
        let asked = connection.ask(None, "Browser.getVersion", json!({}));
        patiently("the browser to start", asked).await.unwrap();
        Some(Self {
            connection: Arc::new(connection),
            _child: child,
            _folder: folder,
        })
    }

    /// A page that shares nothing with the others: no cookies, no cache.
    pub(crate) async fn page(&self, look: Look) -> Page {
        Page::new(Arc::clone(&self.connection), look).await
    }
}
