//! What a coordinator does for as long as it is one of several: raise its beat, watch the others, take over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tercet_failpoints::failpoint;
use tercet_log::{Beat, Beaten, Fencing, Log, LogError, SessionId, SharedLog};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::watcher::Watcher;
use super::{Cluster, Lease};
use crate::transactions::{Stage, Transactions};

/// Transactions adopted in one step. Small enough for several survivors to share the work and for no row to be locked
/// long; large enough that ten thousand are a matter of a few dozen steps.
const ADOPT_PAGE: usize = 250;
/// Not more often than this, however short the times.
const TURN_MIN: Duration = Duration::from_millis(1);

/// Raises the first beat, without which nothing may be appended.
///
/// # Errors
///
/// When the log can't be written, or another coordinator has fenced this session already.
pub(crate) async fn join(log: &Log, lease: &Lease) -> Result<(), LogError> {
    let Some(shared) = log.shared() else {
        return Ok(());
    };
    let sent = Instant::now();
    match shared.raise_beat().await? {
        Beaten::Raised(_) => {
            lease.extend(sent);
            Ok(())
        }
        Beaten::Fenced => Err(LogError::Failed("this session is fenced".to_owned())),
    }
}

/// Starts raising the beat; ends with [`Cluster::leave`], or when this session is fenced.
pub(crate) fn run_beat(transactions: &Transactions) {
    if let Some(cluster) = &transactions.shared().cluster {
        let cluster = Arc::clone(cluster);
        let beats = beat(transactions.clone(), Arc::clone(&cluster));
        tokio::spawn(until_left(cluster, beats));
    }
}

/// Starts watching the others; ends with [`Cluster::leave`], or when this session is fenced.
pub(crate) fn run_watch(transactions: &Transactions) {
    if let Some(cluster) = &transactions.shared().cluster {
        let cluster = Arc::clone(cluster);
        let looks = look_after_others(transactions.clone(), Arc::clone(&cluster));
        tokio::spawn(until_left(cluster, looks));
    }
}

async fn until_left(cluster: Arc<Cluster>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = cluster.left.cancelled() => {}
        () = cluster.fenced.cancelled() => {}
    }
}

/// Looks at the others' beats for each beat of one's own: taking over begins at most two looks after the take-over time.
const LOOKS_PER_BEAT: u32 = 4;

fn turns(every: Duration) -> tokio::time::Interval {
    let mut turns = interval(every.max(TURN_MIN));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}

/// Raises the beat until the session is fenced.
async fn beat(transactions: Transactions, cluster: Arc<Cluster>) {
    let Some(shared) = transactions.shared().log.shared() else {
        return;
    };
    let mut turns = turns(cluster.times.beat_every);
    loop {
        turns.tick().await;
        let sent = Instant::now();
        // One that takes longer than a whole take-over time is of no use; the next one may be.
        match timeout(cluster.times.take_over_after, shared.raise_beat()).await {
            Ok(Ok(Beaten::Raised(_))) => cluster.lease.extend(sent),
            Ok(Ok(Beaten::Fenced)) => {
                cluster.fenced.cancel();
                return;
            }
            Ok(Err(error)) => {
                // Nobody else notices while nothing is appended.
                note_failure(&transactions);
                tracing::warn!(%error, "this coordinator's beat can't be raised");
            }
            Err(_) => {
                note_failure(&transactions);
                tracing::warn!("raising this coordinator's beat takes too long");
            }
        }
    }
}

fn note_failure(transactions: &Transactions) {
    let shared = transactions.shared();
    shared.health.failed(shared.clock.now());
}

/// Watches the others, fences who has died, and takes over what fenced sessions have left open.
async fn look_after_others(transactions: Transactions, cluster: Arc<Cluster>) {
    let log = transactions.shared().log.clone();
    let Some(shared) = log.shared() else {
        return;
    };
    let mut watcher = Watcher::new(log.session().id, cluster.times);
    let mut turns = turns(cluster.times.beat_every / LOOKS_PER_BEAT);
    for number in 0_u32.. {
        turns.tick().await;
        if let Err(error) = look(shared, &transactions, &cluster, &mut watcher).await {
            tracing::warn!(%error, "the other coordinators can't be looked after now");
        }
        // What people pause at one coordinator holds for all of them.
        if number % LOOKS_PER_BEAT == 0
            && let Err(error) = transactions.follow_pauses().await
        {
            tracing::warn!(%error, "nobody can say now which participants are paused");
        }
    }
}

async fn look(
    shared: &dyn SharedLog,
    transactions: &Transactions,
    cluster: &Cluster,
    watcher: &mut Watcher,
) -> Result<(), LogError> {
    if cluster.is_unsure.swap(false, Ordering::AcqRel)
        && let Err(error) = transactions.look_through().await
    {
        cluster.look_through();
        return Err(error);
    }
    let asked = Instant::now();
    let mut sessions = shared.sessions().await?;
    let still = watcher.look(&sessions, asked, Instant::now());
    if !still.is_empty() {
        for (session, beat) in still {
            fence(shared, session, beat).await?;
        }
        sessions = shared.sessions().await?;
    }
    cluster.saw(&sessions);
    let own = transactions.shared().log.session().id;
    let mut is_anybody_fenced = false;
    for session in sessions {
        if session.is_fenced && session.id != own {
            is_anybody_fenced = true;
            adopt(shared, transactions, cluster, session.id).await?;
        }
    }
    if is_anybody_fenced {
        shared.forget_sessions().await?;
    }
    Ok(())
}

async fn fence(shared: &dyn SharedLog, session: SessionId, beat: Beat) -> Result<(), LogError> {
    match shared.fence(session, beat).await? {
        Fencing::Fenced => {
            tracing::warn!(
                session = session.0,
                "a coordinator has shown no sign of life: it is fenced"
            );
        }
        Fencing::Alive(_) => {}
    }
    Ok(())
}

/// Takes over, page by page, what a fenced session has left open.
async fn adopt(
    shared: &dyn SharedLog,
    transactions: &Transactions,
    cluster: &Cluster,
    from: SessionId,
) -> Result<(), LogError> {
    let mut adopted = 0_usize;
    // Whoever is on the way out leaves it to the others.
    while transactions.shared().stage.get() == Stage::Serving {
        let page = match shared.adopt(from, ADOPT_PAGE).await {
            Ok(page) => page,
            Err(error) => {
                // It may have happened all the same.
                cluster.look_through();
                return Err(error);
            }
        };
        failpoint!("adopting::told").map_err(|error| {
            cluster.look_through();
            LogError::Unavailable(error.to_string())
        })?;
        let has_more = page.has_more;
        let taken = page.transactions.len();
        adopted += taken;
        cluster.count_adopted(taken);
        transactions.take_in(page.transactions, &page.damaged);
        if !has_more {
            break;
        }
        tokio::task::yield_now().await;
    }
    if adopted > 0 {
        tracing::info!(
            from = from.0,
            transactions = adopted,
            "taken over from another coordinator"
        );
    }
    Ok(())
}
