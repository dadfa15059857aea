//! What a person does with a page: finds things by what they are and what they are called, clicks, types, presses keys.
//!
//! Things are looked up in the tree that a screen reader is given, never by their markup: what has no role and no name
//! can't be found here, just as little as there.

use serde_json::{Value, json};

use super::page::Page;

/// A key with what the browser wants to know of it: its name, its code, and what it types.
fn key(name: &str) -> (u32, Option<&str>) {
    match name {
        "Tab" => (9, None),
        "Enter" => (13, Some("\r")),
        "Escape" => (27, None),
        "Space" => (32, Some(" ")),
        "ArrowDown" => (40, None),
        one if one.chars().count() == 1 => {
            let upper = one.to_uppercase();
            (upper.chars().next().map_or(0, u32::from), Some(one))
        }
        other => panic!("no key is called {other}"),
    }
}

impl Page {
    /// Everything of that role and name that isn't hidden, in the order of the page.
    pub(crate) async fn find(&self, role: &str, name: &str) -> Vec<u64> {
        let found = async {
            let document = self
                .try_ask("DOM.getDocument", json!({ "depth": 0 }))
                .await?;
            let asked = json!({
                "backendNodeId": document["root"]["backendNodeId"],
                "role": role, "accessibleName": name,
            });
            self.try_ask("Accessibility.queryAXTree", asked).await
        };
        let Ok(found) = found.await else {
            return Vec::new();
        };
        let nodes = found["nodes"].as_array().cloned().unwrap_or_default();
        let shown = nodes.iter().filter(|node| node["ignored"] != true);
        shown
            .filter_map(|node| node["backendDOMNodeId"].as_u64())
            .collect()
    }

    /// Clicks the middle of it, as soon as there is one.
    pub(crate) async fn click(&self, role: &str, name: &str) {
        let what = format!("{role} {name:?}");
        self.until(&what, || async {
            let node = *self.find(role, name).await.first()?;
            self.click_node(node).await
        })
        .await;
    }

    /// None if it can't be seen, or isn't there any more.
    async fn click_node(&self, node: u64) -> Option<()> {
        let node = json!({ "backendNodeId": node });
        self.try_ask("DOM.scrollIntoViewIfNeeded", node.clone())
            .await
            .ok()?;
        let quads = self.try_ask("DOM.getContentQuads", node).await.ok()?;
        let corner = |n: usize| quads["quads"][0][n].as_f64();
        let (x, y) = (
            f64::midpoint(corner(0)?, corner(4)?),
            f64::midpoint(corner(1)?, corner(5)?),
        );
        for (kind, count) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)] {
            let event = json!({
                "type": kind, "x": x, "y": y, "button": "left", "clickCount": count,
            });
            self.ask("Input.dispatchMouseEvent", event).await;
        }
        Some(())
    }

    /// Clicks into a field and types.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let role = if self.find("textbox", name).await.is_empty()
            && !self.find("searchbox", name).await.is_empty()
        {
            "searchbox"
        } else {
            "textbox"
        };
        self.click(role, name).await;
        self.type_text(text).await;
    }

    /// Types into what has the focus.
    pub(crate) async fn type_text(&self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses one key.
    pub(crate) async fn press(&self, name: &str) {
        let (code, text) = key(name);
        let key = if name == "Space" { " " } else { name };
        let mut event = json!({
            "type": "rawKeyDown", "key": key, "windowsVirtualKeyCode": code,
        });
        if let Some(text) = text {
            event["type"] = "keyDown".into();
            event["text"] = text.into();
        }
        self.ask("Input.dispatchKeyEvent", event).await;
        let event = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.ask("Input.dispatchKeyEvent", event).await;
    }

    /// Role and name of what has the focus.
    pub(crate) async fn focused(&self) -> (String, String) {
        let got = async {
            let active = json!({ "expression": "document.activeElement" });
            let active = self.try_ask("Runtime.evaluate", active).await?;
            let asked = json!({
                "objectId": active["result"]["objectId"], "fetchRelatives": false,
            });
            self.try_ask("Accessibility.getPartialAXTree", asked).await
        };
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        got.await.map_or_else(
            |_| (String::new(), String::new()),
            |tree| {
                let node = &tree["nodes"][0];
                (text(&node["role"]), text(&node["name"]))
            },
        )
    }

    /// Goes on with the Tab key until that has the focus; fails after `presses`.
    pub(crate) async fn tab_to(&self, role: &str, name: &str, presses: usize) {
        let mut passed = Vec::new();
        for _ in 0..presses {
            self.press("Tab").await;
            let focused = self.focused().await;
            if focused == (role.to_owned(), name.to_owned()) {
                return;
            }
            passed.push(focused);
        }
        panic!("{presses} times Tab never came to {role} {name:?}: {passed:?}");
    }
}
