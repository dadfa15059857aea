//! Mending: what has one right answer is done, the rest is asked.

use std::{
    io::{BufRead, IsTerminal, Write, stderr, stdin},
    time::Duration,
};

use tercet_client::{Client, proto::SettleBranchRequest};
use tercet_proto::shop::payment::v1::{
    GetPaymentRequest, PaymentState, RefundState, ReportVerdict, RetryPaymentRequest,
    payment_service_client::PaymentServiceClient,
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    finding::{Finding, Findings, Kind, Outcome, Remedy},
    sides::Side,
};
use crate::output;

/// In the audit record.
const REASON: &str = "tercet reconcile --repair";
/// How long the payment service may take to ask the provider and to report.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What mends.
pub(super) struct Repair<'a> {
    client: &'a Client,
    sides: &'a [Side],
    asks_nothing: bool,
}

impl<'a> Repair<'a> {
    pub(super) fn new(client: &'a Client, sides: &'a [Side], asks_nothing: bool) -> Self {
        Self {
            client,
            sides,
            asks_nothing,
        }
    }

    /// Mends what can be mended, and notes at each finding what became of it.
    pub(super) async fn all(&self, findings: &mut Findings) {
        for finding in findings.kept_mut() {
            finding.outcome = if finding.remedy == Remedy::ByHand {
                Outcome::Stands
            } else if finding.remedy.is_sure() {
                self.mend(finding).await
            } else if self.asks_nothing {
                Outcome::Stands
            } else if is_wanted(finding) {
                self.mend(finding).await
            } else {
                Outcome::Declined
            };
        }
    }

    async fn mend(&self, finding: &Finding) -> Outcome {
        let Some(side) = self
            .sides
            .iter()
            .find(|side| side.name == finding.participant)
        else {
            return Outcome::Failed("the participant is gone".to_owned());
        };
        let done = match finding.remedy {
            Remedy::Settle => settle(side, finding).await,
            Remedy::RetryPayment => retry(side, finding).await,
            Remedy::CancelUnknown => self.cancel(side, finding).await,
            Remedy::Force => self.force(finding).await,
            Remedy::ByHand => return Outcome::Stands,
        };
        done.map_or_else(Outcome::Failed, |()| Outcome::Mended)
    }

    /// Recorded as cancelled, the transaction is known; then the participant can be told.
    async fn cancel(&self, side: &Side, finding: &Finding) -> Result<(), String> {
        let transaction = self.client.open(finding.gid.as_str());
        let cancelled = transaction.cancel(REASON).await;
        cancelled.map_err(|error| error.to_string())?;
        settle(side, finding).await
    }

    async fn force(&self, finding: &Finding) -> Result<(), String> {
        let admin = self.client.admin();
        let forced = admin.force_branch(finding.gid.as_str(), finding.subject.as_str(), REASON);
        forced.await.map(|_| ()).map_err(|error| error.to_string())
    }
}

async fn settle(side: &Side, finding: &Finding) -> Result<(), String> {
    let request = SettleBranchRequest {
        gid: finding.gid.clone(),
        branch_id: finding.subject.clone(),
    };
    match side.fence().settle_branch(request).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::Unimplemented => Err(
            "the participant can't be asked; it asks the coordinator in its own time".to_owned(),
        ),
        Err(status) => Err(said(&status)),
    }
}

/// The payment service does all of it again, and then it is seen whether that has helped.
async fn retry(side: &Side, finding: &Finding) -> Result<(), String> {
    let mut client = PaymentServiceClient::new(side.channel.clone());
    let request = RetryPaymentRequest {
        payment_no: finding.subject.clone(),
    };
    let retried = client.retry_payment(request).await;
    retried.map_err(|status| said(&status))?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let request = GetPaymentRequest {
            payment_no: finding.subject.clone(),
        };
        let answer = client.get_payment(request).await;
        let answer = answer.map_err(|status| said(&status))?.into_inner();
        let payment = answer.payment.unwrap_or_default();
        let mut refunds = answer.refunds.iter();
        let is_mended = match finding.kind {
            Kind::RefundOwed => !refunds.any(|refund| refund.state() == RefundState::Owed),
            Kind::PaymentUnheard => payment.state() != PaymentState::Pending,
            _ => payment.verdict() != ReportVerdict::Unspecified,
        };
        if is_mended {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(format!(
        "asked for, and not done after {PATIENCE:?}; it goes on"
    ))
}

fn said(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// Asks whoever sits there. Nobody there, or anything but a yes, is a no.
fn is_wanted(finding: &Finding) -> bool {
    output::note(&format!(
        "{}  {}\n  {}\n  {}",
        finding.kind.name(),
        finding.about(),
        finding.why,
        finding.mend()
    ));
    let mut errors = stderr().lock();
    let _ = write!(errors, "  Do that? [y/N] ").and_then(|()| errors.flush());
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    if !stdin().is_terminal() {
        let _ = writeln!(errors);
    }
    read.is_ok() && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for answer in ["y\n", "Y\r\n", "yes\n", " Yes "] {
            assert!(is_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "yy\n", "no\n", "ja\n"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }
}
