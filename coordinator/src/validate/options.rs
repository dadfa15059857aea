//! Options: time-out, order, labels, headers, initiator.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tercet_core::{Initiator, Options, ParticipantName, TryOrder};
use tercet_proto::tercet::v1 as pb;

use crate::config::{Limits, is_service_name};
use crate::errors::{ApiError, Reason};

const TRY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const TRY_TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TRY_TIMEOUT_MAX: Duration = Duration::from_hours(24);
const LABEL_KEY_BYTES_MAX: usize = 64;
const LABEL_VALUE_BYTES_MAX: usize = 256;
const HEADER_KEY_BYTES_MAX: usize = 64;
const HEADER_VALUE_BYTES_MAX: usize = 1024;
const HEADERS_BYTES_MAX: usize = 4 * 1024;

/// Headers that belong to the transport, to tracing or to the caller's own identity. The contract names those up
/// to `tracestate`; the rest would break the HTTP/2 request, and with it every call of the transaction.
const FORBIDDEN_HEADERS: [&str; 14] = [
    "authorization",
    "content-type",
    "te",
    "host",
    "connection",
    "user-agent",
    "traceparent",
    "tracestate",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "trailer",
];
const FORBIDDEN_PREFIXES: [&str; 3] = ["tercet-", "grpc-", ":"];

fn bad(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::field(
        Reason::InvalidOptions,
        format!("options.{field}"),
        message.into(),
    )
}

/// The options of a begin. Unset ones equal empty ones.
pub(crate) fn options(
    sent: Option<pb::TransactionOptions>,
    is_one_call: bool,
    limits: &Limits,
) -> Result<Options, ApiError> {
    let sent = sent.unwrap_or_default();
    let try_timeout = match &sent.try_timeout {
        None => TRY_TIMEOUT_DEFAULT,
        Some(timeout) => try_timeout(timeout)?,
    };
    let try_order = match pb::TryOrder::try_from(sent.try_order) {
        Ok(pb::TryOrder::Unspecified | pb::TryOrder::Parallel) => TryOrder::Parallel,
        Ok(pb::TryOrder::Sequential) => TryOrder::Sequential,
        Err(_) => {
            return Err(bad(
                "try_order",
                format!("{} is no TryOrder", sent.try_order),
            ));
        }
    };
    let labels = labels(sent.labels, limits)?;
    let headers = headers(sent.headers, limits)?;
    let initiator = match sent.initiator {
        Some(_) if is_one_call => {
            let message = "ExecuteTransaction decides by itself and asks no initiator";
            return Err(bad("initiator", message));
        }
        Some(sent) => Some(initiator(&sent)?),
        None => None,
    };
    Ok(Options {
        try_timeout,
        try_order,
        labels,
        headers,
        initiator,
    })
}

fn try_timeout(sent: &prost_types::Duration) -> Result<Duration, ApiError> {
    let timeout = Duration::try_from(*sent).ok();
    let is_within = |timeout: &Duration| (TRY_TIMEOUT_MIN..=TRY_TIMEOUT_MAX).contains(timeout);
    timeout
        .filter(is_within)
        .ok_or_else(|| bad("try_timeout", "try_timeout is not from 100 ms to 24 h"))
}

/// The time-out of a renewal, which must be there.
pub(crate) fn renewal(sent: Option<&prost_types::Duration>) -> Result<Duration, ApiError> {
    let bad = |message: &str| ApiError::field(Reason::InvalidOptions, "try_timeout", message);
    let sent = sent.ok_or_else(|| bad("try_timeout is not set"))?;
    let timeout = Duration::try_from(*sent).map_err(|_| bad("try_timeout is negative"))?;
    if timeout > TRY_TIMEOUT_MAX {
        return Err(bad("try_timeout is more than 24 h"));
    }
    Ok(timeout)
}

fn labels(
    sent: HashMap<String, String>,
    limits: &Limits,
) -> Result<BTreeMap<String, String>, ApiError> {
    if sent.len() > limits.labels {
        let message = format!("{} labels are more than {}", sent.len(), limits.labels);
        return Err(bad("labels", message));
    }
    for (key, value) in &sent {
        if key.is_empty() || key.len() > LABEL_KEY_BYTES_MAX {
            return Err(bad("labels", "a label's key is not 1 to 64 bytes long"));
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            let message = format!("the value of label {key:?} is longer than 256 bytes");
            return Err(bad("labels", message));
        }
    }
    Ok(sent.into_iter().collect())
}

fn headers(
    sent: HashMap<String, String>,
    limits: &Limits,
) -> Result<BTreeMap<String, String>, ApiError> {
    if sent.len() > limits.headers {
        let message = format!("{} headers are more than {}", sent.len(), limits.headers);
        return Err(bad("headers", message));
    }
    let mut bytes = 0;
    for (key, value) in &sent {
        header_key(key)?;
        let is_allowed = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if value.len() > HEADER_VALUE_BYTES_MAX || !value.bytes().all(is_allowed) {
            let message = format!(
                "the value of header {key:?} is not visible ASCII and space, at most 1 KiB"
            );
            return Err(bad("headers", message));
        }
        bytes += key.len() + value.len();
    }
    if bytes > HEADERS_BYTES_MAX {
        let message = format!("all headers together have {bytes} bytes, more than 4 KiB");
        return Err(bad("headers", message));
    }
    Ok(sent.into_iter().collect())
}

fn header_key(key: &str) -> Result<(), ApiError> {
    let is_allowed = |byte: u8| {
        byte.is_ascii_digit() || byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'-')
    };
    if key.is_empty() || key.len() > HEADER_KEY_BYTES_MAX || !key.bytes().all(is_allowed) {
        return Err(bad(
            "headers",
            "a header's name is not 1 to 64 characters of [0-9a-z_.-]",
        ));
    }
    let is_reserved = key.ends_with("-bin")
        || FORBIDDEN_HEADERS.contains(&key)
        || FORBIDDEN_PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix));
    if is_reserved {
        return Err(bad("headers", format!("header {key:?} can't be set")));
    }
    Ok(())
}

fn initiator(sent: &pb::Initiator) -> Result<Initiator, ApiError> {
    let participant = ParticipantName::parse(&sent.participant).map_err(|error| {
        bad(
            "initiator.participant",
            format!("the initiator's participant {error}"),
        )
    })?;
    if !is_service_name(&sent.service) {
        return Err(bad(
            "initiator.service",
            "the initiator's service is no full gRPC service name",
        ));
    }
    Ok(Initiator {
        participant,
        service: sent.service.as_str().into(),
    })
}
