//! A file that can't grow any more, in a process of its own: the operating system refuses the write behind a COMMIT.
//!
//! Nobody can know whether such a commit counts. The store must say so, write nothing ever after, and the next start must
//! find every batch that was answered, and each batch whole or not at all.

use std::path::{Path, PathBuf};
use std::process::Command;

use tercet_log::{BatchError, Entry, Lane, TransactionLog, Verdict};

use crate::common::transactions::{gid, trying};
use crate::store;

/// Names the folder to the child, which is this same test program.
const FOLDER: &str = "TERCET_TEST_FULL_DISK";
/// More than the limit can hold.
const BATCHES_MAX: usize = 10_000;
const BATCH: usize = 8;

fn batch(number: usize) -> Vec<Entry> {
    (0..BATCH)
        .map(|row| Entry::begin(&trying(&name(number, row), 1, &["stock"])))
        .collect()
}

fn name(batch: usize, row: usize) -> String {
    format!("{batch:05}-{row}")
}

/// The child: writes until it can't, and prints how many batches were answered.
#[tokio::test]
#[ignore = "runs as the child of a_file_that_cannot_grow_stops_the_log"]
async fn child() {
    let path =
        PathBuf::from(std::env::var_os(FOLDER).expect("run by its parent")).join("coordinator.db");
    let store = store(&path).await;
    for number in 0..BATCHES_MAX {
        match store.write(Lane(0), &batch(number)).await {
            Ok(verdicts) => assert_eq!(verdicts, vec![Verdict::Written; BATCH]),
            Err(error) => {
                assert!(matches!(error, BatchError::Unknown(_)), "{error:?}");
                let again = store.write(Lane(0), &batch(number + 1)).await.unwrap_err();
                assert_eq!(again, error, "it never writes again");
                println!("answered={number}");
                return;
            }
        }
    }
    panic!("the limit was never met");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_cannot_grow_stops_the_log() {
    let folder = tempfile::tempdir().unwrap();
    // The signal is ignored, so that the write fails with an error instead of ending the process.
    let script =
        "trap '' XFSZ; ulimit -f 1024; exec \"$0\" --ignored --exact full_disk::child --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answered = text
        .lines()
        .find_map(|line| line.split_once("answered=")?.1.trim().parse().ok());
    let answered: usize = answered.expect("the child says how far it came");
    assert!(answered > 1, "{answered}");

    check(&folder.path().join("coordinator.db"), answered).await;
}

async fn check(path: &Path, answered: usize) {
    let restarted = store(path).await;
    let mut there = Vec::new();
    for number in 0..answered + 2 {
        let mut rows = 0;
        for row in 0..BATCH {
            rows += usize::from(
                restarted
                    .read(&gid(&name(number, row)))
                    .await
                    .unwrap()
                    .is_some(),
            );
        }
        assert!(
            rows == 0 || rows == BATCH,
            "batch {number} is whole or not there: {rows}"
        );
        there.push(rows == BATCH);
    }
    assert!(
        there[..answered].iter().all(|there| *there),
        "everything that was answered is there"
    );
    assert!(
        !there[answered + 1],
        "nothing was written after the unknown one"
    );
    // The truth about the unknown one is known now, and work goes on.
    let verdicts = restarted.write(Lane(0), &batch(answered)).await.unwrap();
    let was_there = there[answered];
    assert!(
        verdicts
            .iter()
            .all(|verdict| matches!(verdict, Verdict::Duplicate(_)) == was_there),
        "{verdicts:?}"
    );
}
