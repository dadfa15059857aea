//! The stranger's fence, called directly: repeated, concurrent, early and late. What the contract's table says has to be
//! enough to write one.

use serde_json::{Value, json};

use crate::queries;
use crate::seats::{SERVICE, Seats};

/// Calls a verb so many times at once; each call's code and reason.
async fn call(
    seats: &Seats,
    verb: &str,
    gid: &str,
    times: usize,
    seat: &str,
) -> Vec<(String, Value)> {
    let payload = json!({"seat": seat, "reply": {"try": 3}}).to_string();
    let (endpoint, times) = (seats.endpoint(), times.to_string());
    let arguments = [&endpoint, SERVICE, verb, gid, "b", &times, &payload];
    let (is_done, mut printed) = seats.python.run("verb.py", &arguments).await;
    assert!(is_done);
    let answers = printed.remove(0);
    let answers = answers.as_array().unwrap().iter();
    answers
        .map(|answer| {
            let is_first_reply =
                answer["reply"] == "000000" || verb != "Try" || answer["code"] != "OK";
            assert!(
                is_first_reply,
                "every try gets the first one's reply: {answer}"
            );
            (
                answer["code"].as_str().unwrap().to_owned(),
                answer["reason"].clone(),
            )
        })
        .collect()
}

fn all_are(answers: &[(String, Value)], code: &str, reason: &Value) {
    assert!(!answers.is_empty());
    for answer in answers {
        assert_eq!((answer.0.as_str(), &answer.1), (code, reason));
    }
}

/// How many of a transaction's calls ended so.
async fn count(seats: &Seats, gid: &str, verdict: &str) -> usize {
    let calls = queries::journal(&seats.file(), gid).await;
    calls.iter().filter(|(_, found)| found == verdict).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_one_and_get_one_answer() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    for (gid, seat, second, state) in [
        ("1", "A1", "Confirm", "sold"),
        ("2", "A2", "Cancel", "free"),
    ] {
        for verb in ["Try", second] {
            let answers = call(&seats, verb, gid, 16, seat).await;
            all_are(&answers, "OK", &Value::Null);
        }
        assert_eq!(
            queries::seat(&seats.file(), seat).await,
            (state.to_owned(), 2),
            "{second}"
        );
        assert_eq!(count(&seats, gid, "ran").await, 2);
        assert_eq!(count(&seats, gid, "repeated").await, 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_the_contract_cell_by_cell() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    // What was called before, what is called now, and the answer.
    let table: [(&[&str], &str, &str, Value); 11] = [
        (&[], "Confirm", "FAILED_PRECONDITION", json!("NEVER_TRIED")),
        (&[], "Cancel", "OK", Value::Null),
        (&["Try"], "Try", "OK", Value::Null),
        (&["Try"], "Confirm", "OK", Value::Null),
        (&["Try"], "Cancel", "OK", Value::Null),
        (&["Try", "Confirm"], "Try", "OK", Value::Null),
        (&["Try", "Confirm"], "Confirm", "OK", Value::Null),
        (
            &["Try", "Confirm"],
            "Cancel",
            "FAILED_PRECONDITION",
            json!("ALREADY_CONFIRMED"),
        ),
        (
            &["Cancel"],
            "Try",
            "FAILED_PRECONDITION",
            json!("CANCELLED_BEFORE_TRY"),
        ),
        (
            &["Try", "Cancel"],
            "Confirm",
            "FAILED_PRECONDITION",
            json!("ALREADY_CANCELLED"),
        ),
        (&["Try", "Cancel"], "Cancel", "OK", Value::Null),
    ];
    let free = ["A3", "A4", "A5", "A6", "A7", "A8"];
    let mut sold = 0;
    for (number, (before, verb, code, reason)) in table.into_iter().enumerate() {
        let gid = format!("cell-{number}");
        // A sold seat stays sold: those cells get one each.
        let seat = free[sold];
        sold += usize::from(before.contains(&"Confirm") || verb == "Confirm" && code == "OK");
        for verb in before {
            all_are(&call(&seats, verb, &gid, 1, seat).await, "OK", &Value::Null);
        }
        let answers = call(&seats, verb, &gid, 4, seat).await;
        assert_eq!(answers.len(), 4);
        all_are(&answers, code, &reason);
        if before == ["Try"] && verb == "Try" {
            // Leaves the seat to the next cell.
            call(&seats, "Cancel", &gid, 1, seat).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn try_and_cancel_at_once_end_with_the_seat_free_whoever_came_first() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    for round in 0..3 {
        let gid = format!("race-{round}");
        let (tries, cancels) = tokio::join!(
            call(&seats, "Try", &gid, 4, "A1"),
            call(&seats, "Cancel", &gid, 4, "A1"),
        );
        all_are(&cancels, "OK", &Value::Null);
        for (code, reason) in tries {
            let is_fenced = code == "FAILED_PRECONDITION" && reason == "CANCELLED_BEFORE_TRY";
            assert!(code == "OK" || is_fenced, "{code} {reason}");
        }
        assert_eq!(
            queries::fence(&seats.file(), &gid, "b").await.as_deref(),
            Some("cancelled")
        );
        assert_eq!(queries::seat(&seats.file(), "A1").await.0, "free");
    }
}
