//! Turns, ejection, names and silence, without a network.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::sync::Mutex;

use futures::FutureExt as _;
use tercet_service::Endpoint as Address;

use super::*;
use crate::Resolve;

fn of(hosts: &[&str], connect: &Connect) -> Arc<Endpoints> {
    let addresses = hosts
        .iter()
        .map(|host| Address::http(*host, 7413))
        .collect();
    Arc::new(Endpoints::new(&ParticipantConfig::new(addresses), connect).unwrap())
}

fn three() -> Arc<Endpoints> {
    of(&["127.0.0.1", "127.0.0.2", "127.0.0.3"], &Connect::tcp())
}

fn picked(endpoints: &Arc<Endpoints>, times: usize) -> Vec<usize> {
    let index = |picked: Arc<Endpoint>| {
        let all = endpoints.all();
        let index = all.iter().position(|one| Arc::ptr_eq(one, &picked));
        index.unwrap()
    };
    (0..times).map(|_| index(endpoints.pick())).collect()
}

fn fail(endpoints: &Endpoints, index: usize) {
    endpoints.report(&endpoints.all()[index], Heard::Failure);
}

#[tokio::test(start_paused = true)]
async fn takes_turns_and_shares_the_turns_of_the_one_that_fails() {
    let endpoints = three();
    assert_eq!(picked(&endpoints, 4), [0, 1, 2, 0]);
    fail(&endpoints, 1);
    let turns = picked(&endpoints, 60);
    let count = |index| turns.iter().filter(|turn| **turn == index).count();
    assert_eq!((count(0), count(1), count(2)), (30, 0, 30));
    endpoints.report(&endpoints.all()[1], Heard::Answer);
    assert!(picked(&endpoints, 9).contains(&1));
}

#[tokio::test(start_paused = true)]
async fn one_call_tries_what_was_ejected_and_only_an_answer_brings_it_back() {
    let endpoints = three();
    fail(&endpoints, 1);
    tokio::time::advance(EJECTED_MIN).await;
    let tries = |turns: Vec<usize>| turns.into_iter().filter(|turn| *turn == 1).count();
    assert_eq!(
        tries(picked(&endpoints, 30)),
        1,
        "one, and the others wait for it"
    );
    // In vain: now it is left out for twice as long.
    fail(&endpoints, 1);
    tokio::time::advance(EJECTED_MIN).await;
    assert_eq!(tries(picked(&endpoints, 30)), 0);
    tokio::time::advance(EJECTED_MIN).await;
    assert_eq!(tries(picked(&endpoints, 30)), 1);
    endpoints.report(&endpoints.all()[1], Heard::Answer);
    assert_eq!(tries(picked(&endpoints, 30)), 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_came_back_with_an_answer_is_not_the_last_that_tries() {
    let endpoints = three();
    fail(&endpoints, 1);
    tokio::time::advance(EJECTED_MIN).await;
    assert!(picked(&endpoints, 3).contains(&1));
    // Whoever tried was dropped. Nobody has reported anything.
    tokio::time::advance(endpoints.timeout).await;
    assert!(picked(&endpoints, 3).contains(&1));
}

#[tokio::test(start_paused = true)]
async fn however_often_it_fails_it_is_tried_again_after_ten_seconds() {
    let endpoints = three();
    for _ in 0..40 {
        fail(&endpoints, 1);
    }
    tokio::time::advance(EJECTED_MAX).await;
    assert!(picked(&endpoints, 3).contains(&1));
}

#[tokio::test(start_paused = true)]
async fn with_none_well_the_one_that_failed_least_is_tried() {
    let endpoints = three();
    for (index, failures) in [(0, 3), (1, 1), (2, 2)] {
        for _ in 0..failures {
            fail(&endpoints, index);
        }
    }
    assert_eq!(picked(&endpoints, 3), [1, 1, 1]);
}

/// Names that a test gives their addresses.
#[derive(Clone, Default)]
struct Book {
    addresses: Arc<Mutex<Option<Vec<&'static str>>>>,
    asked: Arc<AtomicUsize>,
}

impl Book {
    fn set(&self, addresses: Option<&[&'static str]>) {
        *self.addresses.lock().unwrap() = addresses.map(<[_]>::to_vec);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn connect(&self) -> Connect {
        let book = self.clone();
        Connect::tcp().resolving(Resolve::with(move |_, port| {
            book.asked.fetch_add(1, Ordering::Relaxed);
            let found = book.addresses.lock().unwrap().clone();
            let found = found.ok_or_else(|| io::Error::other("no such name"));
            let at = |host: &str| SocketAddr::new(host.parse().unwrap(), port);
            let found = found.map(|hosts| hosts.into_iter().map(at).collect());
            async move { found }.boxed()
        }))
    }
}

/// The addresses after a look-up that the next call starts, if it does.
async fn addresses(endpoints: &Arc<Endpoints>) -> Vec<String> {
    endpoints.pick();
    // The look-up is a task of its own, and the book answers at once.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let address = |one: &Arc<Endpoint>| one.address.map(|address| address.ip().to_string());
    let all = endpoints.all();
    all.iter()
        .map(|one| address(one).unwrap_or_default())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_as_many_endpoints_as_it_has_addresses_and_follows_them() {
    let book = Book::default();
    let endpoints = of(&["stock"], &book.connect());
    assert_eq!(
        addresses(&endpoints).await,
        [""],
        "by its name as long as nothing is found"
    );
    book.set(Some(&["127.0.0.2", "127.0.0.1"]));
    assert_eq!(addresses(&endpoints).await, [""], "not asked again at once");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(addresses(&endpoints).await, ["127.0.0.1", "127.0.0.2"]);

    fail(&endpoints, 0);
    let first = Arc::clone(&endpoints.all()[0]);
    book.set(Some(&["127.0.0.3", "127.0.0.1"]));
    tokio::time::advance(Duration::from_millis(500)).await;
    // A failure makes it ask sooner.
    assert_eq!(addresses(&endpoints).await, ["127.0.0.1", "127.0.0.3"]);
    assert!(
        Arc::ptr_eq(&first, &endpoints.all()[0]),
        "who stays keeps channel and failures"
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_finds_nothing_changes_nothing() {
    let book = Book::default();
    book.set(Some(&["127.0.0.1"]));
    let endpoints = of(&["stock"], &book.connect());
    assert_eq!(addresses(&endpoints).await, ["127.0.0.1"]);
    for nothing in [None, Some(&[][..])] {
        book.set(nothing);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(addresses(&endpoints).await, ["127.0.0.1"]);
    }
    assert_eq!(book.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn names_are_asked_for_every_few_seconds_however_many_calls_there_are_and_numbers_never() {
    let book = Book::default();
    book.set(Some(&["127.0.0.1"]));
    let endpoints = of(&["stock", "127.0.0.9"], &book.connect());
    for _ in 0..100 {
        addresses(&endpoints).await;
        tokio::time::advance(Duration::from_millis(200)).await;
    }
    assert_eq!(book.asked(), 4, "in 20 seconds");
    let numbers = of(&["127.0.0.1", "::1"], &book.connect());
    assert_eq!(addresses(&numbers).await, ["", ""]);
    assert_eq!(book.asked(), 4);
}

/// Endpoints that count the channels they make.
fn counted() -> (Arc<Endpoints>, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let connect = Connect::with(move |target| {
        counter.fetch_add(1, Ordering::Relaxed);
        target.connect_lazy()
    });
    (of(&["127.0.0.1"], &connect), made)
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_made_anew_once_however_many_calls_ran_out_of_time() {
    let (endpoints, made) = counted();
    let since = Instant::now();
    tokio::time::advance(Duration::from_secs(3)).await;
    for _ in 0..10 {
        endpoints.report(&endpoints.all()[0], Heard::Silence { since });
    }
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_slow_beside_others_that_are_answered_breaks_no_connection() {
    let (endpoints, made) = counted();
    let since = Instant::now();
    tokio::time::advance(Duration::from_secs(1)).await;
    endpoints.report(&endpoints.all()[0], Heard::Answer);
    tokio::time::advance(Duration::from_secs(2)).await;
    endpoints.report(&endpoints.all()[0], Heard::Silence { since });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_turns_calls_away_is_left_out_and_its_connection_stays() {
    let endpoints = three();
    let turned_away = |index: usize| {
        let all = endpoints.all();
        endpoints.report(&all[index], Heard::TurnedAway);
    };
    turned_away(1);
    assert!(!picked(&endpoints, 30).contains(&1));
    // With none that is well, calls go out all the same.
    turned_away(0);
    turned_away(2);
    assert_eq!(picked(&endpoints, 3).len(), 3);
    endpoints.report(&endpoints.all()[1], Heard::Answer);
    assert!(picked(&endpoints, 30).iter().all(|index| *index == 1));

    let (one, made) = counted();
    let since = Instant::now();
    tokio::time::advance(Duration::from_secs(1)).await;
    one.report(&one.all()[0], Heard::TurnedAway);
    one.report(&one.all()[0], Heard::Silence { since });
    assert_eq!(made.load(Ordering::Relaxed), 1, "it was heard");
}
