//! The verdicts on payments: every standing of a payment with every state of its order, with a coordinator that lets no
//! stock be sold.

use futures::future::join_all;
use tercet_proto::shop::order::v1::payment_event_service_client::PaymentEventServiceClient;
use tercet_proto::shop::order::v1::{PaymentOutcome, PaymentVerdict, ReportPaymentRequest};

use super::super::payment::queries::{self as payments, Payment};
use super::*;
use crate::money::PaymentState;
use crate::state::State;

const CENTS: i64 = 1_000;
const PAYMENTS: [PaymentState; 5] = [
    PaymentState::Started,
    PaymentState::Failed,
    PaymentState::Accepting,
    PaymentState::Accepted,
    PaymentState::Refused,
];

/// One payment of one order, and what is reported of it.
#[derive(Debug, Clone, Copy)]
struct Case {
    payment: PaymentState,
    order: State,
    outcome: PaymentOutcome,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for payment in PAYMENTS {
            for order in State::ALL {
                for outcome in [PaymentOutcome::Succeeded, PaymentOutcome::Failed] {
                    cases.push(Self {
                        payment,
                        order,
                        outcome,
                    });
                }
            }
        }
        cases
    }

    fn name(self) -> String {
        format!("{:?}-{:?}-{:?}", self.payment, self.order, self.outcome)
    }

    fn is_busy(self) -> bool {
        matches!(
            self.order,
            State::Pending | State::Settling | State::Closing | State::Refunding | State::Returning
        )
    }

    /// The verdict, written down once more, by the rules of `docs/shop.md`.
    fn verdict(self) -> PaymentVerdict {
        use PaymentVerdict::{Accepted, Refund, Wait};
        match (self.outcome, self.payment) {
            (PaymentOutcome::Succeeded, PaymentState::Accepted) => Accepted,
            (PaymentOutcome::Succeeded, PaymentState::Refused) => Refund,
            (PaymentOutcome::Succeeded, PaymentState::Accepting) => Wait,
            (PaymentOutcome::Succeeded, _) if self.is_busy() => Wait,
            (PaymentOutcome::Succeeded, _) => Refund,
            (_, PaymentState::Accepting) => Wait,
            (_, PaymentState::Started) if self.is_busy() => Wait,
            _ => Accepted,
        }
    }

    /// Where the order stands afterwards.
    fn order_after(self) -> State {
        let is_over = matches!(
            (self.outcome, self.payment),
            (
                PaymentOutcome::Succeeded,
                PaymentState::Started | PaymentState::Failed
            ) | (PaymentOutcome::Failed, PaymentState::Started)
        );
        if is_over && self.order == State::Paying {
            return State::Created;
        }
        self.order
    }
}

/// An order and its payment, as the case says.
async fn arrange(shop: &Shop, database: &Database, case: Case) -> (String, String) {
    let (request_id, payment_no) = (case.name(), format!("p-{}", case.name()));
    let order_no = shop.placed(&request_id).await;
    let set = |after: &mut Standing| {
        after.state = case.order;
        after.before = case.is_busy().then_some(State::Paying);
        after.payment_no = Some(payment_no.clone());
    };
    force(database, &order_no, set).await;
    let payment = Payment {
        payment_no: payment_no.clone(),
        order_no: order_no.clone(),
        amount_cents: CENTS,
        state: case.payment.code(),
        redirect_url: String::new(),
        round: 0,
        due_at: None,
        attempts: 0,
    };
    let mut transaction = database.begin().await.unwrap();
    let is_new = payments::insert(&mut transaction, &payment, now_micros()).await;
    assert!(is_new.unwrap());
    transaction.commit().await.unwrap();
    (order_no, payment_no)
}

#[tokio::test]
async fn every_standing_has_its_verdict_and_keeps_it() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let database = shop.database().await;
    let mut arranged = Vec::new();
    for case in Case::all() {
        let (order_no, payment_no) = arrange(&shop, &database, case).await;
        for round in [
            "", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9", "-10", "-11",
        ] {
            let gid = format!("pay-{payment_no}{round}");
            shop.coordinator.put(refused(&gid, "stock", "OUT_OF_STOCK"));
        }
        arranged.push((case, order_no, payment_no));
    }
    let reports = arranged.iter().map(async |(case, order_no, payment_no)| {
        let request = ReportPaymentRequest {
            payment_no: payment_no.clone(),
            order_no: order_no.clone(),
            amount_cents: CENTS,
            outcome: case.outcome.into(),
        };
        let mut events = PaymentEventServiceClient::new(shop.channel.clone());
        let first = events.report_payment(request.clone()).await.unwrap();
        let second = events.report_payment(request).await.unwrap();
        let verdicts = [first.into_inner().verdict(), second.into_inner().verdict()];
        assert_eq!(verdicts, [case.verdict(); 2], "{case:?}");

        let mut reader = database.reader().acquire().await.unwrap();
        let order = owned(&mut reader, order_no, None).await.unwrap();
        assert_eq!(order.state(), case.order_after(), "{case:?}");
        let payment = payments::get(&mut reader, payment_no).await.unwrap();
        let is_refused = payment.unwrap().state == PaymentState::Refused.code();
        let is_refund = case.verdict() == PaymentVerdict::Refund;
        assert!(is_refused || !is_refund, "{case:?}: it isn't kept");
    });
    join_all(reports).await;
    database.close().await;
}
