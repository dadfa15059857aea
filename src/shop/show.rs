//! `tercet shop show`: an order with what the other services know of it.

use std::fmt::Write as _;

use tercet_proto::shop::{
    order::v1::{
        GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, Order,
        get_order_request::Key,
    },
    payment::v1::{ListPaymentsRequest, Payment},
    points::v1::{ListOrderPointsRequest, OrderPoints},
    stock::v1::{ListOrderStockRequest, OrderStock},
};

use super::services::{Services, failed};
use crate::{
    cli::Show,
    failure::Failure,
    output,
    render::{columns::Columns, style::Style},
};

/// One order, or the newest ones.
pub(super) async fn run(services: &Services, command: &Show) -> Result<(), Failure> {
    let user_id = command.user.clone().unwrap_or_default();
    let Some(order_no) = &command.order else {
        let request = ListOrdersRequest {
            user_id,
            page_size: i32::from(command.limit),
            page_token: String::new(),
        };
        let answer = services.orders().list_orders(request).await;
        let answer: ListOrdersResponse = answer.map_err(|status| failed(&status))?.into_inner();
        let name = "shop.order.v1.ListOrdersResponse";
        let style = output::style();
        return services
            .context
            .show(name, &answer, |answer| table(&answer.orders, style));
    };
    let request = GetOrderRequest {
        key: Some(Key::OrderNo(order_no.clone())),
        user_id,
    };
    let answer = services.orders().get_order(request).await;
    let answer: GetOrderResponse = answer.map_err(|status| failed(&status))?.into_inner();
    let around = if services.context.is_json() {
        String::new()
    } else {
        around(services, order_no).await
    };
    let name = "shop.order.v1.GetOrderResponse";
    services.context.show(name, &answer, |answer| {
        format!(
            "{}{around}",
            answer.order.as_ref().map(line).unwrap_or_default()
        )
    })
}

/// What stock, points and payment have of an order; who can't be asked is left out.
async fn around(services: &Services, order_no: &str) -> String {
    let order_no = order_no.to_owned();
    let request = ListOrderStockRequest {
        order_no: order_no.clone(),
        ..ListOrderStockRequest::default()
    };
    let stock = services.stock().list_order_stock(request).await;
    let stock = stock.map_or_else(|_| Vec::new(), |answer| answer.into_inner().orders);
    let request = ListOrderPointsRequest {
        order_no: order_no.clone(),
        ..ListOrderPointsRequest::default()
    };
    let points = services.points().list_order_points(request).await;
    let points = points.map_or_else(|_| Vec::new(), |answer| answer.into_inner().orders);
    let mut payments = Vec::new();
    if let Some(mut service) = services.payments() {
        let request = ListPaymentsRequest {
            order_no,
            ..ListPaymentsRequest::default()
        };
        if let Ok(answer) = service.list_payments(request).await {
            payments = answer.into_inner().payments;
        }
    }
    lines(&stock, &points, &payments)
}

fn lines(stock: &[OrderStock], points: &[OrderPoints], payments: &[Payment]) -> String {
    let stock = stock.iter().map(|row| {
        let OrderStock {
            sku,
            held,
            moving,
            sold,
            ..
        } = row;
        format!("\n  stock    {sku}: {held} held, {moving} moving, {sold} sold")
    });
    let points = points.iter().map(|row| {
        let OrderPoints {
            spent, refunded, ..
        } = row;
        format!("\n  points   {spent} spent, {refunded} given back")
    });
    let payments = payments.iter().map(|row| {
        let state = row.state().as_str_name();
        let state = state.strip_prefix("PAYMENT_STATE_").unwrap_or(state);
        format!(
            "\n  payment  {} {state}, {} cents, {} given back",
            row.payment_no, row.amount_cents, row.refunded_cents
        )
    });
    stock.chain(points).chain(payments).collect()
}

/// `CREATED`, without the enum's prefix.
pub(super) fn state(order: &Order) -> &'static str {
    let state = order.state().as_str_name();
    state.strip_prefix("ORDER_STATE_").unwrap_or(state)
}

/// An order on one line.
pub(super) fn line(order: &Order) -> String {
    let mut text = format!(
        "order {} of {}: {} {}, {}",
        order.order_no,
        order.user_id,
        order.quantity,
        order.sku,
        state(order)
    );
    for (amount, words) in [
        (order.amount_cents, "cents"),
        (order.points_spent, "points spent"),
        (order.points_due, "points due"),
        (order.refunded_cents, "cents given back"),
        (order.refunded_points, "points given back"),
    ] {
        if amount != 0 {
            let _ = write!(text, ", {amount} {words}");
        }
    }
    text
}

fn table(orders: &[Order], style: Style) -> String {
    let mut columns = Columns::new(
        &["ORDER", "STATE", "USER", "SKU", "PIECES", "CENTS", "GID"],
        style,
    );
    for order in orders {
        let cells = [
            order.order_no.clone(),
            state(order).to_owned(),
            order.user_id.clone(),
            order.sku.clone(),
            order.quantity.to_string(),
            order.amount_cents.to_string(),
            order.gid.clone(),
        ];
        columns.row(cells.map(Into::into));
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use tercet_proto::shop::order::v1::OrderState;

    use super::*;

    #[test]
    fn a_line_leaves_out_what_is_nothing() {
        let order = Order {
            order_no: "o-1".to_owned(),
            user_id: "ann".to_owned(),
            sku: "tea".to_owned(),
            quantity: 2,
            points_due: 20,
            state: OrderState::TimedOut.into(),
            ..Order::default()
        };
        assert_eq!(
            line(&order),
            "order o-1 of ann: 2 tea, TIMED_OUT, 20 points due"
        );
        let text = table(&[order], Style::Plain);
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|row| row.starts_with("o-1    TIMED_OUT")),
            "{text}"
        );
    }
}
