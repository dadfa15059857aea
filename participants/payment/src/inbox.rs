//! Where the provider's notices come in, by HTTP.
//!
//! The signature is checked over the bytes as they came, before anything in them is believed. A notice that is taken or
//! absorbed is answered with 200; one that is rejected with 4xx, so that an honest provider notices; one that can't be
//! kept now with 503, so that it is sent again.

use std::sync::Arc;

use tercet_service::axum::Router;
use tercet_service::axum::body::Bytes;
use tercet_service::axum::extract::{DefaultBodyLimit, State};
use tercet_service::axum::http::{HeaderMap, StatusCode};
use tercet_service::axum::routing::post;

use super::settle::Store;
use crate::NOTICE_PATH;
use crate::notice::{BODY_BYTES_MAX, ForgedLimit, read};
use crate::signature::PublicKey;
use crate::words::is_rejected;

/// The HTTP header with the signature.
const SIGNATURE: &str = "x-provider-signature";

struct Inbox {
    store: Store,
    key: PublicKey,
    forged: ForgedLimit,
}

/// The route.
pub(super) fn router(store: Store, key: PublicKey) -> Router {
    let inbox = Inbox {
        store,
        key,
        forged: ForgedLimit::default(),
    };
    Router::new()
        .route(NOTICE_PATH, post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(inbox))
}

async fn receive(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let is_signed = signature.is_some_and(|signature| inbox.key.is_signed(&body, signature));
    let (claims, notice) = read(&body);
    if !is_signed {
        let reason = match signature {
            Some(_) => "the signature isn't the provider's",
            None => "no signature",
        };
        tracing::warn!(
            payment_no = claims.payment_no,
            reason,
            "forged notice rejected"
        );
        if inbox.forged.allows()
            && let Err(error) = inbox.store.keep_forged(&claims, reason).await
        {
            tracing::warn!(%error, "a forged notice isn't kept");
        }
        return (StatusCode::UNAUTHORIZED, reason.to_owned());
    }
    // A provider that hangs up must not undo half of it.
    let taken = tokio::spawn(async move {
        let taken = inbox.store.take(&claims, notice.as_ref()).await;
        taken.map(|(verdict, reason)| {
            let verdict_name = verdict.as_str_name();
            let payment_no = claims.payment_no;
            if is_rejected(verdict) {
                tracing::warn!(payment_no, verdict_name, reason, "notice rejected");
            } else {
                tracing::info!(payment_no, verdict_name, reason, "notice");
            }
            (verdict, reason)
        })
    });
    match taken.await {
        Ok(Ok((verdict, reason))) if is_rejected(verdict) => {
            (StatusCode::UNPROCESSABLE_ENTITY, reason)
        }
        Ok(Ok((_, reason))) => (StatusCode::OK, reason),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a notice can't be kept now");
            (StatusCode::SERVICE_UNAVAILABLE, "again, please".to_owned())
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned()),
    }
}
