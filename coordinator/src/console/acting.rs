//! What a person has asked for by a form: checked, passed to the rpc, and answered.
//!
//! Must never: do what an rpc does; act on a form that no page of this console has made.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_server::AdminService as _;
use tercet_proto::tercet::v1::transaction_service_server::TransactionService as _;
use tonic::Status;

use super::fields::{Fields, address};
use super::page::{Notice, Tab, plain, status_of};
use super::transaction::{Asked, Draft};
use super::visitor::Visitor;
use super::{Console, participants, transaction, words};

/// What can be done to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Retry,
    Park,
    Resume,
    Cancel,
    Force,
}

impl Action {
    const ALL: [Self; 5] = [
        Self::Retry,
        Self::Park,
        Self::Resume,
        Self::Cancel,
        Self::Force,
    ];

    /// The one of that name in an address.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// As addresses have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Park => "park",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Force => "force",
        }
    }

    /// As a button has it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Retry => "Retry now",
            Self::Park => "Park",
            Self::Resume => "Resume",
            Self::Cancel => "Cancel the transaction",
            Self::Force => "Force a branch",
        }
    }

    /// What it does, for somebody who has never done it.
    pub(super) fn effect(self) -> &'static str {
        match self {
            Self::Retry => {
                "Makes every waiting call due now. Always safe: participants' fences make repeated calls harmless. \
                 Parked branches stay parked."
            }
            Self::Park => {
                "Stops the retries until somebody resumes them. The decision stands, nothing is dropped, and other \
                 transactions aren't touched."
            }
            Self::Resume => {
                "Lets the retries go on, and gives parked branches their attempts anew."
            }
            Self::Cancel => {
                "Decides to cancel, for good: whatever was tried is given back. Only what is undecided can be \
                 cancelled."
            }
            Self::Force => {
                "Records the branch as done, for good, without asking its participant. Do it only after you have \
                 seen in the participant's own data that it is done, or have done it by hand. A call under way is \
                 waited for; if that succeeds, nothing is forced."
            }
        }
    }

    /// Whether it can't be undone, so that more is asked for.
    pub(super) fn is_dangerous(self) -> bool {
        matches!(self, Self::Cancel | Self::Force)
    }

    /// Does it to the transaction of that gid.
    pub(super) async fn run(
        self,
        console: &Console,
        visitor: &Visitor,
        target: Target<'_>,
    ) -> Result<pb::Transaction, Status> {
        let Target {
            gid,
            branch,
            reason,
        } = target;
        let (gid, reason) = (gid.to_owned(), reason.to_owned());
        let service = console.service();
        let transaction = match self {
            Self::Retry => {
                let request = visitor.request(pb::RetryTransactionRequest { gid, reason });
                service
                    .retry_transaction(request)
                    .await?
                    .into_inner()
                    .transaction
            }
            Self::Park => {
                let request = visitor.request(pb::ParkTransactionRequest { gid, reason });
                service
                    .park_transaction(request)
                    .await?
                    .into_inner()
                    .transaction
            }
            Self::Resume => {
                let request = visitor.request(pb::ResumeTransactionRequest { gid, reason });
                service
                    .resume_transaction(request)
                    .await?
                    .into_inner()
                    .transaction
            }
            Self::Cancel => {
                // A cancel of an unknown gid would record it; nobody wants that of a page.
                let look = pb::GetTransactionRequest { gid: gid.clone() };
                service.get_transaction(visitor.request(look)).await?;
                let request = visitor.request(pb::CancelTransactionRequest {
                    gid,
                    reason,
                    wait_for: pb::WaitFor::Decision as i32,
                });
                service
                    .cancel_transaction(request)
                    .await?
                    .into_inner()
                    .transaction
            }
            Self::Force => {
                let request = visitor.request(pb::ForceBranchRequest {
                    gid,
                    branch_id: branch.to_owned(),
                    reason,
                });
                service
                    .force_branch(request)
                    .await?
                    .into_inner()
                    .transaction
            }
        };
        Ok(transaction.unwrap_or_default())
    }
}

/// To what, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) gid: &'a str,
    /// Of a force; else empty.
    pub(super) branch: &'a str,
    pub(super) reason: &'a str,
}

/// What is missing in a form; none if nothing is.
pub(super) fn missing(
    visitor: &Visitor,
    form: &Fields,
    is_dangerous: bool,
    typed: &str,
) -> Option<String> {
    if visitor.name.is_empty() {
        return Some("Say who you are: it stands in the audit record.".to_owned());
    }
    if !is_dangerous {
        return None;
    }
    if form.get("reason").is_empty() {
        return Some("Give a reason: it stands in the audit record.".to_owned());
    }
    let is_typed = form.get("typed") == typed;
    (!is_typed).then(|| format!("What was typed is not “{typed}”."))
}

/// A form that isn't ours.
pub(super) fn forged(console: &Console, visitor: &Visitor) -> Response {
    plain(
        console,
        visitor,
        (Tab::Overview, StatusCode::FORBIDDEN),
        "Not done",
        "This form doesn't come from a page of this console, or its cookie is gone. Open the page again and repeat it.",
    )
}

pub(super) async fn on_transaction(
    State(console): State<Console>,
    Path(action): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(action) = Action::parse(&action) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let form = Fields::parse(&body);
    let mut visitor = Visitor::of(&headers);
    if visitor.submits(&form).is_err() {
        return forged(&console, &visitor);
    }
    let target = Target {
        gid: form.get("gid"),
        branch: form.get("branch"),
        reason: form.get("reason"),
    };
    let missing = missing(&visitor, &form, action.is_dangerous(), target.gid);
    let outcome = match missing {
        Some(what) => Err((what, StatusCode::BAD_REQUEST)),
        None => action
            .run(&console, &visitor, target)
            .await
            .map_err(|status| told(&status)),
    };
    let mut response = match outcome {
        Ok(transaction) => {
            let done = done(action, &transaction, target.branch);
            let to = address("/transaction", [("gid", target.gid), ("done", done)]);
            Redirect::to(&to).into_response()
        }
        Err((why, status)) => {
            let asked = Asked {
                gid: target.gid,
                notice: Some(Notice::NotDone(why)),
                status,
                draft: Draft {
                    action: Some(action),
                    branch: target.branch,
                    reason: target.reason,
                },
                is_whole: false,
            };
            transaction::page(&console, &visitor, asked).await
        }
    };
    visitor.remember_name(response.headers_mut());
    response
}

/// What the next page is to say.
fn done(action: Action, transaction: &pb::Transaction, branch: &str) -> &'static str {
    let forced = |it: &pb::BranchStatus| it.id == branch && it.forced;
    if action == Action::Force && !transaction.branches.iter().any(forced) {
        return "answered";
    }
    action.name()
}

pub(super) async fn on_participant(
    State(console): State<Console>,
    Path(action): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Fields::parse(&body);
    let mut visitor = Visitor::of(&headers);
    if visitor.submits(&form).is_err() {
        return forged(&console, &visitor);
    }
    let name = form.get("participant");
    let (participant, reason) = (name.to_owned(), form.get("reason").to_owned());
    let service = console.service();
    let outcome = match (action.as_str(), missing(&visitor, &form, false, "")) {
        (_, Some(what)) => Err((what, StatusCode::BAD_REQUEST)),
        _ if reason.is_empty() => Err((
            "Give a reason: it stands in the audit record.".to_owned(),
            StatusCode::BAD_REQUEST,
        )),
        ("pause", None) => {
            let request = pb::PauseParticipantRequest {
                participant,
                reason,
            };
            let answer = service.pause_participant(visitor.request(request)).await;
            answer.map(drop).map_err(|status| told(&status))
        }
        ("resume", None) => {
            let request = pb::ResumeParticipantRequest {
                participant,
                reason,
            };
            let answer = service.resume_participant(visitor.request(request)).await;
            answer.map(drop).map_err(|status| told(&status))
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let mut response = match outcome {
        Ok(()) => {
            let to = [("done", action.as_str()), ("participant", name)];
            Redirect::to(&address("/participants", to)).into_response()
        }
        Err((why, status)) => {
            participants::page(&console, &visitor, Some(Notice::NotDone(why)), status)
        }
    };
    visitor.remember_name(response.headers_mut());
    response
}

fn told(status: &Status) -> (String, StatusCode) {
    (words::refusal(status), status_of(status))
}
