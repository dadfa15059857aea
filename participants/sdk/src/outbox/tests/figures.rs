//! What the outbox tells of itself.

use tercet_service::Metrics;

use super::{MessageState, Post};
use crate::metrics::OutboxMeters;

fn has(metrics: &Metrics, line: &str) {
    let text = metrics.render();
    assert!(text.lines().any(|found| found == line), "{line}\n{text}");
}

#[tokio::test]
async fn the_figures_show_what_waits_and_what_was_sent() {
    let post = given!(Post::new());
    let metrics = Metrics::new();
    let meters = OutboxMeters::new(&metrics);
    for gid in ["one", "two", "three"] {
        post.write(gid).await;
    }

    meters.look(&post.outbox).await.unwrap();
    has(&metrics, "tercet_outbox_messages_waiting 3");
    has(&metrics, "tercet_outbox_sent_total 0");
    assert!(
        !metrics
            .render()
            .contains("tercet_outbox_oldest_age_seconds 0\n"),
        "it has an age"
    );

    let _running = post.run();
    for gid in ["one", "two", "three"] {
        post.until(gid, MessageState::Sent).await;
    }
    post.until_counted(|counts| counts.sent == 3).await;
    meters.look(&post.outbox).await.unwrap();
    has(&metrics, "tercet_outbox_messages_waiting 0");
    has(&metrics, "tercet_outbox_oldest_age_seconds 0");
    has(&metrics, "tercet_outbox_sent_total 3");
}
