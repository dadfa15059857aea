//! Several sessions on one log: beats, fencing, adoption.

use std::collections::BTreeSet;
use std::sync::Arc;

use tercet_log::{
    BatchError, Beat, Beaten, Entry, Fencing, Lane, LogError, Owner, SessionId, SessionState,
    SharedLog, Stored, Verdict,
};

use super::appends::{begin, read, write};
use crate::common::beds::{SharedBed, Store};
use crate::common::transactions::{at, audit, confirmed, confirming, gid, trying};

fn shared(store: &Store) -> &dyn SharedLog {
    store.shared().expect("several sessions share it")
}

fn id(store: &Store) -> SessionId {
    store.session().id
}

async fn state(asker: &Store, of: SessionId) -> Option<SessionState> {
    let sessions = shared(asker).sessions().await.unwrap();
    sessions.into_iter().find(|session| session.id == of)
}

/// Has `survivor` fence `session` as it stands there.
async fn fence(survivor: &Store, session: SessionId) {
    let beat = state(survivor, session).await.unwrap().beat;
    let fencing = shared(survivor).fence(session, beat).await.unwrap();
    assert_eq!(fencing, Fencing::Fenced);
}

fn names(transactions: &[Stored]) -> Vec<&str> {
    transactions
        .iter()
        .map(|stored| stored.transaction.gid.as_str())
        .collect()
}

/// How often a survivor asks again for a page that the database refused: where nodes certify, others may be faster often.
const REFUSED_MAX: usize = 100;

/// Adopts everything that `from` has left, in pages of `limit`.
async fn adopt_all(survivor: &Store, from: SessionId, limit: usize) -> Vec<Stored> {
    let mut all = Vec::new();
    let mut refused = 0;
    loop {
        let page = match shared(survivor).adopt(from, limit).await {
            Ok(page) => page,
            // Not adopted: an adopted page of which nobody was told would be missed below.
            Err(error) if error.is_retryable() && refused < REFUSED_MAX => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("{error} (after {refused} refusals)"),
        };
        assert!(page.transactions.len() <= limit);
        assert!(page.damaged.is_empty());
        all.extend(page.transactions);
        if !page.has_more {
            return all;
        }
    }
}

pub(crate) async fn sessions_are_listed_and_none_disturbs_another(bed: &dyn SharedBed) {
    let one = bed.beside("http://one:7400").await;
    begin(&one, &trying("a", 1, &["stock"])).await;
    let two = bed.beside("http://two:7400").await;

    assert!(id(&two) > id(&one));
    for asker in [&one, &two] {
        let sessions = shared(asker).sessions().await.unwrap();
        let listed: Vec<_> = sessions
            .iter()
            .map(|session| (session.id, session.endpoint.as_str(), session.is_fenced))
            .collect();
        assert_eq!(
            listed,
            [
                (id(&one), "http://one:7400", false),
                (id(&two), "http://two:7400", false)
            ]
        );
        assert!(sessions.iter().all(|session| session.opened_at == at(1)));
        let counts = shared(asker).open_counts().await.unwrap();
        assert_eq!(counts.get(&id(&one)), Some(&1));
        assert_eq!(counts.get(&id(&two)).copied().unwrap_or(0), 0);
    }
    let open = two.open_transactions(None, 10).await.unwrap();
    assert_eq!(open.transactions, [], "it is still the first one's");
    begin(&one, &trying("b", 1, &["stock"])).await;
    begin(&two, &trying("c", 1, &["stock"])).await;
}

pub(crate) async fn a_beat_is_raised_until_the_session_is_fenced(bed: &dyn SharedBed) {
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    let before = state(&two, id(&one)).await.unwrap().beat;
    let Beaten::Raised(first) = shared(&one).raise_beat().await.unwrap() else {
        panic!("it isn't fenced");
    };
    assert_ne!(first, before);
    assert_eq!(state(&two, id(&one)).await.unwrap().beat, first);
    assert_ne!(
        shared(&one).raise_beat().await.unwrap(),
        Beaten::Raised(first)
    );
    assert_eq!(state(&one, id(&two)).await.unwrap().beat, before);

    fence(&two, id(&one)).await;
    assert_eq!(shared(&one).raise_beat().await.unwrap(), Beaten::Fenced);
    assert!(matches!(
        shared(&two).raise_beat().await.unwrap(),
        Beaten::Raised(_)
    ));
}

pub(crate) async fn a_session_that_has_beaten_meanwhile_is_not_fenced(bed: &dyn SharedBed) {
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    let seen = state(&two, id(&one)).await.unwrap().beat;
    let Beaten::Raised(now) = shared(&one).raise_beat().await.unwrap() else {
        panic!("it isn't fenced");
    };
    assert_eq!(
        shared(&two).fence(id(&one), seen).await.unwrap(),
        Fencing::Alive(now)
    );
    begin(&one, &trying("a", 1, &["stock"])).await;
    assert!(!state(&two, id(&one)).await.unwrap().is_fenced);

    for _ in 0..2 {
        // Twice is harmless.
        assert_eq!(
            shared(&two).fence(id(&one), now).await.unwrap(),
            Fencing::Fenced
        );
    }
    // Whoever has seen an older beat is told the same.
    assert_eq!(
        shared(&two).fence(id(&one), seen).await.unwrap(),
        Fencing::Fenced
    );
    assert!(state(&two, id(&one)).await.unwrap().is_fenced);
    assert_eq!(
        shared(&two).fence(SessionId(-1), Beat(0)).await.unwrap(),
        Fencing::Fenced,
        "who isn't there can't write"
    );
}

pub(crate) async fn a_fenced_session_writes_and_adopts_nothing(bed: &dyn SharedBed) {
    let dead = bed.beside("http://dead:7400").await;
    let zombie = bed.beside("http://zombie:7400").await;
    let survivor = bed.beside("http://survivor:7400").await;
    begin(&dead, &trying("a", 1, &["stock"])).await;
    begin(&zombie, &trying("z", 1, &["stock"])).await;
    fence(&survivor, id(&dead)).await;
    fence(&survivor, id(&zombie)).await;

    let batch = [Entry::begin(&trying("new", 1, &[]))];
    assert_eq!(
        zombie.write(Lane(0), &batch).await.unwrap_err(),
        BatchError::Fenced
    );
    let own = [Entry::progress(
        &confirming(trying("z", 1, &["stock"]), 2),
        1,
    )];
    assert_eq!(
        zombie.write(Lane(0), &own).await.unwrap_err(),
        BatchError::Fenced
    );
    assert!(matches!(
        shared(&zombie).adopt(id(&dead), 10).await,
        Err(LogError::Failed(_))
    ));
    assert!(matches!(
        shared(&zombie).adopt_one(&gid("a")).await,
        Err(LogError::Failed(_))
    ));
    assert!(matches!(
        zombie.append_audit(&audit(None, None, "late")).await,
        Err(LogError::Failed(_))
    ));
    assert_eq!(read(&survivor, "a").await.owner, id(&dead));
    assert_eq!(survivor.read(&gid("new")).await.unwrap(), None);
}

pub(crate) async fn a_closed_session_is_fenced(bed: &dyn SharedBed) {
    let leaving = bed.beside("http://leaving:7400").await;
    let staying = bed.beside("http://staying:7400").await;
    begin(&leaving, &trying("a", 1, &["stock"])).await;
    leaving.close().await;

    assert!(state(&staying, id(&leaving)).await.unwrap().is_fenced);
    let adopted = adopt_all(&staying, id(&leaving), 10).await;
    assert_eq!(names(&adopted), ["a"]);
    assert!(!state(&staying, id(&staying)).await.unwrap().is_fenced);
}

pub(crate) async fn adoption_takes_what_is_open_page_by_page(bed: &dyn SharedBed) {
    let dead = bed.beside("http://dead:7400").await;
    let survivor = bed.beside("http://survivor:7400").await;
    for name in ["a", "b", "c", "d", "e"] {
        begin(&dead, &trying(name, 1, &["stock"])).await;
    }
    begin(&dead, &confirmed(trying("ended", 1, &["stock"]), 2)).await;
    begin(&survivor, &trying("own", 1, &["stock"])).await;
    fence(&survivor, id(&dead)).await;

    let first = shared(&survivor).adopt(id(&dead), 2).await.unwrap();
    assert_eq!(names(&first.transactions), ["a", "b"]);
    assert!(first.has_more);
    // A crash here leaves two adopted and three to adopt.
    assert_eq!(read(&survivor, "b").await.owner, id(&survivor));
    assert_eq!(read(&survivor, "c").await.owner, id(&dead));

    let rest = adopt_all(&survivor, id(&dead), 2).await;
    assert_eq!(names(&rest), ["c", "d", "e"]);
    for stored in first.transactions.iter().chain(&rest) {
        assert_eq!((stored.owner, stored.version), (id(&survivor), 1));
        let decided = Entry::progress(&confirming(stored.transaction.clone(), 2), 1);
        assert_eq!(write(&survivor, decided).await, Verdict::Written);
    }
    assert_eq!(read(&survivor, "ended").await.owner, id(&dead));
    let again = shared(&survivor).adopt(id(&dead), 10).await.unwrap();
    assert_eq!((again.transactions.len(), again.has_more), (0, false));
}

pub(crate) async fn nothing_is_adopted_from_a_session_that_lives(bed: &dyn SharedBed) {
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    begin(&one, &trying("a", 1, &["stock"])).await;

    let page = shared(&two).adopt(id(&one), 10).await.unwrap();
    assert_eq!((page.transactions.len(), page.has_more), (0, false));
    assert_eq!(shared(&two).adopt_one(&gid("a")).await.unwrap(), None);
    assert_eq!(read(&two, "a").await.owner, id(&one));
}

pub(crate) async fn survivors_share_the_work(bed: &dyn SharedBed) {
    const TRANSACTIONS: usize = 120;
    let dead = bed.beside("http://dead:7400").await;
    for number in 0..TRANSACTIONS {
        begin(&dead, &trying(&format!("t{number:03}"), 1, &["stock"])).await;
    }
    let mut survivors = Vec::new();
    for number in 0..3 {
        survivors.push(bed.beside(&format!("http://survivor-{number}:7400")).await);
    }
    fence(&survivors[0], id(&dead)).await;
    let dead = id(&dead);
    let tasks: Vec<_> = survivors
        .iter()
        .map(|survivor| {
            let survivor = Arc::clone(survivor);
            tokio::spawn(async move { adopt_all(&survivor, dead, 7).await })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for (survivor, task) in survivors.iter().zip(tasks) {
        for stored in task.await.unwrap() {
            let name = stored.transaction.gid.clone();
            assert_eq!(stored.owner, id(survivor));
            assert_eq!(read(survivor, name.as_str()).await.owner, id(survivor));
            assert!(seen.insert(name), "given to two");
        }
    }
    assert_eq!(seen.len(), TRANSACTIONS);
}

pub(crate) async fn adoption_sees_what_was_written_last(bed: &dyn SharedBed) {
    let dead = bed.beside("http://dead:7400").await;
    let survivor = bed.beside("http://survivor:7400").await;
    let transaction = trying("a", 1, &["stock"]);
    begin(&dead, &transaction).await;
    let decided = confirming(transaction, 2);
    assert_eq!(
        write(&dead, Entry::progress(&decided, 1)).await,
        Verdict::Written
    );
    fence(&survivor, id(&dead)).await;
    let adopted = adopt_all(&survivor, id(&dead), 10).await;
    let expected = Stored {
        transaction: decided,
        version: 2,
        owner: id(&survivor),
    };
    assert_eq!(adopted, [expected]);
}

pub(crate) async fn one_transaction_is_adopted_on_demand(bed: &dyn SharedBed) {
    let dead = bed.beside("http://dead:7400").await;
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    for name in ["a", "b"] {
        begin(&dead, &trying(name, 1, &["stock"])).await;
    }
    begin(&dead, &confirmed(trying("ended", 1, &["stock"]), 2)).await;
    fence(&one, id(&dead)).await;

    let adopted = shared(&one).adopt_one(&gid("b")).await.unwrap().unwrap();
    assert_eq!((adopted.owner, adopted.version), (id(&one), 1));
    assert_eq!(adopted.transaction, trying("b", 1, &["stock"]));
    for name in ["b", "ended", "nobody's"] {
        assert_eq!(shared(&two).adopt_one(&gid(name)).await.unwrap(), None);
        assert_eq!(
            shared(&one).adopt_one(&gid(name)).await.unwrap(),
            None,
            "{name} isn't a fenced session's"
        );
    }
    assert_eq!(read(&two, "a").await.owner, id(&dead));
    let rest = adopt_all(&two, id(&dead), 10).await;
    assert_eq!(names(&rest), ["a"]);
}

pub(crate) async fn an_open_transaction_has_an_owner(bed: &dyn SharedBed) {
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    begin(&one, &trying("a", 1, &["stock"])).await;
    begin(&one, &confirmed(trying("ended", 1, &["stock"]), 2)).await;
    let mut expected = Owner {
        session: id(&one),
        endpoint: "http://one:7400".to_owned(),
        is_fenced: false,
    };
    for asker in [&one, &two] {
        let owner = shared(asker).owner(&gid("a")).await.unwrap();
        assert_eq!(owner.as_ref(), Some(&expected));
        for name in ["ended", "nobody's", "A"] {
            assert_eq!(shared(asker).owner(&gid(name)).await.unwrap(), None);
        }
    }
    fence(&two, id(&one)).await;
    expected.is_fenced = true;
    assert_eq!(shared(&two).owner(&gid("a")).await.unwrap(), Some(expected));
    shared(&two).adopt_one(&gid("a")).await.unwrap().unwrap();
    let owner = shared(&two).owner(&gid("a")).await.unwrap().unwrap();
    assert_eq!((owner.session, owner.is_fenced), (id(&two), false));
}

pub(crate) async fn a_fenced_session_is_listed_until_nothing_open_names_it(bed: &dyn SharedBed) {
    let dead = bed.beside("http://dead:7400").await;
    let survivor = bed.beside("http://survivor:7400").await;
    begin(&dead, &trying("a", 1, &["stock"])).await;
    begin(&dead, &confirmed(trying("ended", 1, &["stock"]), 2)).await;
    assert_eq!(shared(&survivor).forget_sessions().await.unwrap(), 0);
    fence(&survivor, id(&dead)).await;
    assert_eq!(shared(&survivor).forget_sessions().await.unwrap(), 0);
    assert!(state(&survivor, id(&dead)).await.is_some());

    adopt_all(&survivor, id(&dead), 10).await;
    assert_eq!(shared(&survivor).forget_sessions().await.unwrap(), 1);
    assert_eq!(state(&survivor, id(&dead)).await, None);
    assert!(state(&survivor, id(&survivor)).await.is_some());
    assert_eq!(read(&survivor, "ended").await.owner, id(&dead));

    // Who is forgotten is fenced for good.
    assert_eq!(shared(&dead).raise_beat().await.unwrap(), Beaten::Fenced);
    let batch = [Entry::begin(&trying("late", 1, &[]))];
    assert_eq!(
        dead.write(Lane(0), &batch).await.unwrap_err(),
        BatchError::Fenced
    );
    assert!(shared(&dead).adopt(id(&survivor), 1).await.is_err());
    let next = bed.beside("http://next:7400").await;
    assert!(id(&next) > id(&survivor), "a number is never used twice");
}

pub(crate) async fn a_begin_of_a_gid_of_another_session_is_a_duplicate_and_a_change_stale(
    bed: &dyn SharedBed,
) {
    let one = bed.beside("http://one:7400").await;
    let two = bed.beside("http://two:7400").await;
    let transaction = trying("a", 1, &["stock"]);
    begin(&one, &transaction).await;
    let verdict = write(&two, Entry::begin(&transaction)).await;
    let Verdict::Duplicate(stored) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(stored.owner, id(&one));
    let decided = Entry::progress(&confirming(transaction, 2), 1);
    assert_eq!(write(&two, decided.clone()).await, Verdict::Stale);
    assert_eq!(write(&one, decided).await, Verdict::Written);
}
