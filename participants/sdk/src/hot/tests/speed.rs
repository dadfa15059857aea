//! What gathering is worth: one hot row against a thousand, and against one SQL transaction a call. It prints, and asserts
//! nothing about time: `cargo test -p tercet-participant --release speed -- --ignored --nocapture --test-threads 1`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use prost::Message;
use tokio::time::Instant;

use super::{Fixture, Hot};
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{FenceOptions, Phase};
use crate::hot::HotOptions;
use crate::served::{PlainCalls, Served};
use crate::testing::{Amount, context};

const ROWS: usize = 1_000;
const IN_FLIGHT: usize = 256;
const CALLS: usize = 6_000;
const ROUNDS: usize = 3;

type Serve =
    dyn Fn(BranchContext, Bytes) -> BoxFuture<'static, Result<Bytes, ActionError>> + Send + Sync;

/// Calls a second over so many rows.
async fn measure(serve: Arc<Serve>, round: &str, rows: usize) -> f64 {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (serve, next, round) = (Arc::clone(&serve), Arc::clone(&next), round.to_owned());
            tokio::spawn(async move {
                loop {
                    let call = next.fetch_add(1, Ordering::Relaxed);
                    if call >= CALLS {
                        return;
                    }
                    let request = Amount {
                        wallet: format!("r{}", call % rows),
                        amount: 1,
                    };
                    let context = context(Phase::Try, &format!("{round}-{call}"));
                    serve(context, request.encode_to_vec().into())
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    f64::from(u32::try_from(CALLS).unwrap()) / began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures and asserts nothing about them"]
async fn one_hot_row_against_a_thousand() {
    let fixture = given!(Fixture::new());
    {
        let mut transaction = fixture.fence.database().begin().await.unwrap();
        for row in 0..ROWS {
            let name = format!("r{row}");
            super::super::queries::seed(&mut transaction, &name, 1_000_000)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }
    let database = fixture.reopen().await;
    let hot = Hot::with(database, FenceOptions::default(), HotOptions::default());
    let calls = Arc::clone(&hot.calls);
    let gathered: Arc<Serve> = Arc::new(move |context, request| {
        let calls = Arc::clone(&calls);
        Box::pin(async move { calls.call(context, request).await })
    });
    let (fence, spend) = (fixture.fence.clone(), Arc::clone(&fixture.spend));
    let plain: Arc<Serve> = Arc::new(move |context, request| {
        let calls = PlainCalls {
            fence: fence.clone(),
            action: Arc::clone(&spend) as _,
        };
        Box::pin(async move { calls.call(context, request).await })
    });
    for round in 0..ROUNDS {
        let mut line = format!("round {round}:");
        for (name, serve, rows) in [
            ("gathered, one row", &gathered, 1),
            ("gathered, a thousand", &gathered, ROWS),
            ("one by one, one row", &plain, 1),
            ("one by one, a thousand", &plain, ROWS),
        ] {
            let round = format!("{round}-{}", name.replace([' ', ','], "_"));
            let figure = measure(Arc::clone(serve), &round, rows).await;
            write!(line, "  {name} {figure:.0}/s").unwrap();
        }
        println!("{line}  {:?}", hot.rows.counts());
    }
}
