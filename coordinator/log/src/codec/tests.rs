//! What decoding refuses: every impossible row is a typed error, never a transaction.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tercet_core::{
    ActionName, Branch, BranchDefinition, BranchId, BranchState, ContentHash, Gid,
    GlobalTransaction, Mode, Options, ParticipantName, Timestamp, TransactionState, TriedBy, Verbs,
};
use tercet_proto::tercet::storage::v1 as proto;

use super::{DecodeError, StoredRow, mode_code, state_code, state_of_code};
use crate::entry::Row;
use crate::{SessionId, Stored};

fn branch(id: &str) -> Branch {
    Branch::new(Arc::new(BranchDefinition {
        id: BranchId::parse(id).unwrap(),
        participant: ParticipantName::parse("stock").unwrap(),
        action: ActionName::parse("reserve").unwrap(),
        service: "shop.stock.v1.ReserveStockService".into(),
        verbs: Verbs::Tcc,
        payload: Bytes::from_static(b"payload"),
        content: ContentHash([9; 32]),
        tried_by: TriedBy::Coordinator,
    }))
}

fn transaction() -> GlobalTransaction {
    GlobalTransaction {
        gid: Gid::parse("order-1").unwrap(),
        mode: Mode::OneCall,
        content: ContentHash([7; 32]),
        options: Arc::new(Options::default()),
        trace_parent: "".into(),
        state: TransactionState::Confirmed,
        begun_at: Timestamp::from_micros(1),
        try_deadline: Timestamp::from_micros(2),
        decided_at: Some(Timestamp::from_micros(3)),
        ended_at: Some(Timestamp::from_micros(4)),
        cancel_cause: None,
        attention: None,
        initiator_checks: 0,
        next_check_at: None,
        branches: vec![
            Branch {
                state: BranchState::Confirmed,
                ..branch("a")
            },
            Branch {
                state: BranchState::Confirmed,
                ..branch("b")
            },
        ],
    }
}

fn stored_row(transaction: &GlobalTransaction) -> StoredRow {
    let row = Row::encode(transaction);
    StoredRow {
        gid: transaction.gid.as_str().to_owned(),
        version: 5,
        owner: 8,
        state: state_code(row.state),
        mode: mode_code(row.mode),
        content_hash: row.content.0.to_vec(),
        begun_at: row.begun_at.as_micros(),
        try_deadline: row.try_deadline.as_micros(),
        decided_at: row.decided_at.map(Timestamp::as_micros),
        ended_at: row.ended_at.map(Timestamp::as_micros),
        definition: row.definition.unwrap().bytes.to_vec(),
        progress: row.progress.to_vec(),
    }
}

/// The error of the row that `change` makes out of a good one.
fn refused(change: impl FnOnce(&mut StoredRow)) -> DecodeError {
    let mut row = stored_row(&transaction());
    change(&mut row);
    Stored::try_from(row).unwrap_err()
}

fn refused_definition(change: impl FnOnce(&mut proto::Definition)) -> DecodeError {
    refused(|row| {
        let mut definition = proto::Definition::decode(&row.definition[..]).unwrap();
        change(&mut definition);
        row.definition = definition.encode_to_vec();
    })
}

fn refused_progress(change: impl FnOnce(&mut proto::Progress)) -> DecodeError {
    refused(|row| {
        let mut progress = proto::Progress::decode(&row.progress[..]).unwrap();
        change(&mut progress);
        row.progress = progress.encode_to_vec();
    })
}

#[test]
fn a_good_row_is_a_transaction() {
    let stored = Stored::try_from(stored_row(&transaction())).unwrap();
    assert_eq!(
        stored,
        Stored {
            transaction: transaction(),
            version: 5,
            owner: SessionId(8)
        }
    );
}

#[test]
fn columns_that_stand_for_nothing_are_refused() {
    for state in [0, 6, -1, i64::MAX] {
        assert_eq!(
            refused(|row| row.state = state),
            DecodeError::Value {
                field: "state",
                value: state
            }
        );
    }
    for mode in [0, 4] {
        assert_eq!(
            refused(|row| row.mode = mode),
            DecodeError::Value {
                field: "mode",
                value: mode
            }
        );
    }
    for version in [0, -3] {
        assert_eq!(
            refused(|row| row.version = version),
            DecodeError::Value {
                field: "version",
                value: version
            }
        );
    }
    assert!(matches!(
        refused(|row| row.gid.push(' ')),
        DecodeError::Name { field: "gid", .. }
    ));
    assert_eq!(
        refused(|row| row.content_hash.truncate(31)),
        DecodeError::Hash {
            field: "content hash",
            length: 31
        }
    );
}

#[test]
fn blobs_that_are_none_are_refused() {
    assert!(matches!(
        refused(|row| row.definition = vec![0xff; 9]),
        DecodeError::Blob {
            field: "definition",
            ..
        }
    ));
    assert!(matches!(
        refused(|row| row.progress = vec![0xff; 9]),
        DecodeError::Blob {
            field: "progress",
            ..
        }
    ));
    assert_eq!(
        refused(|row| row.definition.clear()),
        DecodeError::Contradiction("definition and progress have different numbers of branches")
    );
    assert_eq!(
        refused_definition(|definition| definition.options = None),
        DecodeError::Missing { field: "options" }
    );
}

#[test]
fn impossible_definitions_are_refused() {
    let bad_name = |field| move |error: DecodeError| matches!(error, DecodeError::Name { field: found, .. } if found == field);
    assert!(bad_name("branch id")(refused_definition(|it| it.branches
        [0]
    .id
    .clear())));
    assert!(bad_name("participant")(refused_definition(|it| it
        .branches[0]
        .participant =
        "a b".into())));
    assert!(bad_name("action")(refused_definition(|it| it.branches
        [1]
    .action =
        "x".repeat(65))));
    assert_eq!(
        refused_definition(|it| it.branches[0].tried_by = 0),
        DecodeError::Value {
            field: "caller of try",
            value: 0
        }
    );
    assert_eq!(
        refused_definition(|it| it.branches[0].verbs = vec![1]),
        DecodeError::Contradiction("a branch has a set of verbs that isn't allowed")
    );
    assert_eq!(
        refused_definition(|it| it.branches[0].verbs.push(9)),
        DecodeError::Value {
            field: "verb",
            value: 9
        }
    );
    assert_eq!(
        refused_definition(|it| it.branches[1].id = "a".into()),
        DecodeError::Contradiction("two branches have one id")
    );
    assert!(matches!(
        refused_definition(|it| it.options.as_mut().unwrap().try_timeout_micros = -1),
        DecodeError::Value {
            field: "try time-out",
            value: -1
        }
    ));
}

#[test]
fn facts_that_contradict_each_other_are_refused() {
    let contradicts = |error: DecodeError| matches!(error, DecodeError::Contradiction(_));
    assert!(contradicts(refused(|row| row.decided_at = None)));
    assert!(contradicts(refused(|row| row.ended_at = None)));
    assert!(
        contradicts(refused(
            |row| row.state = state_code(TransactionState::Trying)
        )),
        "both times stand there"
    );
    assert!(
        contradicts(refused(
            |row| row.state = state_code(TransactionState::Confirming)
        )),
        "it has ended"
    );
    assert!(
        contradicts(refused(
            |row| row.state = state_code(TransactionState::Cancelled)
        )),
        "its branches confirmed"
    );
    assert!(contradicts(refused_progress(|it| {
        it.branches.pop();
    })));
    assert!(contradicts(refused_progress(
        |it| it.branches[0].state = proto::BranchState::Tried.into()
    )));
    assert!(contradicts(refused_progress(
        |it| it.branches[0].state = proto::BranchState::Cancelled.into()
    )));
    assert!(contradicts(refused_progress(|it| {
        it.cancel_cause = Some(proto::CancelCause {
            reason: 1,
            ..Default::default()
        });
    })));
    assert_eq!(
        refused_progress(|it| it.branches[0].state = 0),
        DecodeError::Value {
            field: "branch state",
            value: 0
        }
    );
}

#[test]
fn a_newer_version_may_have_added_fields() {
    let mut row = stored_row(&transaction());
    // Field 1000, a varint: unknown to this version.
    row.progress.extend([0xc0, 0x3e, 0x01]);
    row.definition.extend([0xc0, 0x3e, 0x01]);
    assert_eq!(Stored::try_from(row).unwrap().transaction, transaction());
}

#[test]
fn every_state_has_a_number_of_its_own() {
    for state in TransactionState::ALL {
        assert_eq!(state_of_code(state_code(state)), Some(state));
    }
    assert_eq!(
        TransactionState::ALL.map(state_code),
        [1, 2, 3, 4, 5],
        "fixed for ever"
    );
}
