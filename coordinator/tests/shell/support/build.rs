//! Requests in few words.

use std::time::Duration;

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;

/// A branch of the action `act` with that payload.
pub(crate) fn branch(id: &str, participant: &str) -> pb::Branch {
    pb::Branch {
        id: id.to_owned(),
        participant: participant.to_owned(),
        action: "act".to_owned(),
        payload: Some(pb::branch::Payload::Message(Bytes::from_static(b"payload"))),
    }
}

/// A branch of the shop's action `reserve` with a JSON payload.
pub(crate) fn json_branch(id: &str, participant: &str, json: &serde_json::Value) -> pb::Branch {
    let object = json.as_object().unwrap();
    let fields = object
        .iter()
        .map(|(key, value)| (key.clone(), value_of(value)));
    pb::Branch {
        id: id.to_owned(),
        participant: participant.to_owned(),
        action: "reserve".to_owned(),
        payload: Some(pb::branch::Payload::Json(prost_types::Struct {
            fields: fields.collect(),
        })),
    }
}

fn value_of(value: &serde_json::Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.iter().map(value_of).collect(),
        }),
        serde_json::Value::Object(object) => Kind::StructValue(prost_types::Struct {
            fields: object
                .iter()
                .map(|(key, value)| (key.clone(), value_of(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// A one-call transaction over those participants, with one branch each, named like it.
pub(crate) fn execute(gid: &str, participants: &[&str]) -> pb::ExecuteTransactionRequest {
    pb::ExecuteTransactionRequest {
        gid: gid.to_owned(),
        branches: participants.iter().map(|name| branch(name, name)).collect(),
        options: None,
        wait_for: pb::WaitFor::Completion as i32,
    }
}

/// Options with that time-out.
pub(crate) fn options(try_timeout: Duration) -> pb::TransactionOptions {
    pb::TransactionOptions {
        try_timeout: Some(prost_types::Duration::try_from(try_timeout).unwrap()),
        ..pb::TransactionOptions::default()
    }
}

/// The request with a deadline of its caller's.
pub(crate) fn with_timeout<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}
