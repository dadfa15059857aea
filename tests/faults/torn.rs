//! A database file that ends in the middle of a write.
//!
//! A commit is answered after its frames were synced, so everything up to the last committed frame of the `-wal` is
//! promised and stays. What a crash can leave behind it is a write that nobody was told of: a frame cut off, a frame
//! whose checksum isn't right, or anything at all where the disk lost the order of its writes. None of that may be
//! taken for a transaction, and none may keep the server from starting.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use rand::RngCore as _;

use crate::load::plan;
use crate::seed::Seed;
use crate::wal::{self, Wal};
use crate::world::{World, moment};

/// What is found behind the last committed frame.
#[derive(Debug, Clone, Copy)]
enum Tail {
    /// The first bytes of a frame's header.
    HalfAHeader,
    /// A frame's header and half of its page.
    HalfAPage,
    /// A whole frame that says it commits, with a wrong checksum.
    WrongChecksum,
    /// Several frames' worth of noise.
    Noise,
}

const TAILS: [Tail; 4] = [
    Tail::HalfAHeader,
    Tail::HalfAPage,
    Tail::WrongChecksum,
    Tail::Noise,
];

/// Writes the tail in place, over whatever older frames lie there, and ends the file with it. Returns how many committed
/// frames are before it.
fn tear(file: &Path, tail: Tail, seed: &mut Seed) -> usize {
    let bytes = fs::read(file).unwrap();
    let wal = Wal::read(&bytes).unwrap_or_else(|| panic!("{} is no log", file.display()));
    let tail = match tail {
        Tail::HalfAHeader => wal.torn_frame(10),
        Tail::HalfAPage => wal.torn_frame(wal.frame_length() / 2),
        Tail::WrongChecksum => wal.torn_frame(wal.frame_length()),
        Tail::Noise => {
            let mut noise = vec![0; wal.frame_length() * 3 + 17];
            seed.random.fill_bytes(&mut noise);
            noise
        }
    };
    let mut written = fs::File::options().write(true).open(file).unwrap();
    written.set_len(wal.committed_end as u64).unwrap();
    written.seek(SeekFrom::End(0)).unwrap();
    written.write_all(&tail).unwrap();
    wal.frames
}

/// Under load: kill, tear, start again, for each kind of tail.
async fn torn(server: &str, database: &str) {
    let mut seed = Seed::new(&format!("{database} torn"));
    let mut world = World::start().await;
    let file = world.shop.folder.path().join(format!("{database}.db-wal"));
    let mut frames = 0;
    for tail in TAILS {
        let prefix = format!("{}-{tail:?}", seed.number);
        let load = world.load(plan(&mut seed, &prefix, 40));
        world.answers.reach(world.answers.count(), 10).await;
        moment(seed.below(20)).await;
        world.shop.kill(server).await;
        frames += tear(&file, tail, &mut seed);
        world.shop.up().await;
        load.finished().await;
        println!("{tail:?}: {}", world.check().await);
    }
    assert!(
        frames > 0,
        "there was never anything committed before a tail"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinators_log_comes_back_with_every_decision_it_answered() {
    torn("serve", "coordinator").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participants_database_comes_back_with_every_branch_it_answered() {
    torn("stock", "stock").await;
}

#[test]
fn what_is_committed_is_told_from_what_isnt() {
    let (frame, commit) = (wal::sample(&[false]), wal::sample(&[false, true, false]));
    assert_eq!(
        Wal::read(&frame).unwrap().frames,
        0,
        "a frame without its commit doesn't count"
    );
    let read = Wal::read(&commit).unwrap();
    assert_eq!(
        (read.frames, read.committed_end),
        (2, 32 + 2 * read.frame_length())
    );

    let mut flipped = commit.clone();
    flipped[32 + 24] ^= 1;
    assert_eq!(
        Wal::read(&flipped).unwrap().frames,
        0,
        "one bit of its page is wrong"
    );
    let mut torn = commit[..read.committed_end].to_vec();
    torn.extend_from_slice(&read.torn_frame(read.frame_length()));
    assert_eq!(
        Wal::read(&torn).unwrap().frames,
        2,
        "the torn frame isn't taken for one"
    );
    assert!(Wal::read(&commit[..31]).is_none());
}
