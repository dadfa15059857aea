//! JSON payloads against descriptors: what is encoded, what is refused, and where.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::{Struct, Value, value::Kind};
use tercet_proto::tercet::v1 as pb;

use super::convert::{JsonError, encode};

/// A JSON text as the `Struct` that a client makes of it: every number is a double.
fn json(text: &str) -> Struct {
    match serde_json::from_str(text).unwrap() {
        serde_json::Value::Object(object) => fields(object),
        _ => panic!("a payload is an object"),
    }
}

fn fields(object: serde_json::Map<String, serde_json::Value>) -> Struct {
    let fields = object.into_iter().map(|(key, json)| (key, value(json)));
    Struct {
        fields: fields.collect(),
    }
}

fn value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.into_iter().map(value).collect(),
        }),
        serde_json::Value::Object(object) => Kind::StructValue(fields(object)),
    };
    Value { kind: Some(kind) }
}

fn convert(message: &str, text: &str) -> Result<bytes::Bytes, JsonError> {
    let pool = DescriptorPool::decode(tercet_proto::FILE_DESCRIPTOR_SET).unwrap();
    encode(&pool.get_message_by_name(message).unwrap(), &json(text))
}

fn check_refused(message: &str, text: &str, path: &str, problem: &str) {
    let error = convert(message, text).unwrap_err();
    assert_eq!(error.path, path, "{error:?}");
    assert!(error.problem.contains(problem), "{error:?}");
}

const EXECUTE: &str = "tercet.v1.ExecuteTransactionRequest";

#[test]
fn a_message_with_everything_in_it_is_the_same_as_in_code() {
    let text = r#"{
        "gid": "g", "waitFor": "WAIT_FOR_COMPLETION",
        "branches": [{"id": "a", "participant": "p", "action": "x", "message": "AQI="}],
        "options": {"try_timeout": "3s", "labels": {"k": "v"}}
    }"#;
    let encoded = convert(EXECUTE, text).unwrap();
    let decoded = pb::ExecuteTransactionRequest::decode(encoded).unwrap();
    assert_eq!(decoded.wait_for(), pb::WaitFor::Completion);
    let message = pb::branch::Payload::Message(bytes::Bytes::from_static(&[1, 2]));
    assert_eq!(decoded.branches[0].payload, Some(message));
    let options = decoded.options.unwrap();
    assert_eq!(options.try_timeout.unwrap().seconds, 3);
    assert_eq!(options.labels["k"], "v");
}

#[test]
fn what_does_not_fit_is_named_with_its_path() {
    check_refused(EXECUTE, r#"{"gidd": "g"}"#, "gidd", "gidd");
    check_refused(EXECUTE, r#"{"gid": 3}"#, "gid", "string");
    check_refused(
        EXECUTE,
        r#"{"branches": [{"id": "a"}, {"id": "b", "aktion": "x"}]}"#,
        "branches[1].aktion",
        "aktion",
    );
    check_refused(
        EXECUTE,
        r#"{"options": {"labels": {"k": 5}}}"#,
        "options.labels.k",
        "string",
    );
    check_refused(
        EXECUTE,
        r#"{"options": {"tryTimeout": "soon"}}"#,
        "options.tryTimeout",
        "",
    );
}

const STORED: &str = "tercet.storage.v1.Options";

#[test]
fn numbers_for_64_bit_fields_stay_exact() {
    let micros = |text: &str| {
        convert(STORED, &format!(r#"{{"tryTimeoutMicros": {text}}}"#)).map(|encoded| {
            let options = tercet_proto::tercet::storage::v1::Options::decode(encoded);
            options.unwrap().try_timeout_micros
        })
    };
    assert_eq!(micros("9007199254740991").unwrap(), (1 << 53) - 1);
    assert_eq!(micros("-9007199254740991").unwrap(), 1 - (1 << 53));
    assert_eq!(micros("5.0").unwrap(), 5);
    assert_eq!(micros(r#""9007199254740993""#).unwrap(), (1 << 53) + 1);
    for beyond in [
        "9007199254740992",
        "9007199254740993",
        "-9007199254740992",
        "1e300",
    ] {
        let error = micros(beyond).unwrap_err();
        assert_eq!(error.path, "tryTimeoutMicros");
        assert!(error.problem.contains("send a string"), "{error:?}");
    }
    check_refused(
        STORED,
        r#"{"tryTimeoutMicros": 1.5}"#,
        "tryTimeoutMicros",
        "integer",
    );
    check_refused(
        "tercet.storage.v1.Progress",
        r#"{"branches": [{"try": {"attempts": [{"tookMicros": 1e17}]}}]}"#,
        "branches[0].try.attempts[0].tookMicros",
        "send a string",
    );
}
