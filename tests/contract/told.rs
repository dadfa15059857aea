//! What a refusal says, and what every refusal has to say.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A refusal in one line: `CODE REASON field`, the field only where one is to blame.
///
/// Whatever it is about, it carries its reason with the domain; bad input names its field; what may be repeated says when.
pub(crate) fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let status = answer.expect_err("a refusal was expected");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "tercet", "{status:?}");
    assert!(!status.message().is_empty(), "{status:?}");
    let field = details
        .bad_request()
        .and_then(|bad| bad.field_violations.first())
        .map(|violation| violation.field.clone());
    if status.code() == Code::InvalidArgument {
        assert!(field.is_some(), "no field in {status:?}");
    }
    let is_retryable = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted);
    let retry = details.retry_info().and_then(|info| info.retry_delay);
    assert_eq!(retry.is_some(), is_retryable, "RetryInfo of {status:?}");
    let field = field.map_or_else(String::new, |field| format!(" {field}"));
    format!("{:?} {}{field}", status.code(), info.reason)
}

/// The reason alone.
pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let told = told(answer);
    told.split(' ').nth(1).unwrap().to_owned()
}
