//! Rows as the API shows them.

use tercet_participant::timestamp;
use tercet_proto::shop::payment::v1 as proto;

use super::queries::{NoticeRow, Payment, Refund};

/// The tables' codes are the proto's.
fn code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(0)
}

pub(super) fn payment(row: Payment) -> proto::Payment {
    proto::Payment {
        payment_no: row.payment_no,
        order_no: row.order_no,
        user_id: row.user_id,
        amount_cents: row.amount_cents,
        state: code(row.state),
        redirect_url: row.redirect_url,
        provider_no: row.provider_no,
        refunding_cents: row.refunding_cents,
        refunded_cents: row.refunded_cents,
        asks: code(row.asks),
        verdict: code(row.verdict),
        attention: row.attention.unwrap_or_default(),
        created_at: Some(timestamp(row.created_at)),
        ended_at: row.ended_at.map(timestamp),
    }
}

pub(super) fn refund(row: Refund) -> proto::Refund {
    proto::Refund {
        refund_no: row.refund_no,
        amount_cents: row.amount_cents,
        state: code(row.state),
        attention: row.attention.unwrap_or_default(),
    }
}

pub(super) fn notice(row: NoticeRow) -> proto::Notice {
    proto::Notice {
        id: row.id,
        payment_no: row.payment_no,
        order_no: row.order_no,
        amount_cents: row.amount_cents,
        outcome: row.outcome,
        verdict: code(row.verdict),
        reason: row.reason,
        received_at: Some(timestamp(row.received_at)),
    }
}
