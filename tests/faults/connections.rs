//! Connections to the MariaDB server that end, under load: killed by an administrator in every phase of a batch, and cut,
//! delayed, held and half-closed on the way.

use std::time::Duration;

use sqlx::MySqlConnection;
use tercet_test_databases::Options;
use tercet_test_proxy::{Cut, Direction, Flow, Moment, Trigger};

use crate::rig::{Path, Rig, found, run};
use crate::seed::Seed;
use crate::world::moment;

/// Deals of a round.
const DEALS: usize = 60;
/// Connections that are killed in each phase.
const KILLS: usize = 3;

/// Where the coordinator's connection is when it is killed.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Before the lane's counter is raised.
    Counter,
    /// The counter is raised, the rows aren't written.
    Rows,
    /// All is written, and COMMIT is under way.
    Commit,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Counter, Self::Rows, Self::Commit];

    /// Statements of an administrator after which every batch waits at that place, and those that let it go on.
    fn barrier(self, database: &str) -> (Vec<String>, Vec<String>) {
        let lock = |table: &str| format!("LOCK TABLES `{database}`.{table} READ");
        let unlock = vec!["UNLOCK TABLES".to_owned()];
        match self {
            Self::Counter => (vec![lock("session_lane")], unlock),
            Self::Rows => (vec![lock("global_transaction")], unlock),
            Self::Commit => {
                let stages = ["START", "BLOCK_COMMIT"].map(|stage| format!("BACKUP STAGE {stage}"));
                (stages.to_vec(), vec!["BACKUP STAGE END".to_owned()])
            }
        }
    }

    /// Finds a connection that waits there.
    fn waiting(self, database: &str) -> String {
        let statement = match self {
            Self::Commit => " AND info LIKE 'COMMIT%'",
            Self::Counter | Self::Rows => "",
        };
        format!(
            "SELECT id FROM information_schema.processlist \
             WHERE db = '{database}' AND state LIKE 'Waiting for %'{statement} LIMIT 1"
        )
    }
}

/// Kills it, which may have gone by itself.
pub(crate) async fn kill(administrator: &mut MySqlConnection, id: i64) {
    // "Unknown thread id" is the one thing that can be wrong.
    let _ = run(administrator, format!("KILL {id}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_every_phase_of_a_batch_a_connection_takes_nothing_with_it() {
    let mut seed = Seed::new("connections killed");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    let database = rig.log_name();
    for phase in Phase::ALL {
        rig.under_load(&mut seed, &format!("{phase:?}"), DEALS, async |rig, _| {
            let mut barrier = rig.administrator().await;
            let mut administrator = rig.administrator().await;
            let (lock, unlock) = phase.barrier(&database);
            for statement in lock {
                run(&mut barrier, statement).await.unwrap();
            }
            for _ in 0..KILLS {
                let query = phase.waiting(&database);
                let id: i64 = found("a batch that waits there", &mut administrator, query).await;
                kill(&mut administrator, id).await;
            }
            for statement in unlock {
                run(&mut barrier, statement).await.unwrap();
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_all_the_time_connections_are_made_anew() {
    let mut seed = Seed::new("connections killed at random");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    let mut killed = 0;
    rig.under_load(&mut seed, "random", 2 * DEALS, async |rig, seed| {
        let mut administrator = rig.administrator().await;
        // Of every service, whatever it is doing.
        let any = "SELECT id FROM information_schema.processlist WHERE db LIKE 'tercet\\_test\\_%' \
                   ORDER BY RAND() LIMIT 1";
        for _ in 0..60 {
            let id: i64 = found("a connection", &mut administrator, any.to_owned()).await;
            kill(&mut administrator, id).await;
            killed += 1;
            moment(seed.below(40)).await;
        }
    })
    .await;
    println!("{killed} connections killed");
}

/// What happens on the way.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Cut(Cut),
    Delay(Duration),
    Hold(Direction),
    HalfClose(Direction),
    Refuse,
}

const HARMS: [Harm; 9] = [
    Harm::Cut(Cut::Fin),
    Harm::Cut(Cut::Rst),
    Harm::Cut(Cut::Silent),
    Harm::Delay(Duration::from_millis(40)),
    Harm::Hold(Direction::ToServer),
    Harm::Hold(Direction::ToClient),
    Harm::HalfClose(Direction::ToServer),
    Harm::HalfClose(Direction::ToClient),
    Harm::Refuse,
];

/// Does it, for as long as clients take to notice where it lasts.
async fn inflict(rig: &Rig, seed: &mut Seed, harm: Harm) {
    let proxy = rig.proxy();
    let felt = async |failures| {
        let before = rig.world.answers.failures();
        let reached = rig.world.answers.reach_failures(before, failures);
        // All may be answered already when this comes late.
        let _late = tokio::time::timeout(Duration::from_secs(7), reached).await;
    };
    match harm {
        Harm::Cut(Cut::Silent) => {
            proxy.cut(Cut::Silent);
            felt(4).await;
        }
        Harm::Cut(how) => {
            for _ in 0..5 {
                proxy.cut(how);
                moment(seed.below(30)).await;
            }
        }
        Harm::Delay(time) => {
            proxy.set_all(Flow::Delay(time));
            moment(500).await;
        }
        Harm::Hold(direction) => {
            proxy.set(direction, Flow::Hold);
            felt(4).await;
        }
        Harm::HalfClose(direction) => {
            for connection in proxy.connections() {
                connection.set(direction, Flow::HalfClosed);
            }
            moment(seed.below(100)).await;
        }
        Harm::Refuse => {
            proxy.refuse();
            proxy.cut(Cut::Rst);
            felt(4).await;
        }
    }
    proxy.heal();
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_held_delayed_and_half_closed_on_the_way_nothing_is_lost_and_nothing_doubled() {
    let mut seed = Seed::new("cut on the way");
    let Some(mut rig) = Rig::start(Options::default(), Path::ThroughAProxy).await else {
        return;
    };
    for harm in HARMS {
        rig.under_load(&mut seed, &format!("{harm:?}"), 30, async |rig, seed| {
            inflict(rig, seed, harm).await;
        })
        .await;
    }
}

/// The end of a connection at the COMMIT itself, whosever it is: the log's or a participant's.
#[tokio::test(flavor = "multi_thread")]
async fn cut_at_its_commit_a_batch_is_found_out_about() {
    let mut seed = Seed::new("cut at commit");
    let Some(mut rig) = Rig::start(Options::default(), Path::ThroughAProxy).await else {
        return;
    };
    let mut cut = 0;
    for moment in [Moment::Before, Moment::After, Moment::Answered] {
        for how in [Cut::Fin, Cut::Rst, Cut::Silent] {
            let name = format!("{moment:?}-{how:?}");
            let shots = if how == Cut::Silent { 2 } else { 6 };
            rig.under_load(&mut seed, &name, 24, async |rig, _| {
                for _ in 0..shots {
                    let on = b"COMMIT".to_vec();
                    rig.proxy().arm(Trigger { on, moment, how });
                }
            })
            .await;
            cut += shots;
            assert_eq!(
                rig.proxy().fired(),
                cut,
                "{name}: there were enough commits"
            );
            rig.proxy().heal();
        }
    }
    println!("{cut} commits cut");
}
