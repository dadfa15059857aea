//! The whole way from the overview to a resumed transaction without a mouse.

use tercet_proto::tercet::v1::TransactionState;

use crate::chromium::Look;
use crate::world::{Mood, World};

/// More than any page has before what is looked for.
const PRESSES: usize = 60;

#[tokio::test]
async fn a_stuck_transaction_is_found_and_resumed_by_keyboard_alone() {
    let Some(world) = World::start().await else {
        return;
    };
    world.parked("order-1", "1001").await;
    world.stock.set(Mood::Well);
    let page = world.open(Look::LIGHT, "/").await;
    page.until_it_says("1 transaction needs a person").await;
    page.press("Tab").await;
    let first = page.focused().await;
    assert_eq!(first, ("link".into(), "Skip to the content".into()));
    page.press("Enter").await;
    page.tab_to("link", "Show", 3).await;
    page.photograph("focus light").await;
    page.press("Enter").await;
    page.until_it_says("order-1").await;
    page.tab_to("link", "order-1", PRESSES).await;
    page.press("Enter").await;
    page.until_it_says("What you may do").await;
    page.tab_to("DisclosureTriangleGrouped", "Resume…", PRESSES)
        .await;
    page.press("Space").await;
    page.tab_to("textbox", "Your name", 3).await;
    page.type_text("Anna").await;
    page.tab_to("button", "Resume", 3).await;
    page.press("Enter").await;

    page.until_it_says("Resumed: retries go on.").await;
    let is_confirmed =
        |it: &tercet_proto::tercet::v1::Transaction| it.state() == TransactionState::Confirmed;
    world.until("its end", "order-1", is_confirmed).await;
    page.press("/").await;
    let focused = page.focused().await;
    assert_eq!(
        focused,
        (
            "searchbox".into(),
            "Find a transaction by gid or label".into()
        )
    );
    page.assert_clean(&world.origin());
}
