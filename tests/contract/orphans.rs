//! A cancel that comes before its begin.

use tercet_proto::tercet::v1 as pb;

use crate::told::reason;
use crate::world::{World, branch, one, options, plain, sequential};

#[tokio::test]
async fn a_cancel_of_an_unknown_gid_stands_against_whatever_comes_later() {
    let mut world = World::start().await;
    let long = "because ".repeat(1_000);
    let first = world.cancel("g", &long).await.unwrap();
    let record = first.transaction.clone().unwrap();
    assert!(first.was_unknown);
    assert_eq!(record.state(), pb::TransactionState::Cancelled);
    let cause = record.cancel_cause.clone().unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Requested);
    assert!(
        long.starts_with(&cause.note) && !cause.note.is_empty(),
        "cut"
    );
    assert!(record.ended_at.is_some() && record.coordinator.is_empty());

    for round in 0..2 {
        assert_eq!(world.cancel("g", "again").await.unwrap(), first);
        let mut other = one("g");
        other.options = Some(sequential());
        for request in [one("g"), other] {
            assert_eq!(world.execute(request).await.unwrap(), record);
        }
        // Content that would be refused is no other: it isn't looked at.
        let empty = crate::world::execute("g", Vec::new());
        assert_eq!(world.execute(empty).await.unwrap(), record);
        for options in [plain(), options(|it| it.try_order = 99)] {
            assert_eq!(world.begin("g", options).await.unwrap(), record);
        }
        assert_eq!(reason(world.confirm("g").await), "ALREADY_DECIDED");
        let new = branch("1", "p");
        assert_eq!(
            reason(world.try_branch("g", new.clone()).await),
            "ALREADY_DECIDED"
        );
        assert_eq!(reason(world.register("g", new).await), "ALREADY_DECIDED");
        let minute = Some(std::time::Duration::from_mins(1));
        assert_eq!(reason(world.renew("g", minute).await), "ALREADY_DECIDED");
        assert_eq!(world.resolve("g", "1").await.unwrap(), pb::Verdict::Cancel);
        assert_eq!(world.retry("g").await.unwrap(), record);
        assert_eq!(world.park("g").await.unwrap(), record);
        assert_eq!(world.resume("g").await.unwrap(), record);
        if round == 0 {
            world.restart().await;
        }
    }
    assert!(world.p.seen().is_empty());

    world.begin("known", plain()).await.unwrap();
    assert!(!world.cancel("known", "").await.unwrap().was_unknown);
    assert!(!world.cancel("known", "").await.unwrap().was_unknown);
}
