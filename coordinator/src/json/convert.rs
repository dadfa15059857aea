//! From a JSON value to an encoded message, or to the path of what doesn't fit.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::Struct;
use prost_types::value::Kind as StructKind;
use serde_json::{Map, Number, Value, json};

use super::check::{self, NUMBER_MAX};

/// What doesn't fit, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonError {
    /// From the top of the payload, for instance `items[2].quantity`; empty for the payload itself.
    pub(super) path: String,
    pub(super) problem: String,
}

/// The value as that message, encoded.
pub(super) fn encode(message: &MessageDescriptor, json: &Struct) -> Result<Bytes, JsonError> {
    let object = object_of(json);
    check::numbers(message, &object)?;
    match parse(message, Value::Object(object.clone())) {
        Ok(parsed) => Ok(parsed.encode_to_vec().into()),
        Err(problem) => Err(locate(message, &object, "").unwrap_or(JsonError {
            path: String::new(),
            problem,
        })),
    }
}

fn parse(message: &MessageDescriptor, value: Value) -> Result<DynamicMessage, String> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(message.clone(), value, &options)
        .map_err(|error| error.to_string())
}

/// The first field that doesn't fit even when it is alone, as deep down as can be said.
///
/// The parser knows no paths, and it is only asked here, after it has refused the whole.
fn locate(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
    path: &str,
) -> Option<JsonError> {
    object.iter().find_map(|(key, value)| {
        let problem = parse(message, json!({ key: value })).err()?;
        let path = check::join(path, key);
        let Some(field) = check::field(message, key) else {
            return Some(JsonError { path, problem });
        };
        let deeper = locate_within(message, &field, key, value, &path);
        Some(deeper.unwrap_or(JsonError { path, problem }))
    })
}

fn locate_within(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    key: &str,
    value: &Value,
    path: &str,
) -> Option<JsonError> {
    match (value, field.kind()) {
        (Value::Array(values), _) if field.is_list() => {
            values.iter().enumerate().find_map(|(index, value)| {
                let problem = parse(message, json!({ key: [value] })).err()?;
                let path = format!("{path}[{index}]");
                let deeper = locate_one(&field.kind(), value, &path);
                Some(deeper.unwrap_or(JsonError { path, problem }))
            })
        }
        (Value::Object(entries), Kind::Message(entry)) if field.is_map() => {
            let kind = entry.map_entry_value_field().kind();
            entries.iter().find_map(|(entry, value)| {
                let problem = parse(message, json!({ key: { entry: value } })).err()?;
                let path = check::join(path, entry);
                let deeper = locate_one(&kind, value, &path);
                Some(deeper.unwrap_or(JsonError { path, problem }))
            })
        }
        (value, kind) => locate_one(&kind, value, path),
    }
}

fn locate_one(kind: &Kind, value: &Value, path: &str) -> Option<JsonError> {
    match (kind, value) {
        (Kind::Message(inner), Value::Object(object)) if !check::is_well_known(inner) => {
            locate(inner, object, path)
        }
        _ => None,
    }
}

fn object_of(json: &Struct) -> Map<String, Value> {
    json.fields
        .iter()
        .map(|(key, value)| (key.clone(), value_of(value)))
        .collect()
}

fn value_of(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(StructKind::NullValue(_)) => Value::Null,
        Some(StructKind::BoolValue(value)) => Value::Bool(*value),
        Some(StructKind::NumberValue(number)) => number_of(*number),
        Some(StructKind::StringValue(text)) => Value::String(text.clone()),
        Some(StructKind::StructValue(json)) => Value::Object(object_of(json)),
        Some(StructKind::ListValue(list)) => list.values.iter().map(value_of).collect(),
    }
}

/// Every number of a `Struct` is a double; a whole one is an integer again.
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < NUMBER_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and below 2^53"
        )]
        let whole = number as i64;
        return Value::Number(whole.into());
    }
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        // As proto3 JSON writes them; only fields for floating-point numbers take them.
        None if number.is_nan() => Value::String("NaN".to_owned()),
        None if number > 0.0 => Value::String("Infinity".to_owned()),
        None => Value::String("-Infinity".to_owned()),
    }
}
