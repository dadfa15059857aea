//! Processes that die and answers that get lost, after every step: the message arrives, once.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::{Fault, STEPS, Step};
use super::{MessageState, OutboxOptions, Post, quick};
use crate::testing::seed;

#[tokio::test]
async fn a_process_that_dies_at_any_step_is_made_good_by_the_next() {
    let post = given!(Post::new());
    for step in STEPS {
        for fault in [Fault::HangBefore, Fault::HangAfter] {
            let gid = format!("{step:?}-{fault:?}");
            post.model.fail(step, [fault]);
            post.write(&gid).await;
            let first = post.run();
            post.model.until_somebody_hangs().await;
            first.kill().await;
            let row = post.row(&gid).await.unwrap();
            assert_eq!((row.state, row.attempts), (MessageState::Waiting, 1));

            let _second = post.run();
            let row = post.until(&gid, MessageState::Sent).await;

            assert_eq!(post.model.delivered(&gid), 1, "{gid}");
            assert!(row.attempts >= 2, "{gid}: the first attempt counts");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_at_any_step_is_asked_for_again() {
    let post = given!(Post::new());
    let _running = post.run();
    for step in STEPS {
        for fault in [Fault::Before, Fault::After] {
            let gid = format!("{step:?}-{fault:?}");
            post.model.fail(step, [fault, fault, fault]);
            post.write(&gid).await;

            let row = post.until(&gid, MessageState::Sent).await;

            assert_eq!(post.model.delivered(&gid), 1, "{gid}");
            // An answer that is lost after the decision isn't missed: the next begin tells.
            let least = if step == Step::Confirm && matches!(fault, Fault::After) {
                2
            } else {
                4
            };
            assert_eq!(row.attempts, least, "{gid}");
            assert!(row.last_error.is_empty());
            post.model.clear_faults();
        }
    }
    post.until_counted(|now| now.failed >= 16).await;
}

#[tokio::test]
async fn a_coordinator_that_is_silent_holds_up_nobody_for_long() {
    let options = OutboxOptions {
        call_timeout: Duration::from_millis(10),
        ..quick()
    };
    let post = given!(Post::with(options));
    let _running = post.run();
    for step in STEPS {
        post.model.fail(step, [Fault::HangBefore, Fault::HangAfter]);
    }
    for number in 0..10 {
        post.write(&format!("m{number}")).await;
    }
    for number in 0..10 {
        let gid = format!("m{number}");
        post.until(&gid, MessageState::Sent).await;
        assert_eq!(post.model.delivered(&gid), 1, "{gid}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_through_many_deaths_all_arrive_once() {
    let mut random = StdRng::seed_from_u64(seed());
    let post = given!(Post::new());
    let mut gids = Vec::new();
    for round in 0..12 {
        for step in STEPS {
            for _ in 0..random.random_range(0..3) {
                let fault = [
                    Fault::Before,
                    Fault::After,
                    Fault::HangBefore,
                    Fault::HangAfter,
                ][random.random_range(0..4)];
                post.model.fail(step, [fault]);
            }
        }
        let running = post.run();
        for number in 0..random.random_range(1..8) {
            let gid = format!("m{round}-{number}");
            post.write(&gid).await;
            gids.push(gid);
        }
        for _ in 0..random.random_range(0..2_000) {
            tokio::task::yield_now().await;
        }
        running.kill().await;
    }
    post.model.clear_faults();
    let _running = post.run();
    for gid in &gids {
        post.until(gid, MessageState::Sent).await;
        assert_eq!(post.model.delivered(gid), 1, "{gid}");
    }
}
