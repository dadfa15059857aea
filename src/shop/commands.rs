//! One call each, as a customer or the merchant makes it.

use std::time::Duration;

use tercet_proto::shop::{
    order::v1::{
        ApproveRefundRequest, Campaign, CancelOrderRequest, CancelOrderResponse,
        CreateCampaignRequest, CreateCampaignResponse, ExtendReceiptRequest, GetOrderRequest,
        Order, PayOrderRequest, PayOrderResponse, PaymentMethod, PlaceOrderRequest,
        PlaceOrderResponse, ReceiveOrderRequest, RejectRefundRequest, RequestRefundRequest,
        ReturnOrderRequest, SetBlockedRequest, ShipOrderRequest, StockTaking,
        get_order_request::Key,
    },
    points::v1::SeedAccountRequest,
    stock::v1::SeedSkuRequest,
};

use super::{
    services::{Services, failed},
    show::line,
};
use crate::{
    cli::{Block, Buy, Owned, Refund, Seed, Shop},
    clock,
    failure::Failure,
    output,
};

/// Any of them but the rush, `show` and `refunds`.
pub(super) async fn run(services: &Services, command: Shop) -> Result<(), Failure> {
    match command {
        Shop::Seed(command) => seed(services, command).await,
        Shop::Buy(command) => buy(services, command).await,
        Shop::Pay(command) => pay(services, command).await,
        Shop::Cancel(command) => cancel(services, command).await,
        Shop::Refund(command) => refund(services, command).await,
        Shop::Return(command) => {
            let request = ReturnOrderRequest {
                refund_no: command.refund,
                pieces: command.pieces,
            };
            let answer = services.orders().return_order(request).await;
            let answer = answer.map_err(|status| failed(&status))?.into_inner();
            order(
                services,
                "shop.order.v1.ReturnOrderResponse",
                &answer,
                |it| it.order.as_ref(),
            )
        }
        Shop::Ship(command) => {
            let order_no = command.order;
            let answer = services
                .orders()
                .ship_order(ShipOrderRequest { order_no })
                .await;
            let answer = answer.map_err(|status| failed(&status))?.into_inner();
            order(services, "shop.order.v1.ShipOrderResponse", &answer, |it| {
                it.order.as_ref()
            })
        }
        Shop::Receive(command) => {
            let request = ReceiveOrderRequest {
                order_no: command.order.order,
                user_id: command.user,
            };
            let answer = services.orders().receive_order(request).await;
            let answer = answer.map_err(|status| failed(&status))?.into_inner();
            order(
                services,
                "shop.order.v1.ReceiveOrderResponse",
                &answer,
                |it| it.order.as_ref(),
            )
        }
        Shop::Extend(command) => {
            let request = ExtendReceiptRequest {
                order_no: command.order.order,
                user_id: command.user.unwrap_or_default(),
            };
            let answer = services.orders().extend_receipt(request).await;
            let answer = answer.map_err(|status| failed(&status))?.into_inner();
            let name = "shop.order.v1.ExtendReceiptResponse";
            order(services, name, &answer, |it| it.order.as_ref())
        }
        Shop::Block(command) => block(services, command).await,
        Shop::Show(_) | Shop::Refunds(_) | Shop::Rush(_) => Ok(()),
    }
}

/// Prints the answer, or the order in it.
fn order<M: prost::Message>(
    services: &Services,
    name: &str,
    answer: &M,
    of: impl FnOnce(&M) -> Option<&Order>,
) -> Result<(), Failure> {
    services.context.show(name, answer, |answer| {
        of(answer).map(line).unwrap_or_default()
    })
}

async fn seed(services: &Services, command: Seed) -> Result<(), Failure> {
    let sku = SeedSkuRequest {
        sku: command.sku.clone(),
        quantity: command.stock,
    };
    let seeded = services.stock().seed_sku(sku).await;
    seeded.map_err(|status| failed(&status))?;
    for (user_id, points) in &command.account {
        let account = SeedAccountRequest {
            user_id: user_id.clone(),
            points: i64::from(*points),
        };
        let opened = services.points().seed_account(account).await;
        opened.map_err(|status| failed(&status))?;
    }
    let created = create(services, campaign(&command)?).await?;
    let name = "shop.order.v1.CreateCampaignResponse";
    services.context.show(name, &created, |created| {
        let campaign = created.campaign.clone().unwrap_or_default();
        format!(
            "campaign {} sells {} for {} cents and {} points a piece\n  tercet shop buy {} --user USER",
            campaign.campaign_id,
            campaign.sku,
            campaign.price_cents,
            campaign.price_points,
            campaign.campaign_id,
        )
    })
}

/// The campaign that was asked for, from now on.
fn campaign(command: &Seed) -> Result<Campaign, Failure> {
    let starts_at = clock::now();
    let ends_at = starts_at
        .checked_add(command.lasts.get())
        .map_err(|error| Failure::usage(format!("--lasts: {error}")))?;
    let taking = if command.at_payment {
        StockTaking::Payment
    } else {
        StockTaking::Order
    };
    Ok(Campaign {
        campaign_id: command.campaign.clone(),
        sku: command.sku.clone(),
        starts_at: Some(time(starts_at)),
        ends_at: Some(time(ends_at)),
        price_cents: command.cents,
        price_points: command.points,
        stock_taking: taking.into(),
        hold_time: command.hold.as_ref().map(|hold| duration(hold.get())),
        payment_time: Some(duration(command.unpaid.get())),
        quantity_max: command.per_user,
        grant_points: command.grant,
        ..Campaign::default()
    })
}

/// Adds a campaign.
pub(super) async fn create(
    services: &Services,
    campaign: Campaign,
) -> Result<CreateCampaignResponse, Failure> {
    let request = CreateCampaignRequest {
        campaign: Some(campaign),
    };
    let created = services.campaigns().create_campaign(request).await;
    Ok(created.map_err(|status| failed(&status))?.into_inner())
}

pub(super) fn time(at: jiff::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(duration).unwrap_or_default()
}

async fn buy(services: &Services, command: Buy) -> Result<(), Failure> {
    let request_id = command.request_id;
    let request = PlaceOrderRequest {
        request_id: request_id.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string()),
        user_id: command.user,
        quantity: command.quantity,
        campaign_id: command.campaign,
        ..PlaceOrderRequest::default()
    };
    let answer = services.orders().place_order(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    let name = "shop.order.v1.PlaceOrderResponse";
    services.context.show(name, &answer, bought)?;
    // Like a transaction that was cancelled: what happened has been printed.
    match answer.refusal {
        Some(_) => Err(Failure::Cancelled),
        None => Ok(()),
    }
}

fn bought(answer: &PlaceOrderResponse) -> String {
    if let Some(refusal) = &answer.refusal {
        let by = &refusal.participant;
        return format!("refused by {by}: {} ({})", refusal.message, refusal.reason);
    }
    let order = answer.order.clone().unwrap_or_default();
    let (number, user) = (&order.order_no, &order.user_id);
    format!("{}\n  tercet shop pay {number} --user {user}", line(&order))
}

async fn read(services: &Services, owned: &Owned) -> Result<Order, Failure> {
    let request = GetOrderRequest {
        key: Some(Key::OrderNo(owned.order.order.clone())),
        user_id: owned.user.clone(),
    };
    let answer = services.orders().get_order(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    Ok(answer.order.unwrap_or_default())
}

async fn pay(services: &Services, command: Owned) -> Result<(), Failure> {
    let found = read(services, &command).await?;
    let method = if found.amount_cents > 0 {
        PaymentMethod::Outside
    } else {
        PaymentMethod::Points
    };
    let request = PayOrderRequest {
        order_no: command.order.order,
        user_id: command.user,
        method: method.into(),
    };
    let answer = services.orders().pay_order(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    let name = "shop.order.v1.PayOrderResponse";
    services.context.show(name, &answer, paid)
}

fn paid(answer: &PayOrderResponse) -> String {
    let order = answer.order.as_ref().map(line).unwrap_or_default();
    if answer.redirect_url.is_empty() {
        order
    } else {
        format!("{order}\n  pay at {}", answer.redirect_url)
    }
}

async fn cancel(services: &Services, command: Owned) -> Result<(), Failure> {
    let request = CancelOrderRequest {
        order_no: command.order.order,
        user_id: command.user,
    };
    let answer = services.orders().cancel_order(request).await;
    let answer: CancelOrderResponse = answer.map_err(|status| failed(&status))?.into_inner();
    order(
        services,
        "shop.order.v1.CancelOrderResponse",
        &answer,
        |it| it.order.as_ref(),
    )
}

async fn block(services: &Services, command: Block) -> Result<(), Failure> {
    let request = SetBlockedRequest {
        user_id: command.user.clone(),
        blocked: !command.lift,
    };
    let answer = services.campaigns().set_blocked(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    let name = "shop.order.v1.SetBlockedResponse";
    services.context.show(name, &answer, |_| {
        let word = if command.lift {
            "may buy again"
        } else {
            "is blocked"
        };
        format!("{} {word}", command.user)
    })
}

async fn refund(services: &Services, command: Refund) -> Result<(), Failure> {
    if command.approve {
        let request = ApproveRefundRequest {
            refund_no: command.number,
            amount_cents: command.cents,
            points: command.points,
        };
        let answer = services.orders().approve_refund(request).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        let name = "shop.order.v1.ApproveRefundResponse";
        return order(services, name, &answer, |it| it.order.as_ref());
    }
    if command.reject {
        let refund_no = command.number;
        let answer = services
            .orders()
            .reject_refund(RejectRefundRequest { refund_no })
            .await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        let name = "shop.order.v1.RejectRefundResponse";
        return order(services, name, &answer, |it| it.order.as_ref());
    }
    let request = RequestRefundRequest {
        order_no: command.number,
        user_id: command.user.unwrap_or_default(),
        request_id: uuid::Uuid::now_v7().simple().to_string(),
        reason: command.reason,
    };
    let answer = services.orders().request_refund(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    let name = "shop.order.v1.RequestRefundResponse";
    services.context.show(name, &answer, |answer| {
        let order = answer.order.as_ref().map(line).unwrap_or_default();
        let refund = &answer.refund_no;
        format!("{order}\n  refund {refund} is asked for: tercet shop refund {refund} --approve")
    })?;
    output::note("the merchant hasn't answered yet");
    Ok(())
}

#[cfg(test)]
mod tests {
    use tercet_proto::shop::order::v1::{OrderState, Refusal};

    use super::*;

    #[test]
    fn a_refusal_says_who_and_why() {
        let answer = PlaceOrderResponse {
            refusal: Some(Refusal {
                reason: "OUT_OF_STOCK".to_owned(),
                participant: "stock".to_owned(),
                message: "0 left".to_owned(),
            }),
            ..PlaceOrderResponse::default()
        };
        assert_eq!(bought(&answer), "refused by stock: 0 left (OUT_OF_STOCK)");
    }

    #[test]
    fn an_order_says_how_it_is_paid() {
        let answer = PlaceOrderResponse {
            order: Some(Order {
                order_no: "o-1".to_owned(),
                user_id: "ann".to_owned(),
                state: OrderState::Created.into(),
                ..Order::default()
            }),
            ..PlaceOrderResponse::default()
        };
        assert!(bought(&answer).ends_with("tercet shop pay o-1 --user ann"));
    }
}
