//! The provider's daily statement beside the payments.
//!
//! The statement comes in the order of booking, payments come by number. A block of payments is held at a time, and the
//! statement is read once for each block: what it books within the block's range of numbers must be in the block, and what
//! the block has must be booked. So memory is bounded whatever the day has brought.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use tercet_proto::shop::payment::v1::{
    GetPaymentRequest, GetStatementRequest, ListPaymentsRequest, Payment, PaymentState, Refund,
    RefundState, ReportVerdict, StatementLine, payment_service_client::PaymentServiceClient,
};
use tonic::{Status, transport::Channel};

use super::{
    PAGE,
    fences::timestamp,
    finding::{Finding, Findings, Kind, Remedy},
    report::Report,
    sides::Side,
    sums::offered,
};
use crate::{clock, failure::Failure};

/// Payments held at a time.
const BLOCK: usize = 20_000;
/// Two clocks that differ by more than this are a fault of their own.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// The days whose statements are compared, in UTC.
#[derive(Debug, Clone)]
pub(super) struct Days {
    days: Vec<Date>,
    /// The beginning of the first one.
    from: Timestamp,
}

impl Days {
    /// So many, the one of `now` included.
    pub(super) fn until(now: Timestamp, count: u16) -> Result<Self, Failure> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let days: Result<Vec<Date>, jiff::Error> = (0..count)
            .rev()
            .map(|back| today.checked_sub(i32::from(back).days()))
            .collect();
        let days = days.map_err(Failure::failed)?;
        let first = days.first().copied().unwrap_or(today);
        let from = first.to_zoned(TimeZone::UTC).map_err(Failure::failed)?;
        Ok(Self {
            days,
            from: from.timestamp(),
        })
    }
}

/// A payment with what the statement says about it.
struct Known {
    payment: Payment,
    booked: Option<i64>,
    refunds: BTreeMap<String, i64>,
}

/// Adds what doesn't agree, of every payment service there is.
pub(super) async fn run(
    sides: &[Side],
    days: &Days,
    settle: Duration,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<(), Failure> {
    for side in sides {
        if side.has_package("shop.payment.v1.") {
            let mut ledger = Ledger::new(side, days, settle);
            let done = ledger.run(findings).await;
            offered(side, "payments", done, report)?;
        }
    }
    Ok(())
}

struct Ledger<'a> {
    side: &'a Side,
    client: PaymentServiceClient<Channel>,
    days: &'a Days,
    settle: Duration,
}

impl<'a> Ledger<'a> {
    fn new(side: &'a Side, days: &'a Days, settle: Duration) -> Self {
        Self {
            side,
            client: PaymentServiceClient::new(side.channel.clone()),
            days,
            settle,
        }
    }

    async fn run(&mut self, findings: &mut Findings) -> Result<u64, Status> {
        let mut suspects = BTreeSet::new();
        let (mut count, mut after, mut token) = (0, String::new(), String::new());
        loop {
            let mut block = Vec::new();
            loop {
                let request = ListPaymentsRequest {
                    page_size: PAGE,
                    page_token: token,
                    ..ListPaymentsRequest::default()
                };
                let page = self.client.list_payments(request).await?.into_inner();
                block.extend(page.payments);
                token = page.next_page_token;
                if token.is_empty() || block.len() >= BLOCK {
                    break;
                }
            }
            count += block.len() as u64;
            let last = (!token.is_empty()).then(|| block.last().map(|it| it.payment_no.clone()));
            let last = last.flatten();
            let block = self
                .booked(block, &after, last.as_deref(), &mut suspects)
                .await?;
            for (payment_no, known) in &block {
                if self.needs_a_look(known) {
                    suspects.insert(payment_no.clone());
                }
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        self.again(suspects, findings).await?;
        Ok(count)
    }

    /// The block with its bookings. Bookings within the block's range of numbers that are of no payment are suspects.
    async fn booked(
        &mut self,
        block: Vec<Payment>,
        after: &str,
        last: Option<&str>,
        suspects: &mut BTreeSet<String>,
    ) -> Result<BTreeMap<String, Known>, Status> {
        let mut block: BTreeMap<String, Known> = block
            .into_iter()
            .map(|payment| (payment.payment_no.clone(), Known::new(payment)))
            .collect();
        self.lines(|line| {
            let number = line.payment_no.as_str();
            if let Some(known) = block.get_mut(number) {
                known.book(line);
            } else if number > after && last.is_none_or(|last| number <= last) {
                suspects.insert(line.payment_no);
            }
        })
        .await?;
        Ok(block)
    }

    /// Every line of all days.
    async fn lines(&mut self, mut each: impl FnMut(StatementLine)) -> Result<(), Status> {
        for day in &self.days.days {
            let mut page_token = String::new();
            loop {
                let request = GetStatementRequest {
                    date: day.to_string(),
                    page_size: PAGE,
                    page_token,
                };
                let page = self.client.get_statement(request).await?.into_inner();
                page.lines.into_iter().for_each(&mut each);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether a payment can't be passed without its refunds.
    fn needs_a_look(&self, known: &Known) -> bool {
        let payment = &known.payment;
        known.booked != Some(payment.amount_cents) && self.must_be_booked(payment)
            || known.booked.is_some()
                && (payment.state() != PaymentState::Succeeded
                    || known.booked != Some(payment.amount_cents))
            || known.refunds.values().sum::<i64>() != payment.refunded_cents
            || payment.state() == PaymentState::Succeeded
                && payment.verdict() == ReportVerdict::Unspecified
    }

    /// What was started before the first day may have been booked before it.
    fn must_be_booked(&self, payment: &Payment) -> bool {
        payment.state() == PaymentState::Succeeded && self.is_within(payment)
    }

    fn is_within(&self, payment: &Payment) -> bool {
        let started = payment.created_at.as_ref().and_then(timestamp);
        started.is_some_and(|at| at >= self.days.from + CLOCKS)
    }

    /// Looks at the suspects once more, with their refunds, after what is under way has had its time.
    async fn again(
        &mut self,
        suspects: BTreeSet<String>,
        findings: &mut Findings,
    ) -> Result<(), Status> {
        if suspects.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(self.settle).await;
        let suspects: Vec<String> = suspects.into_iter().collect();
        for block in suspects.chunks(BLOCK) {
            // The shop is read first: what it has by then, the provider has booked before.
            let mut known = BTreeMap::new();
            let mut unknown = BTreeMap::new();
            for payment_no in block {
                match self.payment(payment_no).await? {
                    Some((payment, refunds)) => {
                        known.insert(payment_no.clone(), (Known::new(payment), refunds));
                    }
                    None => {
                        unknown.insert(payment_no.clone(), 0);
                    }
                }
            }
            self.lines(|line| {
                if let Some((known, _)) = known.get_mut(&line.payment_no) {
                    known.book(line);
                } else if let Some(cents) = unknown.get_mut(&line.payment_no) {
                    *cents += line.amount_cents;
                }
            })
            .await?;
            for (payment_no, cents) in unknown {
                let why =
                    format!("the provider has booked {cents} cents, the shop has no such payment");
                let kind = Kind::PaymentUnknown;
                findings.add(Finding::of(kind, &self.side.name, &payment_no, why));
            }
            for (known, refunds) in known.into_values() {
                for finding in self.judged(&known, &refunds) {
                    findings.add(finding);
                }
            }
        }
        Ok(())
    }

    async fn payment(
        &mut self,
        payment_no: &str,
    ) -> Result<Option<(Payment, Vec<Refund>)>, Status> {
        let request = GetPaymentRequest {
            payment_no: payment_no.to_owned(),
        };
        match self.client.get_payment(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                Ok(answer.payment.map(|payment| (payment, answer.refunds)))
            }
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    fn judged(&self, known: &Known, refunds: &[Refund]) -> Vec<Finding> {
        let is_within = self.is_within(&known.payment);
        let settle = SignedDuration::try_from(self.settle).unwrap_or(SignedDuration::MAX);
        let found = payment(known, is_within, clock::now() - settle)
            .into_iter()
            .chain(refunded(known, refunds, is_within));
        found
            .map(|(kind, remedy, why)| {
                let subject = &known.payment.payment_no;
                Finding::of(kind, &self.side.name, subject, why).with(remedy)
            })
            .collect()
    }
}

impl Known {
    fn new(payment: Payment) -> Self {
        Self {
            payment,
            booked: None,
            refunds: BTreeMap::new(),
        }
    }

    fn book(&mut self, line: StatementLine) {
        if line.refund_no.is_empty() {
            self.booked = Some(self.booked.unwrap_or(0) + line.amount_cents);
        } else {
            *self.refunds.entry(line.refund_no).or_default() += line.amount_cents;
        }
    }
}

type Wrong = (Kind, Remedy, String);

/// What is wrong with a payment itself. One that ended after `settled` may still be on its way to the order service.
fn payment(known: &Known, is_within: bool, settled: Timestamp) -> Option<Wrong> {
    let payment = &known.payment;
    let amount = payment.amount_cents;
    let has_ended = payment.ended_at.as_ref().and_then(timestamp);
    match (payment.state(), known.booked) {
        (_, Some(booked)) if booked != amount => Some((
            Kind::PaymentAmount,
            Remedy::ByHand,
            format!("the provider has booked {booked} cents, the payment is of {amount}"),
        )),
        (PaymentState::Pending, Some(_)) => Some((
            Kind::PaymentUnheard,
            Remedy::RetryPayment,
            format!("the provider has booked {amount} cents, the shop still waits for its notice"),
        )),
        (PaymentState::Failed, Some(_)) => Some((
            Kind::PaymentUnheard,
            Remedy::ByHand,
            format!(
                "the provider has booked {amount} cents, the shop takes the payment for failed"
            ),
        )),
        (PaymentState::Succeeded, None) if is_within => Some((
            Kind::PaymentUnbooked,
            Remedy::ByHand,
            format!("the shop takes {amount} cents for paid, the provider has booked none"),
        )),
        (PaymentState::Succeeded, _)
            if payment.verdict() == ReportVerdict::Unspecified
                && has_ended.is_none_or(|ended| ended < settled) =>
        {
            Some((
                Kind::PaymentUnreported,
                Remedy::RetryPayment,
                format!("order {} hasn't answered that it is paid", payment.order_no),
            ))
        }
        _ => None,
    }
}

/// What is wrong with its refunds.
fn refunded(known: &Known, refunds: &[Refund], is_within: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for refund in refunds {
        let Refund {
            refund_no,
            amount_cents: amount,
            ..
        } = refund;
        match (refund.state(), known.refunds.get(refund_no)) {
            (_, Some(booked)) if booked != amount => wrong.push((
                Kind::RefundUnknown,
                Remedy::ByHand,
                format!("refund {refund_no}: the provider has booked {booked} cents, the shop has {amount}"),
            )),
            (RefundState::Done, None) if is_within => wrong.push((
                Kind::RefundUnbooked,
                Remedy::ByHand,
                format!("refund {refund_no}: the shop takes {amount} cents for given back, the provider has booked none"),
            )),
            (RefundState::Owed, _) => wrong.push((
                Kind::RefundOwed,
                Remedy::RetryPayment,
                format!("refund {refund_no}: the shop owes {amount} cents, and doesn't know that they were given back"),
            )),
            (RefundState::Reserved, Some(_)) => wrong.push((
                Kind::RefundUnknown,
                Remedy::ByHand,
                format!("refund {refund_no}: the provider has booked it, the shop has only set it aside"),
            )),
            _ => {}
        }
    }
    for (refund_no, cents) in &known.refunds {
        if !refunds.iter().any(|refund| refund.refund_no == *refund_no) {
            wrong.push((
                Kind::RefundUnknown,
                Remedy::ByHand,
                format!("refund {refund_no}: the provider has booked {cents} cents, the shop has no such refund"),
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
