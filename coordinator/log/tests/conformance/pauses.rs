//! Participants that people pause and resume.

use tercet_core::ParticipantName;
use tercet_log::{AuditFilter, AuditRecord, LogError, Pause};

use crate::common::beds::{Bed, Store};
use crate::common::transactions::{at, audit};

fn stock(reason: &str) -> AuditRecord {
    audit(None, Some("stock"), reason)
}

fn pause(name: &str, reason: &str) -> Pause {
    Pause {
        participant: ParticipantName::parse(name).unwrap(),
        since: at(5),
        who: "anna".to_owned(),
        reason: reason.to_owned(),
    }
}

async fn reasons(store: &Store) -> Vec<String> {
    let page = store.list_audit(&AuditFilter::default(), None, 100).await;
    let records = page.unwrap().items.into_iter();
    records.map(|record| record.reason).collect()
}

pub(crate) async fn a_pause_is_kept_until_it_is_ended_and_both_are_recorded(bed: &dyn Bed) {
    let store = bed.open().await;
    store.set_paused(&stock("moved"), true).await.unwrap();
    let points = audit(None, Some("points"), "full");
    store.set_paused(&points, true).await.unwrap();
    drop(store);

    let store = bed.open().await;
    let paused = [pause("points", "full"), pause("stock", "moved")];
    assert_eq!(store.pauses().await.unwrap(), paused);

    store.set_paused(&stock("there"), false).await.unwrap();
    assert_eq!(store.pauses().await.unwrap(), paused[..1]);
    assert_eq!(reasons(&store).await, ["there", "full", "moved"]);
}

pub(crate) async fn the_first_of_two_pauses_stands_and_a_needless_resume_is_harmless(
    bed: &dyn Bed,
) {
    let store = bed.open().await;
    store.set_paused(&stock("never"), false).await.unwrap();
    store.set_paused(&stock("first"), true).await.unwrap();
    store.set_paused(&stock("second"), true).await.unwrap();
    assert_eq!(store.pauses().await.unwrap(), [pause("stock", "first")]);
    assert_eq!(reasons(&store).await, ["second", "first", "never"]);
    let page = store.list_audit(&AuditFilter::default(), None, 100).await;
    let records = page.unwrap().items;
    let states: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record.before.as_str(), record.after.as_str()))
        .collect();
    assert_eq!(
        states,
        [
            ("paused", "paused"),
            ("calling", "paused"),
            ("calling", "calling")
        ]
    );
}

pub(crate) async fn a_pause_that_cant_be_recorded_is_none(bed: &dyn Bed) {
    let store = bed.open().await;
    let refused = store.set_paused(&stock(&"x".repeat(5_000)), true).await;
    assert!(matches!(refused, Err(LogError::Invalid(_))), "{refused:?}");
    let survivor = bed.take_over().await;
    let late = store.set_paused(&stock("late"), true).await;
    assert!(matches!(late, Err(LogError::Failed(_))), "{late:?}");
    assert_eq!(survivor.pauses().await.unwrap(), []);
    assert_eq!(reasons(&survivor).await, Vec::<String>::new());
}
