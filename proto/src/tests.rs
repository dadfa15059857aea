//! What others rely on beyond the messages themselves: the descriptors, and bytes that aren't copied.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::{
    FILE_DESCRIPTOR_SET,
    tercet::v1::{Branch, branch::Payload},
};

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap()
}

/// The methods of each service, by full name.
fn services() -> BTreeMap<String, Vec<String>> {
    descriptors()
        .file
        .iter()
        .flat_map(|file| {
            file.service.iter().map(|service| {
                (
                    format!("{}.{}", file.package(), service.name()),
                    service.method.iter().map(|m| m.name().to_owned()).collect(),
                )
            })
        })
        .collect()
}

#[test]
fn the_contracts_rpcs_are_described() {
    let services = services();
    for (name, methods) in [
        (
            "tercet.v1.TransactionService",
            "ExecuteTransaction BeginTransaction TryBranch RegisterBranch ConfirmTransaction \
             CancelTransaction RenewTransaction GetTransaction WatchTransaction ResolveBranch",
        ),
        (
            "tercet.v1.AdminService",
            "ListTransactions RetryTransaction ParkTransaction ResumeTransaction ForceBranch \
             ListParticipants PauseParticipant ResumeParticipant GetStatus ListAuditRecords",
        ),
        // The last two are additions to the contract.
        (
            "tercet.v1.FenceService",
            "ListBranches GetBranch GetBranches SettleBranch",
        ),
        ("tercet.v1.InitiatorService", "CheckTransaction"),
        ("tercet.v1.ParticipantStream", "Carry"),
        ("shop.stock.v1.ReserveStockService", "Try Confirm Cancel"),
        ("shop.stock.v1.NotifyService", "Confirm"),
    ] {
        let expected: Vec<&str> = methods.split_whitespace().collect();
        assert_eq!(services.get(name).unwrap(), &expected, "{name}");
    }
}

#[test]
fn every_import_is_part_of_the_descriptors() {
    let set = descriptors();
    let names: Vec<&str> = set
        .file
        .iter()
        .map(prost_types::FileDescriptorProto::name)
        .collect();
    for file in &set.file {
        for import in &file.dependency {
            assert!(
                names.contains(&import.as_str()),
                "{} imports {import}",
                file.name()
            );
        }
    }
}

#[test]
fn every_verb_of_an_action_takes_the_same_request() {
    for file in &descriptors().file {
        for service in &file.service {
            let mut requests: Vec<&str> = service
                .method
                .iter()
                .filter(|m| ["Try", "Confirm", "Cancel"].contains(&m.name()))
                .map(prost_types::MethodDescriptorProto::input_type)
                .collect();
            requests.dedup();
            assert!(requests.len() <= 1, "{}: {requests:?}", service.name());
        }
    }
}

#[test]
fn the_stored_blobs_are_no_services_business() {
    for file in &descriptors().file {
        if file.package() == "tercet.storage.v1" {
            assert!(file.service.is_empty());
        } else {
            assert!(
                !file
                    .dependency
                    .iter()
                    .any(|d| d.starts_with("tercet/storage/")),
                "{} imports a stored blob",
                file.name()
            );
        }
    }
}

#[test]
fn a_payload_is_shared_not_copied() {
    // given a branch as it arrives from the wire
    let branch = Branch {
        payload: Some(Payload::Message(Bytes::from(vec![7; 4096]))),
        ..Branch::default()
    };
    let wire = Bytes::from(branch.encode_to_vec());
    // when it is decoded
    let Some(Payload::Message(payload)) = Branch::decode(wire.clone()).unwrap().payload else {
        panic!("the payload is lost");
    };
    // then its payload lies within what arrived
    assert!(wire.as_ptr_range().contains(&payload.as_ptr()));
}
