//! The browser's own protocol (Chrome's protocol for developer tools) over its pipe: JSON between zero bytes, commands with a number
//! and their answers, and events of a session.
//!
//! A pipe and not a port: nothing else can reach the browser, and it ends when this process does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::oneshot;

use super::seen::Seen;
use crate::harness::patiently;

type Answer = Result<Value, String>;

/// What the reading side shares with the asking one.
#[derive(Default)]
struct Routes {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    sessions: Mutex<HashMap<String, Arc<Mutex<Seen>>>>,
}

/// One browser's pipe.
pub(crate) struct Connection {
    next: AtomicU64,
    input: tokio::sync::Mutex<ChildStdin>,
    routes: Arc<Routes>,
}

impl Connection {
    pub(crate) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        let routes = Arc::<Routes>::default();
        tokio::spawn(read(output, Arc::clone(&routes)));
        Self {
            next: AtomicU64::new(1),
            input: tokio::sync::Mutex::new(input),
            routes,
        }
    }

    /// What that session's page does is written into `seen` from now on.
    pub(crate) fn follow(&self, session: &str, seen: Arc<Mutex<Seen>>) {
        let mut sessions = self.routes.sessions.lock().unwrap();
        sessions.insert(session.to_owned(), seen);
    }

    /// The answer to a command, or the browser's words for why there is none.
    pub(crate) async fn ask(&self, session: Option<&str>, method: &str, params: Value) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        self.routes.waiting.lock().unwrap().insert(id, sender);
        let mut bytes = serde_json::to_vec(&command).unwrap();
        bytes.push(0);
        let sent = async { self.input.lock().await.write_all(&bytes).await };
        patiently(method, sent).await.unwrap();
        let answer = patiently(method, answer).await;
        answer.unwrap_or_else(|_| panic!("{method}: the browser has gone"))
    }
}

/// Hands on what the browser says until it says no more.
async fn read(output: ChildStdout, routes: Arc<Routes>) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    while matches!(output.read_until(0, &mut bytes).await, Ok(1..)) {
        bytes.pop();
        let mut message: Value = serde_json::from_slice(&bytes).unwrap();
        bytes.clear();
        if let Some(id) = message["id"].as_u64() {
            let Some(sender) = routes.waiting.lock().unwrap().remove(&id) else {
                continue;
            };
            let answer = match message["error"]["message"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(message["result"].take()),
            };
            // The test that asked may have ended.
            let _ = sender.send(answer);
        } else if let (Some(session), Some(method)) =
            (message["sessionId"].as_str(), message["method"].as_str())
            && let Some(seen) = routes.sessions.lock().unwrap().get(session)
        {
            seen.lock().unwrap().take(method, &message["params"]);
        }
    }
    // Whoever still waits is told by the dropped senders.
    routes.waiting.lock().unwrap().clear();
}
