//! Transactions as the core would make them, written by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tercet_core::{
    ActionName, Attention, Branch, BranchDefinition, BranchId, BranchState, CancelCause,
    CancelReason, ContentHash, Gid, GlobalTransaction, Mode, Options, ParticipantName, Timestamp,
    TransactionState, TriedBy, Verbs,
};
use tercet_log::AuditRecord;

pub fn gid(text: &str) -> Gid {
    Gid::parse(text).unwrap()
}

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A transaction that is being tried, with a branch for each participant.
pub fn trying(name: &str, begun_at: i64, participants: &[&str]) -> GlobalTransaction {
    GlobalTransaction {
        gid: gid(name),
        mode: Mode::OneCall,
        content: ContentHash([7; 32]),
        options: Arc::new(Options::default()),
        trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        state: TransactionState::Trying,
        begun_at: at(begun_at),
        try_deadline: at(begun_at + 30_000_000),
        decided_at: None,
        ended_at: None,
        cancel_cause: None,
        attention: None,
        initiator_checks: 0,
        next_check_at: None,
        branches: participants
            .iter()
            .enumerate()
            .map(|(number, name)| branch(number, name))
            .collect(),
    }
}

pub fn branch(number: usize, participant: &str) -> Branch {
    Branch::new(Arc::new(BranchDefinition {
        id: BranchId::parse(&format!("b{number}")).unwrap(),
        participant: ParticipantName::parse(participant).unwrap(),
        action: ActionName::parse("reserve").unwrap(),
        service: "shop.stock.v1.ReserveStockService".into(),
        verbs: Verbs::Tcc,
        payload: Bytes::from_static(
            b"a payload of about the size that an order's branches usually have",
        ),
        content: ContentHash([9; 32]),
        tried_by: TriedBy::Coordinator,
    }))
}

pub fn labelled(mut transaction: GlobalTransaction, labels: &[(&str, &str)]) -> GlobalTransaction {
    let labels: BTreeMap<String, String> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    transaction.options = Arc::new(Options {
        labels,
        try_timeout: Duration::from_secs(30),
        ..Options::default()
    });
    transaction
}

/// The same, decided to confirm.
pub fn confirming(mut transaction: GlobalTransaction, when: i64) -> GlobalTransaction {
    transaction.state = TransactionState::Confirming;
    transaction.decided_at = Some(at(when));
    for branch in &mut transaction.branches {
        branch.state = BranchState::Tried;
        branch.tries.calls = 1;
    }
    transaction
}

/// The same, confirmed by every branch.
pub fn confirmed(transaction: GlobalTransaction, when: i64) -> GlobalTransaction {
    let mut transaction = confirming(transaction, when);
    transaction.state = TransactionState::Confirmed;
    transaction.ended_at = Some(at(when));
    for branch in &mut transaction.branches {
        branch.state = BranchState::Confirmed;
    }
    transaction
}

/// The same, decided to cancel, with something to look at since then.
pub fn cancelling_with_attention(
    mut transaction: GlobalTransaction,
    when: i64,
    parked: bool,
) -> GlobalTransaction {
    transaction.state = TransactionState::Cancelling;
    transaction.decided_at = Some(at(when));
    transaction.cancel_cause = Some(CancelCause {
        reason: CancelReason::Requested,
        branch: None,
        error: None,
        note: "changed my mind".to_owned(),
    });
    for branch in &mut transaction.branches {
        branch.attention = Some(Attention {
            why: "stuck".to_owned(),
            since: at(when),
            parked,
        });
    }
    transaction
}

/// A transaction that no state machine makes, and that the tables' constraints refuse.
pub fn impossible(name: &str) -> GlobalTransaction {
    let mut transaction = confirmed(trying(name, 1, &["stock"]), 2);
    transaction.ended_at = None;
    transaction
}

pub fn audit(name: Option<&str>, participant: Option<&str>, reason: &str) -> AuditRecord {
    AuditRecord {
        at: at(5),
        who: "anna".to_owned(),
        action: "ForceBranch".to_owned(),
        gid: name.map(gid),
        branch: None,
        participant: participant.map(|participant| ParticipantName::parse(participant).unwrap()),
        reason: reason.to_owned(),
        before: "CONFIRMING, branch b0 waits after 3 attempts".to_owned(),
        after: "CONFIRMED, branch b0 done by hand – à la main".to_owned(),
    }
}
