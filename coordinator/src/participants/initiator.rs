//! Asking the initiator of a reliable message what became of its local transaction.
//!
//! Whatever isn't a clear COMMITTED or ABORTED is UNKNOWN: the coordinator never decides in its place.

use prost::Message as _;
use tercet_core::{CallError, Gid, Initiator, InitiatorAnswer, InitiatorReport};
use tercet_failpoints::failpoint;
use tercet_proto::tercet::v1 as pb;

use super::classify::classify;
use super::metadata::{unary, with_trace};
use super::unary::{Exchange, Reply};
use super::{Participant, Participants};

/// The method that every initiator's service has.
const METHOD: &str = "CheckTransaction";
/// A reply holds one enum; what is larger is none.
const REPLY_BYTES_MAX: usize = 1024;

impl Participants {
    /// Asks once.
    pub(crate) async fn ask_initiator(
        &self,
        gid: Gid,
        initiator: &Initiator,
        trace_parent: &str,
    ) -> InitiatorReport {
        let Some(participant) = self.get(&initiator.participant) else {
            let message = format!(
                "participant {} isn't configured any more",
                initiator.participant
            );
            return unknown(tonic::Code::Unavailable, message);
        };
        participant.resumed().await;
        participant.check(&gid, initiator, trace_parent).await
    }
}

impl Participant {
    async fn check(&self, gid: &Gid, initiator: &Initiator, trace_parent: &str) -> InitiatorReport {
        let message = pb::CheckTransactionRequest {
            gid: gid.as_str().to_owned(),
        }
        .encode_to_vec();
        if let Err(error) = failpoint!("check::before") {
            return unknown(tonic::Code::Unavailable, error.to_string());
        }
        let exchanged = self
            .exchange(
                |timeout| {
                    let request = unary(&initiator.service, METHOD, &message, timeout)?;
                    with_trace(request, trace_parent)
                },
                Reply::Keep(REPLY_BYTES_MAX),
                self.timeout(),
            )
            .await;
        if let Err(error) = failpoint!("check::after") {
            return unknown(tonic::Code::Unavailable, error.to_string());
        }
        match exchanged {
            Ok(Exchange::Done(reply)) => answer(reply.as_ref()),
            Ok(other) => InitiatorReport {
                answer: InitiatorAnswer::Unknown,
                error: classify(other).error,
            },
            Err(error) => unknown(tonic::Code::Internal, error.to_string()),
        }
    }
}

fn answer(reply: &[u8]) -> InitiatorReport {
    let Ok(response) = pb::CheckTransactionResponse::decode(reply) else {
        let message = "the reply is no CheckTransactionResponse".to_owned();
        return unknown(tonic::Code::Internal, message);
    };
    let answer = match response.outcome() {
        pb::CheckOutcome::Committed => InitiatorAnswer::Committed,
        pb::CheckOutcome::Aborted => InitiatorAnswer::Aborted,
        pb::CheckOutcome::Unknown | pb::CheckOutcome::Unspecified => InitiatorAnswer::Unknown,
    };
    InitiatorReport {
        answer,
        error: None,
    }
}

fn unknown(code: tonic::Code, message: String) -> InitiatorReport {
    InitiatorReport {
        answer: InitiatorAnswer::Unknown,
        error: Some(CallError {
            code: code as i32,
            reason: String::new(),
            message,
        }),
    }
}
