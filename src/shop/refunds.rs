//! `tercet shop refunds`: what the merchant has to answer.

use tercet_proto::shop::order::v1::{ListRefundsRequest, ListRefundsResponse, Refund, RefundState};

use super::services::{Services, failed};
use crate::{
    cli::{Refunds, RefundsIn},
    failure::Failure,
    output,
    render::{
        columns::{Cell, Columns},
        style::Style,
        words::{clean, date_and_time, instant},
    },
};

impl From<RefundsIn> for RefundState {
    fn from(state: RefundsIn) -> Self {
        match state {
            RefundsIn::Asked => Self::Asked,
            RefundsIn::Approved => Self::Approved,
            RefundsIn::Rejected => Self::Rejected,
            RefundsIn::Done => Self::Done,
            RefundsIn::All => Self::Unspecified,
        }
    }
}

/// One page of them.
pub(super) async fn run(services: &Services, command: &Refunds) -> Result<(), Failure> {
    let request = ListRefundsRequest {
        state: RefundState::from(command.state).into(),
        page_size: i32::from(command.limit),
        page_token: command.after.clone().unwrap_or_default(),
    };
    let answer = services.orders().list_refunds(request).await;
    let answer: ListRefundsResponse = answer.map_err(|status| failed(&status))?.into_inner();
    let style = output::style();
    let name = "shop.order.v1.ListRefundsResponse";
    services
        .context
        .show(name, &answer, |answer| table(&answer.refunds, style))?;
    if !answer.next_page_token.is_empty() {
        let after = &answer.next_page_token;
        output::note(&format!("there are more: --after {after}"));
    }
    Ok(())
}

fn table(refunds: &[Refund], style: Style) -> String {
    let head = [
        "REFUND", "STATE", "ORDER", "CENTS", "POINTS", "PIECES", "ASKED", "WHY",
    ];
    let mut columns = Columns::new(&head, style);
    for refund in refunds {
        let state = refund.state().as_str_name();
        let state = state.strip_prefix("REFUND_STATE_").unwrap_or(state);
        let asked = refund.created_at.as_ref().and_then(instant);
        columns.row([
            refund.refund_no.clone().into(),
            state.to_owned().into(),
            refund.order_no.clone().into(),
            Cell::right(&refund.amount_cents.to_string()),
            Cell::right(&refund.points.to_string()),
            Cell::right(&refund.pieces.to_string()),
            asked.map(date_and_time).unwrap_or_default().into(),
            clean(&refund.reason).into(),
        ]);
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_asked_and_why() {
        let refund = Refund {
            refund_no: "r-1".to_owned(),
            order_no: "o-1".to_owned(),
            state: RefundState::Asked.into(),
            reason: "broken\nlid".to_owned(),
            created_at: Some(prost_types::Timestamp::default()),
            ..Refund::default()
        };
        let text = table(&[refund], Style::Plain);
        let row = text.lines().nth(1).unwrap_or_default();
        assert!(row.starts_with("r-1     ASKED  o-1"), "{text}");
        assert!(row.contains("1970-01-01 00:00:00.000 UTC"), "{text}");
        assert_eq!(text.lines().count(), 2, "a reason can't break the table");
    }
}
