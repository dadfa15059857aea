//! What a page did while nobody asked it anything: requests, and whatever a browser complains of.

use serde_json::Value;

/// Everything since the page was made.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The address of each request, also of those that were refused.
    pub(crate) requests: Vec<String>,
    /// Errors and warnings: of scripts, of the console, of policies that were broken, of what couldn't be loaded.
    pub(crate) complaints: Vec<String>,
    /// Documents that were loaded.
    pub(crate) documents: usize,
}

impl Seen {
    /// One event.
    pub(crate) fn take(&mut self, method: &str, params: &Value) {
        match method {
            "Network.requestWillBeSent" => {
                let url = &params["request"]["url"];
                self.requests.push(text(url));
                if params["type"] == "Document" {
                    self.documents += 1;
                }
            }
            "Runtime.exceptionThrown" => {
                let details = &params["exceptionDetails"];
                let thrown = &details["exception"]["description"];
                let complaint = format!("{} {}", text(&details["text"]), text(thrown));
                self.complaints.push(complaint);
            }
            "Runtime.consoleAPICalled" if params["type"] != "log" => {
                let complaint = format!("console: {}", params["args"]);
                self.complaints.push(complaint);
            }
            "Log.entryAdded" if params["entry"]["level"] != "verbose" => {
                let entry = &params["entry"];
                let complaint = format!("{} ({})", text(&entry["text"]), text(&entry["url"]));
                self.complaints.push(complaint);
            }
            "Audits.issueAdded" => {
                let complaint = format!("issue: {}", params["issue"]);
                self.complaints.push(complaint);
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
