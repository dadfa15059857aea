//! What can be read: the overview, the list and its filters, a transaction that is stuck.

use crate::chromium::Look;
use crate::world::{SLOW, World};

#[tokio::test]
async fn the_overview_says_whether_anybody_is_needed_and_keeps_itself_current() {
    let Some(world) = World::start().await else {
        return;
    };
    let page = world.open(Look::LIGHT, "/").await;
    page.until_it_says("All quiet.").await;
    page.until_it_says("Live").await;

    world.parked("order-1", "1001").await;

    let text = page.until_it_says("1 transaction needs a person").await;
    for words in [
        "it is parked",
        "1 confirming",
        "points",
        "stock",
        "answering",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    page.photograph("overview light").await;
    page.look(Look::DARK).await;
    page.photograph("overview dark").await;
    page.look(Look::NARROW).await;
    page.photograph("overview narrow").await;
    page.click("link", "Show").await;
    page.until_it_says("order-1").await;
    assert_eq!(page.path().await, "/transactions?attention=on");
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn the_list_is_filtered_and_its_filter_is_its_address() {
    let Some(world) = World::start().await else {
        return;
    };
    world.execute("order-1", "1001").await;
    world.begin("order-2", "1002").await;
    world.parked("order-3", "1003").await;
    let page = world.open(Look::LIGHT, "/transactions").await;
    let text = page.until_it_says("order-3").await;
    assert!(
        text.contains("order-1") && text.contains("order-2"),
        "{text}"
    );
    page.until_it_says("Live").await;
    page.photograph("list light").await;

    page.click("checkbox", "TRYING").await;
    page.click("button", "Show").await;
    page.until_it_says("1 transaction on this page").await;
    assert_eq!(
        page.path().await,
        "/transactions?state=trying&label=&participant=&older="
    );

    page.open(&format!("{}/transactions", world.origin())).await;
    page.fill("Label", "order_no=1003").await;
    page.click("button", "Show").await;
    let text = page.until_it_says("1 transaction on this page").await;
    assert!(
        text.contains("order-3") && text.contains("parked"),
        "{text}"
    );
    page.look(Look::DARK).await;
    page.photograph("list dark").await;
    page.look(Look::NARROW).await;
    page.photograph("list narrow").await;

    let filter = "/transactions?participant=stock&older=1h";
    page.open(&format!("{}{filter}", world.origin())).await;
    page.until_it_says("No transaction meets every condition.")
        .await;
    let filter = "/transactions?older=soon";
    page.open(&format!("{}{filter}", world.origin())).await;
    page.until_it_says("An age is written like").await;
    page.look(Look::LIGHT).await;
    page.click("link", "Coordinators").await;
    page.until_it_says("this one").await;
    page.photograph("coordinators light").await;
}

#[tokio::test]
async fn a_stuck_transaction_shows_every_attempt_why_it_waits_and_until_when() {
    let Some(world) = World::with(SLOW).await else {
        return;
    };
    world.stock.fail();
    world.execute("order/1?&..#", "1001").await;
    let is_late = |it: &tercet_proto::tercet::v1::Transaction| it.attempts.len() >= 7;
    world.until("some retries", "order/1?&..#", is_late).await;
    let page = world.open(Look::LIGHT, "/").await;
    page.fill("Find a transaction by gid or label", "order/1?&..#")
        .await;
    page.press("Enter").await;

    let text = page.until_it_says("decided to confirm").await;
    for words in [
        "CONFIRMING",
        "Next attempt",
        "the database of stock can't be reached",
        "UNAVAILABLE",
        "2 stock.reserve",
        "order_no=1001",
        "now, still open",
        &world.stock.address,
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("secret-payload"));
    page.until_it_says("Live").await;
    page.photograph("stuck light").await;
    page.look(Look::DARK).await;
    page.photograph("stuck dark").await;
    page.look(Look::NARROW).await;
    page.photograph("stuck narrow").await;

    world.stock.set(crate::world::Mood::Well);
    page.look(Look::LIGHT).await;
    page.until_it_says("It has ended. Nothing is left to do.")
        .await;
    page.photograph("ended light").await;
    page.assert_clean(&world.origin());
}
