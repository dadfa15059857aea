//! One tab of the browser.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::connection::Connection;
use super::seen::Seen;
use crate::harness::{PATIENCE, until};

/// How the page is looked at. The size is in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

impl Look {
    /// A window on a small laptop.
    pub(crate) const LIGHT: Self = Self {
        width: 1200,
        height: 800,
        dark: false,
    };
    pub(crate) const DARK: Self = Self {
        dark: true,
        ..Self::LIGHT
    };
    /// A telephone.
    pub(crate) const NARROW: Self = Self {
        width: 390,
        height: 844,
        dark: false,
    };
}

/// A tab.
pub(crate) struct Page {
    connection: Arc<Connection>,
    session: String,
    seen: Arc<Mutex<Seen>>,
}

impl Page {
    pub(super) async fn new(connection: Arc<Connection>, look: Look) -> Self {
        let asked = connection.ask(None, "Target.createBrowserContext", json!({}));
        let context = asked.await.unwrap()["browserContextId"].take();
        let target = json!({
            "url": "about:blank", "browserContextId": context,
            "width": look.width, "height": look.height,
        });
        let asked = connection.ask(None, "Target.createTarget", target);
        let target = asked.await.unwrap()["targetId"].take();
        let attach = json!({ "targetId": target, "flatten": true });
        let asked = connection.ask(None, "Target.attachToTarget", attach);
        let session = asked.await.unwrap()["sessionId"].take();
        let session = session.as_str().unwrap().to_owned();
        let seen = Arc::<Mutex<Seen>>::default();
        connection.follow(&session, Arc::clone(&seen));
        let page = Self {
            connection,
            session,
            seen,
        };
        for domain in [
            "Page",
            "Network",
            "Runtime",
            "Log",
            "Audits",
            "DOM",
            "Accessibility",
        ] {
            page.ask(&format!("{domain}.enable"), json!({})).await;
        }
        page.look(look).await;
        page
    }

    /// The answer to a command, which has to be one.
    pub(super) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.try_ask(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same where it may fail: what a page shows can change between two commands.
    pub(super) async fn try_ask(&self, method: &str, params: Value) -> Result<Value, String> {
        let session = Some(self.session.as_str());
        self.connection.ask(session, method, params).await
    }

    /// Another size, another colour scheme.
    pub(crate) async fn look(&self, look: Look) {
        let size = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.ask("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.ask("Emulation.setEmulatedMedia", media).await;
    }

    /// Opens an address, and waits until the document is there with everything that belongs to it.
    pub(crate) async fn open(&self, url: &str) {
        let answer = self.ask("Page.navigate", json!({ "url": url })).await;
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        until(&format!("{url} to be loaded"), || async {
            let state = self.try_value("document.readyState").await;
            (state? == "complete").then_some(())
        })
        .await;
    }

    /// What an expression of the page's own language gives; none while the page changes.
    pub(crate) async fn try_value(&self, expression: &str) -> Option<Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.try_ask("Runtime.evaluate", params).await.ok()?;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        Some(answer["result"]["value"].take())
    }

    /// The same as text; `""` while there is none.
    pub(crate) async fn text_of(&self, expression: &str) -> String {
        let value = self.try_value(expression).await.unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Everything that can be read on the page.
    pub(crate) async fn text(&self) -> String {
        self.text_of("document.body ? document.body.innerText : ''")
            .await
    }

    /// Path and query of where the page is.
    pub(crate) async fn path(&self) -> String {
        self.text_of("location.pathname + location.search").await
    }

    /// Waits until the page shows that, whatever it takes: a click, an event, another document.
    pub(crate) async fn until_it_says(&self, words: &str) -> String {
        self.until(&format!("{words:?}"), || async {
            let text = self.text().await;
            text.contains(words).then_some(text)
        })
        .await
    }

    /// Asks again and again; if it is in vain, the failure says what the page shows.
    pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        probe: impl FnMut() -> F,
    ) -> T {
        // A little sooner than the same question would give up by itself.
        let bound = PATIENCE.mul_f64(0.95);
        if let Ok(value) = tokio::time::timeout(bound, until(what, probe)).await {
            return value;
        }
        let text = self.text().await;
        panic!("waited in vain for {what}; the page says\n{text}")
    }

    /// What it did by itself so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// What is in sight, as a picture in `target/tmp/browser/NAME.png`, for people.
    pub(crate) async fn photograph(&self, name: &str) -> PathBuf {
        let taken = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = BASE64_STANDARD
            .decode(taken.await["data"].as_str().unwrap())
            .unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// Nothing went wrong in the browser's own eyes, and nobody but `origin` was asked for anything.
    pub(crate) fn assert_clean(&self, origin: &str) {
        let seen = self.seen();
        assert_eq!(seen.complaints, Vec::<String>::new());
        let others = seen.requests.iter();
        let others = others.filter(|url| !url.starts_with(origin) && !url.starts_with("data:"));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(!seen.requests.is_empty(), "nothing was asked for at all");
    }
}
