//! The search field: a gid leads to its transaction, `key=value` to the list of that label.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService as _;

use super::fields::{self, Fields, address};
use super::page::{Tab, plain};
use super::visitor::Visitor;
use super::{Console, words};

pub(super) async fn find(
    State(console): State<Console>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let visitor = Visitor::of(&headers);
    let fields = Fields::of_query(query.as_deref());
    let sought = fields.get("q");
    let request = pb::GetTransactionRequest {
        gid: sought.to_owned(),
    };
    let found = console
        .service()
        .get_transaction(visitor.request(request))
        .await;
    let Err(status) = found else {
        return Redirect::to(&fields::transaction(sought)).into_response();
    };
    // A gid may have a "=" in it, so that is looked for first.
    if sought.contains('=') {
        return Redirect::to(&address("/transactions", [("label", sought)])).into_response();
    }
    plain(
        &console,
        &visitor,
        (Tab::Transactions, StatusCode::NOT_FOUND),
        "Not found",
        &format!(
            "{}. A label is found by key=value.",
            words::refusal(&status)
        ),
    )
}
