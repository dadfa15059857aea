//! Numbers for 64-bit fields: a JSON number is a double and has 53 bits.
//!
//! 2^53 itself is refused, too: 2^53 + 1 arrives as the same double. Whoever needs more sends a string.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::convert::JsonError;

/// 2^53: from here on, two whole numbers can be the same double.
pub(super) const NUMBER_MAX: f64 = 9_007_199_254_740_992.0;

/// Whether every number for a 64-bit field can be what its sender meant.
pub(super) fn numbers(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
) -> Result<(), JsonError> {
    numbers_within(message, object, "")
}

fn numbers_within(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
    path: &str,
) -> Result<(), JsonError> {
    for (key, value) in object {
        // Unknown fields are the parser's to refuse.
        let Some(field) = field(message, key) else {
            continue;
        };
        let path = join(path, key);
        match (value, field.kind()) {
            (Value::Array(values), kind) if field.is_list() => {
                for (index, value) in values.iter().enumerate() {
                    number(&kind, value, &format!("{path}[{index}]"))?;
                }
            }
            (Value::Object(entries), Kind::Message(entry)) if field.is_map() => {
                let kind = entry.map_entry_value_field().kind();
                for (key, value) in entries {
                    number(&kind, value, &join(&path, key))?;
                }
            }
            (value, kind) => number(&kind, value, &path)?,
        }
    }
    Ok(())
}

fn number(kind: &Kind, value: &Value, path: &str) -> Result<(), JsonError> {
    match (kind, value) {
        (Kind::Message(message), Value::Object(object)) if !is_well_known(message) => {
            numbers_within(message, object, path)
        }
        (kind, Value::Number(number)) if is_64_bit(kind) => {
            let is_exact = number
                .as_f64()
                .is_some_and(|number| number.abs() < NUMBER_MAX);
            if is_exact {
                return Ok(());
            }
            Err(JsonError {
                path: path.to_owned(),
                problem: format!(
                    "{number} is beyond 2^53, where a JSON number is no longer exact; send a string"
                ),
            })
        }
        _ => Ok(()),
    }
}

fn is_64_bit(kind: &Kind) -> bool {
    match kind {
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => true,
        Kind::Message(message) => matches!(
            message.full_name(),
            "google.protobuf.Int64Value" | "google.protobuf.UInt64Value"
        ),
        _ => false,
    }
}

/// Whether the message has a JSON form of its own.
pub(super) fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

/// The field of that name, as JSON or as the proto file has it.
pub(super) fn field(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(key)
        .or_else(|| message.get_field_by_name(key))
}

/// The path of a field below `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
