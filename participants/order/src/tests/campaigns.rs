//! What a campaign allows, asked at both borders: of customers, and of the coordinator.

use tercet_participant::timestamp;
use tercet_proto::shop::order::v1::campaign_service_client::CampaignServiceClient;
use tercet_proto::shop::order::v1::{
    Campaign, CreateCampaignRequest, GetCampaignRequest, ListCampaignsRequest, OrderState,
    SetBlockedRequest, StockTaking,
};
use tonic::Code;

use super::*;

const HOUR: i64 = 3_600_000_000;

pub(super) fn campaign(id: &str) -> Campaign {
    let now = now_micros();
    Campaign {
        campaign_id: id.to_owned(),
        sku: "tea".to_owned(),
        starts_at: Some(timestamp(now - HOUR)),
        ends_at: Some(timestamp(now + HOUR)),
        price_cents: 500,
        price_points: 3,
        payment_time: Some(Duration::from_mins(30).try_into().unwrap()),
        quantity_max: 2,
        ..Campaign::default()
    }
}

pub(super) fn bought(request_id: &str, user_id: &str, campaign_id: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: request_id.to_owned(),
        user_id: user_id.to_owned(),
        quantity: 1,
        campaign_id: campaign_id.to_owned(),
        ..PlaceOrderRequest::default()
    }
}

/// The branch of an order in [`campaign`], as `PlaceOrder` makes it.
pub(super) fn branch(request_id: &str, user_id: &str, campaign_id: &str) -> CreateOrderRequest {
    CreateOrderRequest {
        request_id: request_id.to_owned(),
        user_id: user_id.to_owned(),
        sku: "tea".to_owned(),
        quantity: 1,
        points_to_spend: 3,
        order_no: format!("no-{request_id}"),
        campaign_id: campaign_id.to_owned(),
        amount_cents: 500,
        points_due: 0,
    }
}

impl Shop {
    pub(super) fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(self.channel.clone())
    }

    pub(super) async fn campaign(&self, campaign: Campaign) {
        let request = CreateCampaignRequest {
            campaign: Some(campaign),
        };
        let created = self.campaigns().create_campaign(request).await.unwrap();
        assert!(created.into_inner().created);
    }

    /// The refusal's reason, or nothing where the order is under way.
    async fn refusal(&self, request: PlaceOrderRequest) -> String {
        let placed = self.place(request).await.unwrap();
        let state = placed.order.unwrap().state();
        let refusal = placed.refusal.unwrap_or_default();
        assert_eq!(state == OrderState::Cancelled, !refusal.reason.is_empty());
        refusal.reason
    }

    /// The branch's refusal, or nothing where it is tried.
    async fn tried(&self, message: CreateOrderRequest) -> String {
        let gid = format!("order-{}", message.request_id);
        let tried = self.call(Phase::Try, &gid, message).await;
        tried.map_or_else(|status| reason(&status), |_| String::new())
    }
}

#[tokio::test]
async fn a_campaign_sets_the_price_and_a_repeat_gets_the_same() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.campaign(campaign("c")).await;
    shop.campaign(Campaign {
        price_cents: 0,
        ..campaign("points-only")
    })
    .await;
    let placed = shop.place(bought("r1", "ann", "c")).await.unwrap();
    let order = placed.order.unwrap();
    assert_eq!(
        (order.sku.as_str(), order.amount_cents, order.points_spent),
        ("tea", 500, 3)
    );
    let placed = shop.place(bought("r2", "ann", "points-only")).await;
    let order = placed.unwrap().order.unwrap();
    // Without money to wait for, the points are spent when it is paid.
    assert_eq!(
        (order.amount_cents, order.points_spent, order.points_due),
        (0, 0, 3)
    );
    let again = shop.place(bought("r1", "ann", "c")).await.unwrap();
    assert_eq!(again.order.unwrap().amount_cents, 500);
    let other = PlaceOrderRequest {
        quantity: 2,
        ..bought("r1", "ann", "c")
    };
    let status = shop.place(other).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_CONFLICT");
    assert_eq!(shop.coordinator.transactions(), 2);
}

#[tokio::test]
async fn who_may_not_buy_is_told_why_and_calls_nobody() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let now = now_micros();
    shop.campaign(campaign("c")).await;
    shop.campaign(Campaign {
        starts_at: Some(timestamp(now + HOUR)),
        ends_at: Some(timestamp(now + 2 * HOUR)),
        ..campaign("later")
    })
    .await;
    shop.campaign(Campaign {
        starts_at: Some(timestamp(now - 2 * HOUR)),
        ends_at: Some(timestamp(now - HOUR)),
        ..campaign("over")
    })
    .await;
    let block = |blocked| SetBlockedRequest {
        user_id: "eve".to_owned(),
        blocked,
    };
    shop.campaigns().set_blocked(block(true)).await.unwrap();
    let many = PlaceOrderRequest {
        quantity: 3,
        ..bought("r", "ann", "c")
    };
    let other = PlaceOrderRequest {
        sku: "gold".to_owned(),
        ..bought("r", "ann", "c")
    };
    let outside = PlaceOrderRequest {
        user_id: "eve".to_owned(),
        ..submission("r")
    };
    for (request, expected) in [
        (bought("r", "ann", "nothing"), "UNKNOWN_CAMPAIGN"),
        (bought("r", "ann", "later"), "CAMPAIGN_NOT_OPEN"),
        (bought("r", "ann", "over"), "CAMPAIGN_NOT_OPEN"),
        (many, "TOO_MANY_PIECES"),
        (other, "OTHER_SKU"),
        (bought("r", "eve", "c"), "USER_BLOCKED"),
        (outside.clone(), "USER_BLOCKED"),
    ] {
        assert_eq!(shop.refusal(request).await, expected);
    }
    assert!(shop.coordinator.seen().is_empty());
    // The same at the other border, for whoever was admitted a moment ago.
    let cheap = CreateOrderRequest {
        amount_cents: 1,
        ..branch("r", "ann", "c")
    };
    let priced = CreateOrderRequest {
        campaign_id: String::new(),
        ..branch("r", "ann", "c")
    };
    let unpriced = CreateOrderRequest {
        campaign_id: String::new(),
        amount_cents: 0,
        ..branch("r", "eve", "")
    };
    for (message, expected) in [
        (unpriced, "USER_BLOCKED"),
        (branch("r", "ann", "over"), "CAMPAIGN_NOT_OPEN"),
        (branch("r", "eve", "c"), "USER_BLOCKED"),
        (cheap, "OTHER_PRICE"),
        (priced, "INVALID_ORDER"),
    ] {
        assert_eq!(shop.tried(message).await, expected);
    }
    shop.campaigns().set_blocked(block(false)).await.unwrap();
    assert_eq!(shop.refusal(bought("r", "eve", "c")).await, "");
    let outside = PlaceOrderRequest {
        request_id: "r2".to_owned(),
        ..outside
    };
    assert_eq!(shop.refusal(outside).await, "");
}

#[tokio::test]
async fn a_user_has_one_order_in_a_campaign_until_it_ends_unpaid() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.campaign(campaign("c")).await;
    shop.campaign(campaign("d")).await;
    assert_eq!(shop.tried(branch("r1", "ann", "c")).await, "");
    assert_eq!(shop.tried(branch("r2", "ann", "c")).await, "ONE_PER_USER");
    assert_eq!(shop.refusal(bought("r3", "ann", "c")).await, "ONE_PER_USER");
    assert_eq!(shop.tried(branch("r4", "ann", "d")).await, "");
    assert_eq!(shop.tried(branch("r5", "bob", "c")).await, "");
    let cancel = shop.call(Phase::Cancel, "order-r1", branch("r1", "ann", "c"));
    cancel.await.unwrap();
    assert_eq!(shop.tried(branch("r6", "ann", "c")).await, "");
    // The late loser of the place gives back nobody else's.
    let cancel = shop.call(Phase::Cancel, "order-r2", branch("r2", "ann", "c"));
    cancel.await.unwrap();
    assert_eq!(shop.tried(branch("r7", "ann", "c")).await, "ONE_PER_USER");
}

#[tokio::test]
async fn only_so_many_submissions_a_window() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    // One window, whenever the test runs.
    shop.campaign(Campaign {
        rate_max: 2,
        rate_window: Some(Duration::from_hours(24 * 365 * 1000).try_into().unwrap()),
        ..campaign("c")
    })
    .await;
    assert_eq!(shop.refusal(bought("r1", "ann", "c")).await, "");
    assert_eq!(shop.refusal(bought("r2", "ann", "c")).await, "");
    assert_eq!(shop.refusal(bought("r3", "ann", "c")).await, "TOO_OFTEN");
    assert_eq!(shop.refusal(bought("r4", "bob", "c")).await, "");
    assert_eq!(shop.refusal(bought("r1", "ann", "c")).await, "", "a repeat");
}

#[tokio::test]
async fn a_new_window_counts_anew() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.campaign(Campaign {
        rate_max: 1,
        rate_window: Some(Duration::from_millis(50).try_into().unwrap()),
        ..campaign("c")
    })
    .await;
    for number in 0..3 {
        let request_id = format!("r{number}");
        until("the next window", async || {
            let refusal = shop.refusal(bought(&request_id, "ann", "c")).await;
            (refusal != "TOO_OFTEN").then(|| assert_eq!(refusal, ""))
        })
        .await;
    }
}

#[tokio::test]
async fn campaigns_are_kept_as_they_were_made() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let made = Campaign {
        stock_taking: StockTaking::Payment.into(),
        hold_time: Some(Duration::from_secs(5).try_into().unwrap()),
        ..campaign("b")
    };
    shop.campaign(made.clone()).await;
    shop.campaign(campaign("a")).await;
    let again = CreateCampaignRequest {
        campaign: Some(made.clone()),
    };
    let again = shop.campaigns().create_campaign(again).await.unwrap();
    assert!(!again.into_inner().created);
    let other = CreateCampaignRequest {
        campaign: Some(Campaign {
            price_cents: 1,
            ..made
        }),
    };
    let status = shop.campaigns().create_campaign(other).await.unwrap_err();
    assert_eq!(reason(&status), "CAMPAIGN_CONFLICT");
    let page = ListCampaignsRequest {
        page_size: 1,
        page_token: "a".to_owned(),
    };
    let page = shop.campaigns().list_campaigns(page).await.unwrap();
    let listed = page.into_inner().campaigns.remove(0);
    assert_eq!(
        (listed.campaign_id.as_str(), listed.stock_taking()),
        ("b", StockTaking::Payment)
    );
    let unknown = GetCampaignRequest {
        campaign_id: "nothing".to_owned(),
    };
    let status = shop.campaigns().get_campaign(unknown).await.unwrap_err();
    assert_eq!(reason(&status), "UNKNOWN_CAMPAIGN");
}

#[tokio::test]
async fn campaigns_that_cant_be_right_are_refused() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let spoil: [fn(&mut Campaign); 7] = [
        |campaign| campaign.campaign_id = "a b".to_owned(),
        |campaign| campaign.ends_at = campaign.starts_at,
        |campaign| campaign.starts_at = None,
        |campaign| campaign.price_cents = -1,
        |campaign| campaign.payment_time = None,
        |campaign| campaign.hold_time = Some(prost_types::Duration::default()),
        |campaign| campaign.quantity_max = 1001,
    ];
    for spoil in spoil {
        let mut bad = campaign("c");
        spoil(&mut bad);
        let request = CreateCampaignRequest {
            campaign: Some(bad.clone()),
        };
        let status = shop.campaigns().create_campaign(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_CAMPAIGN"),
            "{bad:?}"
        );
    }
}
