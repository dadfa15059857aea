//! Something of everything that may be open, held at once: the figures beside the rows, and beside what the participant hasn't
//! answered.

use std::time::Duration;

use tercet_proto::tercet::v1::{
    BeginTransactionRequest, CancelTransactionRequest, ConfirmTransactionRequest,
    PauseParticipantRequest, TransactionOptions, TryBranchRequest,
};
use tonic::Status;

use crate::harness::scripted::Call;
use crate::harness::until;
use crate::ledger::Ledger;
use crate::queries;
use crate::rig::{Rig, branch, execute};
use crate::scrape::{Scrape, get};
use crate::stuck::oldest;

/// One participant under these names, with what each is for: its gids begin with it.
const NARROW: &str = "narrow";
const PAUSED: &str = "paused";
const CANCELLING: &str = "cancelling";
const PARKED: &str = "parked";
const ALL: [&str; 4] = [NARROW, PAUSED, CANCELLING, PARKED];
/// How many transactions have calls to the narrow one, and how many of those it gets at a time, retries among them.
const NARROW_TRANSACTIONS: i64 = 4;
const NARROW_CALLS: i64 = 2;
const NARROW_RETRIES: i64 = 1;

fn configuration(address: &str) -> String {
    let participant = |name: &str| {
        let calls = if name == NARROW {
            format!("max_in_flight = {NARROW_CALLS}\n")
        } else {
            String::new()
        };
        format!(
            "[participants.{name}]\nendpoints = [\"http://{address}\"]\ntimeout = \"10m\"\n{calls}\
             [participants.{name}.actions]\nact = \"test.v1.ActService\"\n"
        )
    };
    let participants = ALL.map(participant).concat();
    format!("{participants}[retry]\nmax_attempts = 2\ninitial = \"1ms\"\n")
}

/// Every try is done. Confirms at the narrow one fail once and then get no answer; the parked one says no; cancels get no
/// answer.
fn answer(call: Call, unanswered: &mut Vec<Call>) {
    let gid = call.text("tercet-gid");
    match (call.phase().as_str(), call.text("tercet-attempt").as_str()) {
        ("try", _) => call.done(),
        ("confirm", "1") if gid.starts_with(NARROW) => call.fail(Status::unavailable("not now")),
        ("confirm", _) if gid.starts_with(PARKED) => {
            call.fail(Status::failed_precondition("no"));
        }
        _ => unanswered.push(call),
    }
}

/// Begins it step by step, up to its try.
async fn tried(rig: &Rig, participant: &str) -> String {
    let gid = format!("{participant}-steps");
    let mut client = rig.client();
    let begin = BeginTransactionRequest {
        gid: gid.clone(),
        options: Some(TransactionOptions {
            // Nothing is decided by a deadline here, however slow the machine.
            try_timeout: Some(prost_types::Duration {
                seconds: 3_600,
                nanos: 0,
            }),
            ..TransactionOptions::default()
        }),
    };
    client.begin_transaction(begin).await.unwrap();
    let request = TryBranchRequest {
        gid: gid.clone(),
        branch: Some(branch(participant)),
    };
    client.try_branch(request).await.unwrap();
    gid
}

async fn begin_everything(rig: &Rig) {
    let mut client = rig.client();
    for number in 0..NARROW_TRANSACTIONS {
        let mut request = execute(&format!("{NARROW}-{number}"));
        request.get_mut().branches = vec![branch(NARROW)];
        client.execute_transaction(request).await.unwrap();
    }
    let mut request = execute(&format!("{PARKED}-1"));
    request.get_mut().branches = vec![branch(PARKED)];
    client.execute_transaction(request).await.unwrap();
    // Undecided, with its try done.
    tried(rig, PARKED).await;
    let gid = tried(rig, CANCELLING).await;
    let cancel = CancelTransactionRequest {
        gid,
        ..CancelTransactionRequest::default()
    };
    client.cancel_transaction(cancel).await.unwrap();
    let gid = tried(rig, PAUSED).await;
    let pause = PauseParticipantRequest {
        participant: PAUSED.into(),
        reason: "it moves".into(),
    };
    rig.admin().pause_participant(pause).await.unwrap();
    let confirm = ConfirmTransactionRequest {
        gid,
        ..ConfirmTransactionRequest::default()
    };
    client.confirm_transaction(confirm).await.unwrap();
}

/// Waits until nothing moves any more, and takes the figures.
async fn settled(rig: &Rig) -> Scrape {
    until("everything to come to rest", || async {
        let flagged = queries::flagged(&rig.log()).await;
        let parked = queries::parked(&rig.log()).await;
        let scrape = Scrape::of(&rig.coordinator.http).await;
        let queued = scrape.sum("tercet_participant_retries_queued", &[]);
        let in_flight = scrape.sum("tercet_participant_calls_in_flight", &[]);
        let held = scrape.sum("tercet_participant_calls_held", &[]);
        let is_settled = (flagged, parked) == (1, 1)
            && queued == NARROW_TRANSACTIONS - NARROW_RETRIES
            && (in_flight, held) == (NARROW_RETRIES + 1, 1);
        is_settled.then_some(scrape)
    })
    .await
}

/// Brings it about, and holds the figures against the database.
pub(crate) async fn everything_that_is_open(ledger: &mut Ledger) {
    let rig = Rig::start_with(configuration).await;
    let mut unanswered = Vec::new();
    let scrape = rig
        .serving(
            async {
                begin_everything(&rig).await;
                settled(&rig).await
            },
            |call| answer(call, &mut unanswered),
        )
        .await;

    let log = rig.log();
    the_console_says_the_same(&rig, &scrape).await;
    let states = queries::by_state(&log).await;
    for (state, label) in [(1, "trying"), (2, "confirming"), (4, "cancelling")] {
        let open = ("tercet_transactions_open", "");
        assert!(states[&state] > 0, "{states:?}");
        ledger.agrees(&scrape, open, &[("state", label)], states[&state]);
    }
    let flagged = queries::flagged(&log).await;
    let parked = queries::parked(&log).await;
    ledger.agrees(&scrape, ("tercet_transactions_attention", ""), &[], flagged);
    ledger.agrees(&scrape, ("tercet_transactions_parked", ""), &[], parked);
    let age = "tercet_oldest_unresolved_age_seconds";
    ledger.is_between(
        &scrape,
        age,
        Duration::from_micros(1).as_secs_f64(),
        oldest(&rig).await,
    );
    let sessions = ("tercet_cluster_sessions", "");
    let alive = queries::sessions(&log).await;
    ledger.agrees(&scrape, sessions, &[("state", "alive")], alive);
    ledger.agrees(&scrape, sessions, &[], alive);
    // The refusal flagged it, then its attempts were used up; each of the two was told at once.
    let raised = ("tercet_alerts_raised_total", "");
    ledger.agrees(&scrape, raised, &[("cause", "refused")], flagged);
    ledger.agrees(&scrape, raised, &[("cause", "parked")], parked);
    ledger.agrees(&scrape, raised, &[], flagged + parked);
    ledger.agrees(
        &scrape,
        ("tercet_alerts_told_total", ""),
        &[],
        flagged + parked,
    );

    for name in ALL {
        let count = |count: usize| i64::try_from(count).unwrap();
        let under_way = unanswered.iter();
        let under_way = under_way.filter(|call| call.text("tercet-gid").starts_with(name));
        let retries = under_way
            .clone()
            .filter(|call| call.text("tercet-attempt") != "1");
        let (under_way, retries) = (count(under_way.count()), count(retries.count()));
        let waiting = queries::waiting(&log, name).await;
        assert!(waiting > 0, "{name}");
        let paused = queries::paused(&log, name).await;
        // What the rows say has to be called and the participant hasn't got.
        let rest = if name == PARKED {
            0
        } else {
            waiting - under_way
        };
        let (held, queued) = if paused == 1 { (rest, 0) } else { (0, rest) };
        let mut agrees = |family: &str, counted: i64| {
            let family = (&*format!("tercet_participant_{family}"), "");
            ledger.agrees(&scrape, family, &[("participant", name)], counted);
        };
        agrees("branches_waiting", waiting);
        agrees("calls_in_flight", under_way);
        agrees("retries_in_flight", retries);
        agrees("paused", paused);
        agrees("calls_held", held);
        agrees("calls_queued", queued);
        agrees("retries_queued", queued);
        // These are what the file says, or leaves to its defaults.
        let limits = if name == NARROW {
            (NARROW_CALLS, NARROW_RETRIES)
        } else {
            (256, 128)
        };
        agrees("calls_in_flight_limit", limits.0);
        agrees("retries_in_flight_limit", limits.1);
    }
    assert_eq!(queries::paused(&log, PAUSED).await, 1);
}

/// The text of a tile of the console's overview, without markup.
fn tile(page: &str, title: &str) -> String {
    let (_, after) = page.split_once(&format!("<dt>{title}</dt>")).expect(title);
    let (inside, _) = after.split_once("</div>").unwrap();
    let mut text = String::new();
    for part in inside.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The overview has its numbers from the same places; what it says is held against the database too.
async fn the_console_says_the_same(rig: &Rig, scrape: &Scrape) {
    let (head, page) = get(&rig.coordinator.http, "/").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let log = rig.log();
    let states = queries::by_state(&log).await;
    let (trying, confirming, cancelling) = (states[&1], states[&2], states[&4]);
    assert_eq!(
        tile(&page, "Open"),
        format!(
            "{} {trying} trying · {confirming} confirming · {cancelling} cancelling",
            trying + confirming + cancelling
        )
    );
    let flagged = queries::flagged(&log).await;
    let parked = queries::parked(&log).await;
    assert_eq!(
        tile(&page, "Needs attention"),
        format!("{flagged} {parked} parked")
    );
    // These are in no row: they are compared with the participant's side and the figures.
    let sum = |name: &str| scrape.sum(&format!("tercet_participant_{name}"), &[]);
    assert_eq!(
        tile(&page, "Calls in flight"),
        format!(
            "{} {} wait for their turn",
            sum("calls_in_flight"),
            sum("calls_queued") + sum("calls_held")
        )
    );
}
