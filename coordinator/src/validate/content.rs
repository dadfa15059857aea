//! The digest by which a repetition is told from a conflict.
//!
//! It covers what the contract calls content: the rpc, the branches as sent and in order, `try_order` and
//! `initiator`; never headers, labels, time-outs or `wait_for`. JSON is taken as a value: the numbers of a
//! `Struct` are doubles and its fields are sorted, so 1 equals 1.0 and the order of keys doesn't count. Each part
//! is led by its length or by a tag, so that no two contents run together the same way. Never change it: digests
//! are stored, and a changed one would turn repetitions into conflicts.

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use sha2::{Digest as _, Sha256};
use tercet_core::ContentHash;
use tercet_proto::tercet::v1 as pb;

/// The content of an `ExecuteTransaction`.
pub(crate) fn of_execute(
    branches: &[pb::Branch],
    options: Option<&pb::TransactionOptions>,
) -> ContentHash {
    let mut hasher = Hasher::new("execute");
    hasher.number(branches.len() as u64);
    for branch in branches {
        hasher.branch(branch);
    }
    hasher.options(options);
    hasher.finish()
}

/// The content of a `BeginTransaction`.
pub(crate) fn of_begin(options: Option<&pb::TransactionOptions>) -> ContentHash {
    let mut hasher = Hasher::new("begin");
    hasher.options(options);
    hasher.finish()
}

/// The content of a branch; the same whether it comes through `RegisterBranch` or `TryBranch`.
pub(crate) fn of_branch(branch: &pb::Branch) -> ContentHash {
    let mut hasher = Hasher::new("branch");
    hasher.branch(branch);
    hasher.finish()
}

struct Hasher(Sha256);

impl Hasher {
    fn new(kind: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.bytes(kind.as_bytes());
        hasher
    }

    fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }

    fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn branch(&mut self, branch: &pb::Branch) {
        self.bytes(branch.id.as_bytes());
        self.bytes(branch.participant.as_bytes());
        self.bytes(branch.action.as_bytes());
        match &branch.payload {
            // An unset payload equals empty bytes.
            None => {
                self.tag(0);
                self.bytes(&[]);
            }
            Some(pb::branch::Payload::Message(bytes)) => {
                self.tag(0);
                self.bytes(bytes);
            }
            Some(pb::branch::Payload::Json(json)) => {
                self.tag(1);
                self.fields(json);
            }
        }
    }

    fn options(&mut self, options: Option<&pb::TransactionOptions>) {
        let order = match options.map_or(0, |options| options.try_order) {
            0 => pb::TryOrder::Parallel as i32,
            order => order,
        };
        self.0.update(order.to_le_bytes());
        match options.and_then(|options| options.initiator.as_ref()) {
            None => self.tag(0),
            Some(initiator) => {
                self.tag(1);
                self.bytes(initiator.participant.as_bytes());
                self.bytes(initiator.service.as_bytes());
            }
        }
    }

    fn fields(&mut self, json: &Struct) {
        self.number(json.fields.len() as u64);
        for (key, value) in &json.fields {
            self.bytes(key.as_bytes());
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match &value.kind {
            None | Some(Kind::NullValue(_)) => self.tag(0),
            Some(Kind::BoolValue(value)) => self.tag(1 + u8::from(*value)),
            Some(Kind::NumberValue(number)) => {
                self.tag(3);
                // Zero has two signs and one value.
                let number = if *number == 0.0 { 0.0 } else { *number };
                self.number(number.to_bits());
            }
            Some(Kind::StringValue(text)) => {
                self.tag(4);
                self.bytes(text.as_bytes());
            }
            Some(Kind::StructValue(json)) => {
                self.tag(5);
                self.fields(json);
            }
            Some(Kind::ListValue(list)) => {
                self.tag(6);
                self.number(list.values.len() as u64);
                for value in &list.values {
                    self.value(value);
                }
            }
        }
    }
}
