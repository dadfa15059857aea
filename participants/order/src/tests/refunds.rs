//! The merchant's list of refunds.

use tercet_proto::shop::order::v1::{
    ListRefundsRequest, Refund, RefundState, RejectRefundRequest, RequestRefundRequest,
};
use tonic::Code;

use super::*;
use crate::state::State;

impl Shop {
    /// Asks for a refund of a new order, by its number.
    async fn asked(&self, request_id: &str) -> String {
        let order_no = self.placed(request_id).await;
        self.force(&order_no, |standing| standing.state = State::Paid)
            .await;
        let request = RequestRefundRequest {
            order_no,
            user_id: "ann".to_owned(),
            request_id: "f".to_owned(),
            reason: format!("why {request_id}"),
        };
        let asked = self.api().request_refund(request).await.unwrap();
        asked.into_inner().refund_no
    }

    /// All refunds of a state, by pages of so many, and how many pages there were.
    async fn refunds(&self, state: RefundState, page_size: i32) -> (Vec<Refund>, usize) {
        let (mut refunds, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        loop {
            let request = ListRefundsRequest {
                state: state.into(),
                page_size,
                page_token,
            };
            let page = self.api().list_refunds(request).await.unwrap().into_inner();
            refunds.extend(page.refunds);
            pages += 1;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return (refunds, pages);
            }
        }
    }
}

fn numbers(refunds: &[Refund]) -> Vec<&str> {
    let numbers = refunds.iter().map(|refund| refund.refund_no.as_str());
    numbers.collect()
}

#[tokio::test]
async fn the_merchant_sees_what_waits_for_an_answer_oldest_first() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut asked = Vec::new();
    for request_id in ["r1", "r2", "r3", "r4", "r5"] {
        asked.push(shop.asked(request_id).await);
        // Numbers sort by milliseconds.
        let asked_at = now_micros() / 1_000;
        until("the next millisecond", async || {
            (now_micros() / 1_000 > asked_at).then_some(())
        })
        .await;
    }
    let (listed, pages) = shop.refunds(RefundState::Asked, 2).await;
    assert_eq!(
        (numbers(&listed), pages),
        (asked.iter().map(String::as_str).collect(), 3)
    );
    let first = &listed[0];
    assert_eq!(
        (first.state(), first.reason.as_str(), first.amount_cents),
        (RefundState::Asked, "why r1", 0)
    );
    assert!(first.created_at.is_some() && !first.order_no.is_empty());

    let rejected = asked.remove(2);
    let request = RejectRefundRequest {
        refund_no: rejected.clone(),
    };
    shop.api().reject_refund(request).await.unwrap();

    let (listed, _) = shop.refunds(RefundState::Asked, 0).await;
    assert_eq!(numbers(&listed), asked);
    let (listed, _) = shop.refunds(RefundState::Rejected, 0).await;
    assert_eq!(numbers(&listed), [rejected.as_str()]);
    let (listed, _) = shop.refunds(RefundState::Unspecified, 0).await;
    assert_eq!(listed.len(), 5);
    let (listed, _) = shop.refunds(RefundState::Done, 0).await;
    assert!(listed.is_empty());
}

#[tokio::test]
async fn a_list_that_cant_be_made_is_refused() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let asked = ListRefundsRequest::default();
    for bad in [
        ListRefundsRequest {
            page_size: -1,
            ..asked.clone()
        },
        ListRefundsRequest {
            page_token: "a b".to_owned(),
            ..asked.clone()
        },
        ListRefundsRequest { state: 99, ..asked },
    ] {
        let status = shop.api().list_refunds(bad).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REQUEST")
        );
    }
}
