//! What a person may do, each with what they have to say for it, and what the audit records say afterwards.

use tercet_proto::tercet::v1::{Transaction, TransactionState};

use crate::chromium::{Look, Page};
use crate::world::{Mood, SLOW, World, is_parked};

fn is_in(state: TransactionState) -> impl Fn(&Transaction) -> bool {
    move |transaction| transaction.state() == state
}

/// Opens the form of an action, whose fields can then be found.
async fn form(page: &Page, summary: &str) {
    let script = format!(
        "[...document.querySelectorAll('summary')].find(it => it.textContent === {summary:?})?.click()"
    );
    page.until_it_says(summary).await;
    page.try_value(&script).await;
}

async fn audited(world: &World, gid: &str) -> (String, String, String) {
    let record = world.audit(gid).await.swap_remove(0);
    (record.action, record.who, record.reason)
}

#[tokio::test]
async fn a_retry_makes_the_waiting_call_due_now() {
    // So slow that it wouldn't come by itself while the test looks.
    let retry = "[retry]\ninitial = \"24h\"\nmax = \"24h\"\n";
    let Some(world) = World::with(retry).await else {
        return;
    };
    world.stock.fail();
    world.execute("order-1", "1001").await;
    let is_waiting = |it: &Transaction| it.branches[1].next_attempt_at.is_some();
    world.until("it to wait", "order-1", is_waiting).await;
    world.stock.set(Mood::Well);
    let page = world.open(Look::LIGHT, "/transaction?gid=order-1").await;
    form(&page, "Retry now…").await;
    page.fill("Your name", "Anna").await;
    page.fill("Reason (optional)", "stock is back").await;
    page.photograph("retry form").await;
    page.click("button", "Retry now").await;

    page.until_it_says("Whatever waits is tried again now.")
        .await;
    let is_confirmed = is_in(TransactionState::Confirmed);
    world.until("its end", "order-1", is_confirmed).await;
    let (action, who, reason) = audited(&world, "order-1").await;
    assert_eq!(
        (action.as_str(), reason.as_str()),
        ("RetryTransaction", "stock is back")
    );
    assert!(who.contains("Anna"), "{who}");
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn parked_and_resumed_and_the_name_is_remembered() {
    let Some(world) = World::with(SLOW).await else {
        return;
    };
    world.stock.fail();
    world.execute("order-1", "1001").await;
    let page = world.open(Look::LIGHT, "/transaction?gid=order-1").await;
    form(&page, "Park…").await;
    page.fill("Your name", "Anna").await;
    page.click("button", "Park").await;
    page.until_it_says("Nothing is called until somebody resumes it.")
        .await;
    world.until("it to be parked", "order-1", is_parked).await;
    page.photograph("parked light").await;

    world.stock.set(Mood::Well);
    form(&page, "Resume…").await;
    page.until_it_says("gives parked branches their attempts anew")
        .await;
    page.click("button", "Resume").await;

    let text = page.until_it_says("Resumed: retries go on.").await;
    assert!(text.contains("You act as Anna"), "{text}");
    let is_confirmed = is_in(TransactionState::Confirmed);
    world.until("its end", "order-1", is_confirmed).await;
    let actions: Vec<_> = world.audit("order-1").await;
    let actions: Vec<_> = actions.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["ResumeTransaction", "ParkTransaction"]);
    page.open(&format!("{}/audit?gid=order-1", world.origin()))
        .await;
    page.until_it_says("ParkTransaction").await;
    page.photograph("audit light").await;
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn a_force_wants_a_reason_and_the_gid() {
    let Some(world) = World::start().await else {
        return;
    };
    world.parked("order-1", "1001").await;
    let page = world.open(Look::LIGHT, "/transaction?gid=order-1").await;
    form(&page, "Force a branch…").await;
    page.fill("Your name", "Anna").await;
    page.fill("Reason", "booked by hand, ticket 7").await;
    page.fill("Type the gid to go on", "order-2").await;
    page.photograph("force form").await;
    page.click("button", "Force a branch").await;
    assert_eq!(page.path().await, "/transaction?gid=order-1");
    assert!(world.audit("order-1").await.is_empty());

    // Whatever the browser lets through, the server looks again.
    page.try_value("document.querySelector('#do-force form').noValidate = true")
        .await;
    page.click("button", "Force a branch").await;
    page.until_it_says("What was typed is not “order-1”.").await;
    assert!(world.audit("order-1").await.is_empty());
    page.photograph("force refused").await;
    page.fill("Type the gid to go on", "order-1").await;
    page.click("button", "Force a branch").await;

    let text = page.until_it_says("Recorded as done by hand").await;
    assert!(text.contains("by hand"), "{text}");
    let forced = world.get("order-1").await;
    assert!(forced.branches[1].forced && is_in(TransactionState::Confirmed)(&forced));
    let (action, _, reason) = audited(&world, "order-1").await;
    assert_eq!(
        (action.as_str(), reason.as_str()),
        ("ForceBranch", "booked by hand, ticket 7")
    );
    let complaints = page.seen().complaints.clone();
    // A refused form is answered with 400, and the browser says so.
    let others = complaints.iter().filter(|it| !it.contains("400"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn what_is_undecided_can_be_cancelled() {
    let Some(world) = World::start().await else {
        return;
    };
    world.begin("order-1", "1001").await;
    let page = world.open(Look::LIGHT, "/transaction?gid=order-1").await;
    form(&page, "Cancel the transaction…").await;
    page.fill("Your name", "Anna").await;
    page.fill("Reason", "the buyer has called").await;
    page.fill("Type the gid to go on", "order-1").await;
    page.click("button", "Cancel the transaction").await;

    page.until_it_says("Decided to cancel").await;
    page.until_it_says("a cancel was asked for: the buyer has called")
        .await;
    let cancelled = world.get("order-1").await;
    assert_eq!(cancelled.state(), TransactionState::Cancelled);
    let (action, who, reason) = audited(&world, "order-1").await;
    assert_eq!(
        (action.as_str(), reason.as_str()),
        ("CancelTransaction", "the buyer has called")
    );
    assert!(who.contains("Anna"), "{who}");
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn many_at_once_by_filter_and_count() {
    let Some(world) = World::start().await else {
        return;
    };
    for number in 1..=3 {
        world.parked(&format!("order-{number}"), "1001").await;
    }
    world.parked("other", "1002").await;
    world.stock.set(Mood::Well);
    let page = world
        .open(Look::LIGHT, "/transactions?label=order_no%3D1001")
        .await;
    form(&page, "Act on everything that this filter finds…").await;
    page.click("link", "Resume all…").await;
    page.until_it_says("finds 3 transactions that are parked")
        .await;
    page.fill("Your name", "Anna").await;
    page.fill("Reason", "stock is back").await;
    page.fill("Type the count to go on", "3").await;
    page.photograph("bulk").await;
    page.click("button", "Resume many").await;

    page.until_it_says("3 done, 0 failed.").await;
    for number in 1..=3 {
        let gid = format!("order-{number}");
        world
            .until("its end", &gid, is_in(TransactionState::Confirmed))
            .await;
        assert_eq!(audited(&world, &gid).await.2, "stock is back");
    }
    assert!(
        is_parked(&world.get("other").await),
        "the filter left it out"
    );
    page.assert_clean(&world.origin());
}

#[tokio::test]
async fn a_participant_is_paused_and_resumed() {
    let Some(world) = World::with(SLOW).await else {
        return;
    };
    let page = world.open(Look::LIGHT, "/participants").await;
    form(&page, "Pause stock…").await;
    page.fill("Your name", "Anna").await;
    page.fill("Reason", "its database moves").await;
    page.click("button", "Pause stock").await;
    page.until_it_says("stock is paused: it gets no calls.")
        .await;
    let text = page.until_it_says("its database moves").await;
    assert!(
        text.contains("breaker") || text.contains("paused"),
        "{text}"
    );
    page.photograph("participants light").await;
    page.look(Look::DARK).await;
    page.photograph("participants dark").await;
    page.look(Look::NARROW).await;
    page.photograph("participants narrow").await;
    page.look(Look::LIGHT).await;

    form(&page, "Resume stock…").await;
    page.until_it_says("Everything that waits for it is called at once")
        .await;
    page.fill("Reason", "moved").await;
    page.click("button", "Resume stock").await;
    page.until_it_says("stock gets calls again.").await;
    let actions: Vec<_> = world.audit("").await;
    let actions: Vec<_> = actions.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["ResumeParticipant", "PauseParticipant"]);
    page.assert_clean(&world.origin());
}
