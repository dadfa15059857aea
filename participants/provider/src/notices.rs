//! Signed notices by HTTP POST: what each says, and that it arrives sooner or later.
//!
//! A notice that isn't answered with 2xx is sent again, a bounded number of times. A forged one is signed by the key of
//! somebody else, so that everything about it is right but that.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tercet_proto::shop::provider::v1::{ChargeState, NoticePlan};
use tonic::codegen::Bytes;

use crate::book::Charge;
use crate::key::SigningKey;

/// Deliveries of one notice.
const ATTEMPTS_MAX: u32 = 20;
/// Before the second delivery; doubles.
const BACK_OFF: Duration = Duration::from_millis(200);
/// At most this.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// How long the shop may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What a notice says. The field names are the wire's.
#[derive(Debug, Serialize)]
struct Notice<'a> {
    payment_no: &'a str,
    order_no: &'a str,
    amount_cents: i64,
    outcome: &'static str,
}

/// Sends notices.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    key: SigningKey,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Sender {
    pub(crate) fn new(key: SigningKey) -> Self {
        Self {
            key,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends one notice about `charge` as `plan` says, until it is taken or that often.
    pub(crate) async fn send(self, charge: Charge, plan: NoticePlan) {
        let body = body(&charge, &plan);
        let mut signature = self.key.sign(&body);
        if plan.forged {
            // Nobody else's key would make a likelier one: the right length, over the right body, wrong in one place.
            let other = if signature.ends_with('0') { "1" } else { "0" };
            signature.truncate(signature.len() - 1);
            signature.push_str(other);
        }
        let attempts_max = if plan.forged { 1 } else { ATTEMPTS_MAX };
        let mut back_off = BACK_OFF;
        for attempt in 1..=attempts_max {
            match self.post(&charge.notify_url, &body, &signature).await {
                Ok(()) => return,
                Err(why) => {
                    tracing::info!(
                        payment_no = charge.payment_no,
                        attempt,
                        why,
                        "notice not taken"
                    );
                }
            }
            tokio::time::sleep(back_off).await;
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
    }

    async fn post(&self, url: &str, body: &[u8], signature: &str) -> Result<(), String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("content-type", "application/json")
            .header(crate::SIGNATURE_HEADER, signature)
            .body(Full::new(Bytes::copy_from_slice(body)))
            .map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.client.request(request))
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status()))
        }
    }
}

fn body(charge: &Charge, plan: &NoticePlan) -> Vec<u8> {
    let or = |text: &'_ str, own: &str| {
        if text.is_empty() {
            own.to_owned()
        } else {
            text.to_owned()
        }
    };
    let payment_no = or(&plan.payment_no, &charge.payment_no);
    let order_no = or(&plan.order_no, &charge.order_no);
    let amount_cents = match plan.amount_cents {
        0 => charge.amount_cents,
        other => other,
    };
    let outcome = match plan.outcome() {
        ChargeState::Unspecified => charge.state,
        other => other,
    };
    let notice = Notice {
        payment_no: &payment_no,
        order_no: &order_no,
        amount_cents,
        outcome: match outcome {
            ChargeState::Succeeded => "SUCCEEDED",
            ChargeState::Failed => "FAILED",
            ChargeState::Pending | ChargeState::Unspecified => "PENDING",
        },
    };
    serde_json::to_vec(&notice).unwrap_or_default()
}
