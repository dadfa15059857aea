//! Campaigns: what they allow, and `shop.order.v1.CampaignService`.

pub(super) mod queries;

use std::time::Duration;

use tercet_participant::{
    ActionError, Refusal, error_status, is_id, micros, now_micros, page_size, timestamp,
};
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::order::v1::campaign_service_server::CampaignService;
use tonic::{Code, Request, Response, Status};

use super::{Connection, Database};
use crate::order::{QUANTITY_MAX, Submission};
use queries::Campaign;

const DOMAIN: &str = "shop.order.v1.CampaignService";
const PRICE_MAX: i64 = 1_000_000_000;
const WEEK_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Fills in what the campaign says of a submission, and checks what needs no writing: blocked users, also outside of campaigns;
/// window, pieces, the place.
pub(super) async fn admit(
    connection: &mut Connection,
    submission: &mut Submission,
    now: i64,
) -> Result<Option<Campaign>, ActionError> {
    let Some(campaign_id) = submission.campaign_id.clone() else {
        not_blocked(connection, &submission.user_id).await?;
        return Ok(None);
    };
    if submission.points != 0 {
        let message = "points_to_spend must be 0 in a campaign";
        return Err(Refusal::invalid("INVALID_ORDER", message).into());
    }
    let campaign = known(&mut *connection, &campaign_id).await?;
    if submission.sku.is_empty() {
        submission.sku.clone_from(&campaign.sku);
    }
    price(&campaign, submission);
    allowed(connection, &campaign, submission, now).await?;
    Ok(Some(campaign))
}

/// What the order costs. Points are spent with the money's order at once, and alone when it is paid.
fn price(campaign: &Campaign, submission: &mut Submission) {
    let quantity = submission.quantity;
    submission.amount_cents = campaign.price_cents.saturating_mul(quantity);
    let points = campaign.price_points.saturating_mul(quantity);
    (submission.points, submission.points_due) = if campaign.price_cents > 0 {
        (points, 0)
    } else {
        (0, points)
    };
}

/// Checks an order that is to be written: as [`admit`], and that the price is the campaign's.
pub(super) async fn verify(
    connection: &mut Connection,
    submission: &Submission,
    now: i64,
) -> Result<Option<Campaign>, ActionError> {
    let Some(campaign_id) = &submission.campaign_id else {
        if submission.amount_cents != 0 || submission.points_due != 0 {
            let message = "an order outside of campaigns has no price";
            return Err(Refusal::invalid("INVALID_ORDER", message).into());
        }
        not_blocked(connection, &submission.user_id).await?;
        return Ok(None);
    };
    let campaign = known(&mut *connection, campaign_id).await?;
    let mut priced = submission.clone();
    price(&campaign, &mut priced);
    if priced != *submission {
        return Err(Refusal::precondition("OTHER_PRICE", "the campaign has another price").into());
    }
    allowed(connection, &campaign, submission, now).await?;
    Ok(Some(campaign))
}

async fn known(connection: &mut Connection, campaign_id: &str) -> Result<Campaign, ActionError> {
    let campaign = queries::get(connection, campaign_id).await?;
    campaign.ok_or_else(|| {
        let message = format!("there is no campaign {campaign_id}");
        Refusal::precondition("UNKNOWN_CAMPAIGN", message).into()
    })
}

async fn allowed(
    connection: &mut Connection,
    campaign: &Campaign,
    submission: &Submission,
    now: i64,
) -> Result<(), ActionError> {
    let no = |reason, message: &str| Err(Refusal::precondition(reason, message).into());
    if !(campaign.starts_at..campaign.ends_at).contains(&now) {
        return no("CAMPAIGN_NOT_OPEN", "the campaign isn't open");
    }
    if submission.sku != campaign.sku {
        return no("OTHER_SKU", "the campaign sells something else");
    }
    if submission.quantity > campaign.quantity_max {
        return no(
            "TOO_MANY_PIECES",
            "that is more than a user may buy in the campaign",
        );
    }
    let user = &submission.user_id;
    not_blocked(&mut *connection, user).await?;
    if queries::place(connection, &campaign.campaign_id, user)
        .await?
        .is_some()
    {
        return no("ONE_PER_USER", "the user has an order in the campaign");
    }
    Ok(())
}

/// Who is blocked buys nothing, in a campaign or not.
async fn not_blocked(connection: &mut Connection, user_id: &str) -> Result<(), ActionError> {
    if queries::is_blocked(connection, user_id).await? {
        return Err(Refusal::precondition("USER_BLOCKED", "the user is blocked").into());
    }
    Ok(())
}

/// Counts a submission against the user's rate.
pub(super) async fn count(
    connection: &mut Connection,
    campaign: &Campaign,
    user_id: &str,
    now: i64,
) -> Result<(), ActionError> {
    if campaign.rate_max == 0 || queries::count(connection, campaign, user_id, now).await? {
        return Ok(());
    }
    Err(Refusal::precondition("TOO_OFTEN", "too many submissions of this user").into())
}

/// Serves the rpcs.
#[derive(Debug)]
pub(super) struct Campaigns {
    pub(super) database: Database,
}

#[tonic::async_trait]
impl CampaignService for Campaigns {
    async fn create_campaign(
        &self,
        request: Request<proto::CreateCampaignRequest>,
    ) -> Result<Response<proto::CreateCampaignResponse>, Status> {
        let campaign = request.into_inner().campaign.unwrap_or_default();
        let campaign = parse(&campaign).map_err(|why| invalid("INVALID_CAMPAIGN", why))?;
        let done = async {
            let mut transaction = self.database.begin().await?;
            let is_new = queries::insert(&mut transaction, &campaign).await?;
            let kept = queries::get(&mut transaction, &campaign.campaign_id).await?;
            transaction.commit().await?;
            Ok::<_, sqlx::Error>((is_new, kept))
        };
        let (created, kept) = done.await.map_err(database)?;
        if kept.as_ref() != Some(&campaign) {
            let message = "the campaign exists with other content";
            return Err(error_status(
                Code::AlreadyExists,
                "CAMPAIGN_CONFLICT",
                DOMAIN,
                message,
            ));
        }
        Ok(Response::new(proto::CreateCampaignResponse {
            campaign: Some(campaign.into()),
            created,
        }))
    }

    async fn get_campaign(
        &self,
        request: Request<proto::GetCampaignRequest>,
    ) -> Result<Response<proto::GetCampaignResponse>, Status> {
        let campaign_id = request.into_inner().campaign_id;
        let mut reader = self.database.reader().acquire().await.map_err(database)?;
        let campaign = queries::get(&mut reader, &campaign_id)
            .await
            .map_err(database)?;
        let campaign = campaign.ok_or_else(|| {
            let message = format!("there is no campaign {campaign_id}");
            error_status(Code::NotFound, "UNKNOWN_CAMPAIGN", DOMAIN, message)
        })?;
        Ok(Response::new(proto::GetCampaignResponse {
            campaign: Some(campaign.into()),
        }))
    }

    async fn list_campaigns(
        &self,
        request: Request<proto::ListCampaignsRequest>,
    ) -> Result<Response<proto::ListCampaignsResponse>, Status> {
        let request = request.into_inner();
        let size = page_size(request.page_size)
            .map_err(|_| invalid("INVALID_REQUEST", "page_size is negative"))?;
        let mut reader = self.database.reader().acquire().await.map_err(database)?;
        let limit = i64::from(size) + 1;
        let listed = queries::list(&mut reader, &request.page_token, limit).await;
        let mut campaigns = listed.map_err(database)?;
        let has_more = campaigns.len() > size as usize;
        campaigns.truncate(size as usize);
        let last = campaigns.last().filter(|_| has_more);
        let next_page_token = last
            .map(|last| last.campaign_id.clone())
            .unwrap_or_default();
        Ok(Response::new(proto::ListCampaignsResponse {
            campaigns: campaigns.into_iter().map(proto::Campaign::from).collect(),
            next_page_token,
        }))
    }

    async fn set_blocked(
        &self,
        request: Request<proto::SetBlockedRequest>,
    ) -> Result<Response<proto::SetBlockedResponse>, Status> {
        let proto::SetBlockedRequest { user_id, blocked } = request.into_inner();
        if !is_id(&user_id, 64) {
            return Err(invalid(
                "INVALID_REQUEST",
                "user_id must be 1 to 64 visible ASCII characters",
            ));
        }
        let done = async {
            let mut transaction = self.database.begin().await?;
            queries::set_blocked(&mut transaction, &user_id, blocked, now_micros()).await?;
            transaction.commit().await
        };
        done.await.map_err(database)?;
        Ok(Response::new(proto::SetBlockedResponse {}))
    }
}

fn invalid(reason: &str, message: &str) -> Status {
    error_status(Code::InvalidArgument, reason, DOMAIN, message)
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "campaigns not served");
    ActionError::from(error).into_status(DOMAIN)
}

/// Checks a campaign, and fills in what isn't said.
fn parse(campaign: &proto::Campaign) -> Result<Campaign, &'static str> {
    if !is_id(&campaign.campaign_id, 64) || !is_id(&campaign.sku, 64) {
        return Err("campaign_id and sku must be 1 to 64 visible ASCII characters");
    }
    let time = |time: Option<prost_types::Timestamp>| {
        let time = time.ok_or("starts_at and ends_at must be set")?;
        Ok::<_, &'static str>(time.seconds.saturating_mul(1_000_000) + i64::from(time.nanos) / 1000)
    };
    let (starts_at, ends_at) = (time(campaign.starts_at)?, time(campaign.ends_at)?);
    if starts_at >= ends_at {
        return Err("ends_at must be after starts_at");
    }
    let price = 0..=PRICE_MAX;
    if !price.contains(&campaign.price_cents) || !price.contains(&campaign.price_points) {
        return Err("prices must be 0 to 1000000000");
    }
    if !(0..=PRICE_MAX).contains(&campaign.grant_points) || campaign.rate_max < 0 {
        return Err("grant_points must be 0 to 1000000000, rate_max 0 or more");
    }
    if !(0..=QUANTITY_MAX).contains(&campaign.quantity_max) {
        return Err("quantity_max must be 0 to 1000");
    }
    let length = |length: Option<prost_types::Duration>| match length.map(Duration::try_from) {
        None => Ok(None),
        Some(Ok(length)) if length >= Duration::from_millis(1) => Ok(Some(micros(length))),
        Some(_) => Err("times must be 1 ms or more"),
    };
    let payment_micros = length(campaign.payment_time)?.ok_or("payment_time must be set")?;
    let hold_micros = length(campaign.hold_time)?.unwrap_or(payment_micros);
    Ok(Campaign {
        campaign_id: campaign.campaign_id.clone(),
        sku: campaign.sku.clone(),
        starts_at,
        ends_at,
        price_cents: campaign.price_cents,
        price_points: campaign.price_points,
        is_taken_at_order: i64::from(campaign.stock_taking() != proto::StockTaking::Payment),
        hold_micros: hold_micros.min(payment_micros),
        payment_micros,
        quantity_max: campaign.quantity_max.max(1),
        rate_max: campaign.rate_max,
        rate_window_micros: length(campaign.rate_window)?.unwrap_or(1_000_000),
        grant_points: campaign.grant_points,
        receipt_micros: length(campaign.receipt_time)?.unwrap_or(WEEK_MICROS),
    })
}

impl From<Campaign> for proto::Campaign {
    fn from(campaign: Campaign) -> Self {
        let length = |micros: i64| {
            Some(prost_types::Duration {
                seconds: micros / 1_000_000,
                nanos: i32::try_from(micros % 1_000_000 * 1000).unwrap_or(0),
            })
        };
        let stock_taking = if campaign.is_taken_at_order == 0 {
            proto::StockTaking::Payment
        } else {
            proto::StockTaking::Order
        };
        Self {
            campaign_id: campaign.campaign_id,
            sku: campaign.sku,
            starts_at: Some(timestamp(campaign.starts_at)),
            ends_at: Some(timestamp(campaign.ends_at)),
            price_cents: campaign.price_cents,
            price_points: campaign.price_points,
            stock_taking: stock_taking.into(),
            hold_time: length(campaign.hold_micros),
            payment_time: length(campaign.payment_micros),
            quantity_max: campaign.quantity_max,
            rate_max: campaign.rate_max,
            rate_window: length(campaign.rate_window_micros),
            grant_points: campaign.grant_points,
            receipt_time: length(campaign.receipt_micros),
        }
    }
}
