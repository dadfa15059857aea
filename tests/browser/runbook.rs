//! The runbook's walk from the alert to mended, by somebody who knows nothing but the runbook: with its own files, in its
//! order, once at the console and once by command.
//!
//! `UPDATE_DOCS=1 cargo test --test browser runbook` takes the runbook's pictures anew, into `docs/images`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::chromium::{Browser, Look, Page};
use crate::harness::process::{Server, run};
use crate::harness::shop::free_port;
use crate::harness::until;

const RUNBOOK: &str = "docs/runbook.md";
const IMAGES: &str = "docs/images";
/// Set to anything, it keeps the pictures.
const WRITE: &str = "UPDATE_DOCS";
/// A picture is part of every checkout.
const PICTURE_BYTES_MAX: u64 = 150_000;
/// The transaction of the walk.
const GID: &str = "order-4711";
/// Where the runbook has the warehouse and the coordinator.
const WAREHOUSE: &str = "127.0.0.1:7423";
const COORDINATOR: &str = "127.0.0.1:7400";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The block of the runbook that has `words` in it, without what a person wouldn't copy.
fn block(words: &str) -> String {
    let text = fs::read_to_string(repository(RUNBOOK)).unwrap();
    let blocks = text.split("\n```").skip(1).step_by(2);
    let found = blocks.map(|block| block.split_once('\n').unwrap_or_default().1);
    let mut found = found.filter(|block| block.contains(words));
    let block = found
        .next()
        .unwrap_or_else(|| panic!("{RUNBOOK}: no block with {words}"));
    // Of commands that are shown with what they print, only what `cat` has printed.
    match block.split_once("$ cat warehouse.toml\n") {
        Some((_, rest)) => rest.split("\n$ ").next().unwrap_or_default().to_owned(),
        None => block.to_owned(),
    }
}

/// Everything that the walk needs, as the runbook has it but for the ports.
struct Practice {
    folder: TempDir,
    dev: Server,
    warehouse: Option<Server>,
}

impl Practice {
    /// Up, without the warehouse; the transaction is stuck as soon as its attempts are used up.
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let warehouse = format!("127.0.0.1:{}", free_port());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "practice.toml",
            &block("[participants.warehouse]").replace(WAREHOUSE, &warehouse),
        );
        write("order.json", &block("\"gid\": \"order-4711\""));
        let arguments = ["dev", "--config", "practice.toml", "--any-port"];
        let dev = Server::start(&arguments, folder.path()).await;
        write(
            "warehouse.toml",
            &block("$ cat warehouse.toml")
                .replace(WAREHOUSE, &warehouse)
                .replace(COORDINATOR, &dev.grpc),
        );
        let practice = Self {
            folder,
            dev,
            warehouse: None,
        };
        practice.tercet("tx execute order.json").await;
        practice
    }

    /// Runs a command of the runbook; what it says.
    async fn tercet(&self, command: &str) -> String {
        let output = self.try_tercet(command).await;
        let said = String::from_utf8(output.stdout).unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}{complained}");
        said
    }

    async fn try_tercet(&self, command: &str) -> Output {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--endpoint", &self.dev.grpc]);
        run(&arguments, self.folder.path()).await
    }

    /// Step 1: the line of the log.
    async fn alert(&self) {
        let what = "the alert";
        let line = until(what, || async {
            let said = self.dev.said();
            let line = said.lines().find(|line| line.contains("needs attention"));
            line.map(str::to_owned)
        });
        let line = line.await;
        for words in [
            "participant=\"warehouse\"",
            "cause=\"parked\"",
            "gid=order-4711",
            "branch=\"4\"",
            "parked after 5 attempts",
        ] {
            assert!(line.contains(words), "{line} lacks {words}");
        }
    }

    /// Step 4.
    async fn mend(&mut self) {
        let arguments = ["stock", "--config", "warehouse.toml"];
        let warehouse = Server::start(&arguments, self.folder.path()).await;
        self.warehouse = Some(warehouse);
    }

    fn origin(&self) -> String {
        format!("http://{}", self.dev.http)
    }

    /// Step 6.
    async fn is_mended(&self, reason: &str) {
        until("the end", || async {
            let shown = self.tercet("tx show order-4711").await;
            shown.contains("■ CONFIRMED").then_some(())
        })
        .await;
        let left = self.tercet("tx list --attention").await;
        assert_eq!(left.trim(), "no transactions");
        let audit = self.tercet("audit --gid order-4711").await;
        assert!(audit.contains(reason), "{audit}");
        let said = self.tercet("reconcile").await;
        assert!(said.contains("Everything agrees."), "{said}");
    }
}

/// Takes a picture, and keeps it for the runbook if that is asked for.
async fn picture(page: &Page, name: &str) {
    let taken = page.photograph(&format!("runbook-{name}")).await;
    let bytes = fs::metadata(&taken).unwrap().len();
    assert!(bytes < PICTURE_BYTES_MAX, "{name} has {bytes} bytes");
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(repository(IMAGES)).unwrap();
        let kept = repository(IMAGES).join(format!("{name}.png"));
        fs::copy(taken, kept).unwrap();
    }
}

/// Follows the link that has one of these names: the runbook says where it stands, not what it is called.
async fn follow(page: &Page, names: &[&str]) {
    let what = format!("a link {names:?}");
    let name = page.until(&what, || async {
        for name in names {
            if !page.find("link", name).await.is_empty() {
                return Some(*name);
            }
        }
        None
    });
    page.click("link", name.await).await;
}

/// Opens what is folded under that title.
async fn unfold(page: &Page, title: &str) {
    let what = format!("something to unfold: {title}");
    let role = page.until(&what, || async {
        for role in ["DisclosureTriangle", "DisclosureTriangleGrouped", "button"] {
            if !page.find(role, title).await.is_empty() {
                return Some(role);
            }
        }
        None
    });
    page.click(role.await, title).await;
}

#[tokio::test]
async fn a_stuck_transaction_is_found_and_mended_at_the_console() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut practice = Practice::start().await;
    practice.alert().await;
    let page = browser.page(Look::LIGHT).await;

    // What is stuck, and since when.
    page.open(&practice.origin()).await;
    page.until_it_says("1 transaction needs a person").await;
    picture(&page, "overview").await;
    follow(&page, &["Look at them", "Show"]).await;
    page.until_it_says(GID).await;
    let listed = page.until_it_says("parked after 5 attempts").await;
    assert!(listed.contains("CONFIRMING"), "{listed}");
    picture(&page, "stuck-list").await;

    // Why.
    page.click("link", GID).await;
    let shown = page
        .until_it_says("Nothing is retried until somebody resumes it")
        .await;
    for words in ["Connection refused", "warehouse", "decided to confirm"] {
        assert!(shown.contains(words), "no {words} in\n{shown}");
    }
    picture(&page, "stuck-transaction").await;
    page.click("link", "warehouse").await;
    let shown = page.until_it_says("left out").await;
    assert!(shown.contains("Decided branches waiting"), "{shown}");

    // Mend the cause; let it go on; see that it is mended.
    practice.mend().await;
    page.open(&format!("{}/transaction?gid={GID}", practice.origin()))
        .await;
    unfold(&page, "Resume…").await;
    page.fill("Your name", "ann").await;
    page.fill("Reason (optional)", "the warehouse is up again")
        .await;
    picture(&page, "resume").await;
    page.click("button", "Resume").await;
    page.until_it_says("It has ended").await;
    let shown = page.until_it_says("the warehouse is up again").await;
    assert!(shown.contains("CONFIRMED"), "{shown}");
    picture(&page, "mended").await;
    page.click("link", "Overview").await;
    page.until_it_says("All quiet").await;
    page.assert_clean(&practice.origin());
    practice.is_mended("the warehouse is up again").await;
}

#[tokio::test]
async fn the_same_is_found_and_mended_by_command() {
    let mut practice = Practice::start().await;
    practice.alert().await;

    let listed = practice.tercet("tx list --attention").await;
    let line = listed.lines().find(|line| line.starts_with(GID)).unwrap();
    assert!(line.contains("CONFIRMING"), "{listed}");
    assert!(line.contains("Connection refused"), "{listed}");
    let shown = practice.tercet("tx show order-4711").await;
    let waits = shown.lines().find(|line| line.trim().starts_with("waits "));
    let waits = waits.unwrap_or_else(|| panic!("nothing waits in\n{shown}"));
    assert!(waits.contains("4 warehouse.notify"), "{shown}");
    assert!(waits.contains("until resumed"), "{shown}");
    let participants = practice.tercet("participants").await;
    let mut lines = participants.lines();
    let warehouse = lines.find(|line| line.starts_with("warehouse")).unwrap();
    assert!(warehouse.contains("Connection refused"), "{participants}");

    // Without --yes it is only counted, and a retry leaves alone what is parked.
    let counted = practice
        .try_tercet("tx resume --participant warehouse --attention")
        .await;
    assert_eq!(counted.status.code(), Some(2));
    practice.mend().await;
    let retried = practice.tercet("tx retry order-4711 --reason early").await;
    assert!(retried.contains("until resumed"), "{retried}");

    practice
        .tercet("tx resume order-4711 --reason up-again")
        .await;
    practice.is_mended("up-again").await;
}
