//! What every payment of an order does, however it is paid: the order becomes paid, and its pieces are sold.

use tercet_proto::shop::order::v1::PayOrderActionRequest;
use tercet_proto::shop::stock::v1::{SellStockRequest, StockSource};

use crate::order::{Hold, Order};

/// The requests of `order.pay` and `stock.sell`. The pieces come out of the hold, or where there is none, of what is available.
/// `payment_no` is empty where no money is paid.
pub(crate) fn sale(order: &Order, payment_no: String) -> (PayOrderActionRequest, SellStockRequest) {
    let takes_held = order.standing.hold == Hold::Held;
    let source = if takes_held {
        StockSource::Held
    } else {
        StockSource::Available
    };
    let pay = PayOrderActionRequest {
        order_no: order.number.clone(),
        payment_no,
        takes_held,
    };
    let sell = SellStockRequest {
        sku: order.submission.sku.clone(),
        quantity: order.submission.quantity,
        source: source.into(),
        order_no: order.stock_ref.clone(),
    };
    (pay, sell)
}
