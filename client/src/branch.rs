//! Branches as an application describes them.

use bytes::Bytes;
use prost_types::{ListValue, Struct, Value, value::Kind};

use crate::{Error, proto};

/// The largest whole number that JSON payloads carry exactly; larger ones go as strings.
const EXACT_MAX: u64 = 1 << 53;

/// One participant's part in a transaction.
///
/// ```
/// use tercet_client::Branch;
///
/// // As JSON, checked against the participant's own schema before anything begins:
/// let reserve = Branch::new("1", "stock", "reserve").json(serde_json::json!({"sku": "tea"}));
/// // Or as the action's request message:
/// let spend = Branch::new("2", "points", "spend").message(&prost_types::Duration::default());
/// # let _ = (reserve, spend);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    id: String,
    participant: String,
    action: String,
    payload: Payload,
}

#[derive(Debug, Clone, PartialEq)]
enum Payload {
    None,
    Message(Bytes),
    Json(serde_json::Value),
}

impl Branch {
    /// `id` is unique within the transaction; participant and action are the coordinator's configured names.
    pub fn new(
        id: impl Into<String>,
        participant: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            participant: participant.into(),
            action: action.into(),
            payload: Payload::None,
        }
    }

    /// The action's request message.
    #[must_use]
    pub fn message(self, message: &impl prost::Message) -> Self {
        self.bytes(message.encode_to_vec())
    }

    /// The action's request message, encoded already.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.payload = Payload::Message(bytes.into());
        self
    }

    /// The action's request message as a JSON object. Anything else, and a whole number beyond 2^53, which
    /// would not arrive as it is, is an error when the branch is sent.
    #[must_use]
    pub fn json(mut self, value: impl Into<serde_json::Value>) -> Self {
        self.payload = Payload::Json(value.into());
        self
    }

    pub(crate) fn into_proto(self) -> Result<proto::Branch, Error> {
        let payload = match self.payload {
            Payload::None => None,
            Payload::Message(bytes) => Some(proto::branch::Payload::Message(bytes)),
            Payload::Json(value) => {
                let json = object(value).map_err(|problem| Error::InvalidRequest {
                    what: format!("branch {}", self.id),
                    problem,
                })?;
                Some(proto::branch::Payload::Json(json))
            }
        };
        Ok(proto::Branch {
            id: self.id,
            participant: self.participant,
            action: self.action,
            payload,
        })
    }
}

fn object(value: serde_json::Value) -> Result<Struct, String> {
    match value {
        serde_json::Value::Object(map) => fields(map, ""),
        _ => Err("a JSON payload is an object".to_owned()),
    }
}

fn fields(map: serde_json::Map<String, serde_json::Value>, path: &str) -> Result<Struct, String> {
    let fields = map
        .into_iter()
        .map(|(key, inner)| {
            let path = format!("{path}.{key}");
            Ok((key, value(inner, &path)?))
        })
        .collect::<Result<_, String>>()?;
    Ok(Struct { fields })
}

fn value(json: serde_json::Value, path: &str) -> Result<Value, String> {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(bool) => Kind::BoolValue(bool),
        serde_json::Value::Number(number) => Kind::NumberValue(exact(&number, path)?),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(values) => Kind::ListValue(ListValue {
            values: values
                .into_iter()
                .enumerate()
                .map(|(index, inner)| value(inner, &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()?,
        }),
        serde_json::Value::Object(map) => Kind::StructValue(fields(map, path)?),
    };
    Ok(Value { kind: Some(kind) })
}

fn exact(number: &serde_json::Number, path: &str) -> Result<f64, String> {
    let whole = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs));
    match (whole, number.as_f64()) {
        (Some(whole), _) if whole > EXACT_MAX => Err(format!(
            "{path}: {number} is beyond 2^53, send it as a string"
        )),
        (_, Some(float)) => Ok(float),
        (_, None) => Err(format!("{path}: {number} is not a number of JSON")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn sent(value: serde_json::Value) -> Result<Struct, String> {
        let branch = Branch::new("1", "stock", "reserve")
            .json(value)
            .into_proto();
        match branch.map_err(|error| error.to_string())?.payload {
            Some(proto::branch::Payload::Json(json)) => Ok(json),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn json_keeps_its_shape() {
        let json = sent(json!({"a": [1, "x", null, {"b": true}]})).unwrap();
        let Some(Kind::ListValue(list)) = &json.fields["a"].kind else {
            panic!("{json:?}");
        };
        let kinds: Vec<_> = list.values.iter().map(|value| value.kind.clone()).collect();
        assert_eq!(kinds[0], Some(Kind::NumberValue(1.0)));
        assert_eq!(kinds[1], Some(Kind::StringValue("x".into())));
        assert_eq!(kinds[2], Some(Kind::NullValue(0)));
        assert!(
            matches!(&kinds[3], Some(Kind::StructValue(inner)) if inner.fields.contains_key("b"))
        );
    }

    #[test]
    fn a_number_that_would_change_on_the_way_is_refused_by_path() {
        for exact in [
            json!({"n": 9_007_199_254_740_992_u64}),
            json!({"n": -9_007_199_254_740_992_i64}),
        ] {
            assert!(sent(exact).is_ok());
        }
        assert_eq!(
            sent(json!({"order": {"ids": [1, 9_007_199_254_740_993_u64]}})).unwrap_err(),
            "branch 1: .order.ids[1]: 9007199254740993 is beyond 2^53, send it as a string"
        );
        assert!(sent(json!({"n": i64::MIN})).is_err());
    }

    #[test]
    fn only_an_object_is_a_payload() {
        for value in [json!(1), json!([]), json!("text"), json!(null)] {
            assert!(sent(value).is_err());
        }
    }

    #[test]
    fn no_payload_and_an_empty_one_differ_only_on_the_wire() {
        let none = Branch::new("1", "a", "b").into_proto().unwrap();
        assert_eq!(none.payload, None);
        let empty = Branch::new("1", "a", "b")
            .message(&())
            .into_proto()
            .unwrap();
        assert_eq!(
            empty.payload,
            Some(proto::branch::Payload::Message(Bytes::new()))
        );
    }
}
