//! The contract's messages as proto3 JSON, by their descriptors.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

/// Why a document can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    /// The descriptors of this build lack the message: a mistake of the build.
    #[error("no descriptor of {0}")]
    NoDescriptor(String),
    /// The text isn't JSON, or not of that message.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The message can't be turned into or out of its dynamic form: a mistake of the build.
    #[error("{0}")]
    Message(#[from] prost::DecodeError),
    /// A number that JSON's numbers don't carry exactly.
    #[error("{path}: {number} is beyond 2^53, write it as a string")]
    Inexact {
        /// Where it stands.
        path: String,
        /// The number.
        number: serde_json::Number,
    },
}

/// One document of several lines. `name` is the message's full name, for example `tercet.v1.Transaction`.
pub(crate) fn document(name: &str, message: &impl Message) -> Result<String, JsonError> {
    let mut bytes = Vec::new();
    let dynamic = dynamic(name, message)?;
    dynamic.serialize_with_options(
        &mut serde_json::Serializer::pretty(&mut bytes),
        &SerializeOptions::new(),
    )?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The same on one line.
pub(crate) fn line(name: &str, message: &impl Message) -> Result<String, JsonError> {
    let mut bytes = Vec::new();
    let dynamic = dynamic(name, message)?;
    dynamic.serialize_with_options(
        &mut serde_json::Serializer::new(&mut bytes),
        &SerializeOptions::new(),
    )?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads proto3 JSON. Unknown fields are refused.
pub(crate) fn read<M: Message + Default>(name: &str, text: &str) -> Result<M, JsonError> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    exact(&value, String::new())?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor(name)?, &mut deserializer)?;
    deserializer.end()?;
    Ok(M::decode(message.encode_to_vec().as_slice())?)
}

fn dynamic(name: &str, message: &impl Message) -> Result<DynamicMessage, JsonError> {
    let bytes = message.encode_to_vec();
    Ok(DynamicMessage::decode(descriptor(name)?, bytes.as_slice())?)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    static POOL: LazyLock<Option<DescriptorPool>> =
        LazyLock::new(|| DescriptorPool::decode(tercet_proto::FILE_DESCRIPTOR_SET).ok());
    POOL.as_ref()
        .and_then(|pool| pool.get_message_by_name(name))
        .ok_or_else(|| JsonError::NoDescriptor(name.to_owned()))
}

/// A `google.protobuf.Struct` has floating-point numbers only: a larger whole number would silently become
/// another one.
fn exact(value: &serde_json::Value, path: String) -> Result<(), JsonError> {
    match value {
        serde_json::Value::Number(number) => {
            let whole = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            match whole {
                Some(whole) if whole > 1 << 53 => Err(JsonError::Inexact {
                    path,
                    number: number.clone(),
                }),
                _ => Ok(()),
            }
        }
        serde_json::Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| exact(value, format!("{path}[{index}]"))),
        serde_json::Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            exact(value, format!("{path}{dot}{key}"))
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tercet_client::proto::{
        ExecuteTransactionRequest, GetTransactionResponse, WaitFor, branch::Payload,
    };

    use super::*;
    use crate::render::sample::confirmed;

    const REQUEST: &str = "tercet.v1.ExecuteTransactionRequest";

    #[test]
    fn a_document_is_proto3_json() {
        let response = GetTransactionResponse {
            transaction: Some(confirmed()),
        };
        let text = line("tercet.v1.GetTransactionResponse", &response).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let transaction = &value["transaction"];
        assert_eq!(transaction["state"], "TRANSACTION_STATE_CONFIRMED");
        assert_eq!(transaction["begunAt"], "2026-01-31T13:05:09Z");
        assert_eq!(transaction["attempts"][3]["took"], "0.030s");
        let back: GetTransactionResponse = read("tercet.v1.GetTransactionResponse", &text).unwrap();
        assert_eq!(back, response);
        let document = document("tercet.v1.GetTransactionResponse", &response).unwrap();
        assert!(document.lines().count() > 1 && !text.contains('\n'));
    }

    #[test]
    fn a_request_with_json_branches_is_read() {
        let text = r#"{
            "gid": "g",
            "waitFor": "WAIT_FOR_COMPLETION",
            "options": {"tryTimeout": "5s", "labels": {"order_no": "1"}},
            "branches": [
                {"id": "1", "participant": "stock", "action": "reserve", "json": {"sku": "tea", "quantity": 2}},
                {"id": "2", "participant": "points", "action": "spend", "message": "AQI="}
            ]
        }"#;
        let request: ExecuteTransactionRequest = read(REQUEST, text).unwrap();
        assert_eq!(request.wait_for(), WaitFor::Completion);
        assert!(
            matches!(&request.branches[0].payload, Some(Payload::Json(json)) if json.fields.len() == 2)
        );
        assert!(
            matches!(&request.branches[1].payload, Some(Payload::Message(bytes)) if bytes.as_ref() == [1, 2])
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (text, word) in [
            ("{", "EOF"),
            ("{} {}", "trailing"),
            (r#"{"gidd": "g"}"#, "gidd"),
            (r#"{"gid": 1}"#, "string"),
            (
                r#"{"branches": [{"json": {"n": 9007199254740993}}]}"#,
                "branches[0].json.n: 9007199254740993 is beyond 2^53",
            ),
        ] {
            let error = read::<ExecuteTransactionRequest>(REQUEST, text).unwrap_err();
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
