//! What must hold after a rush, asked from the services' public rpcs, and from the log and the fences.

use std::{collections::BTreeSet, time::Duration};

use tercet_proto::shop::{
    order::v1::{ListOrdersRequest, OrderState},
    points::v1::ListAccountSumsRequest,
    stock::v1::{GetSkuRequest, ListOrderStockRequest},
};
use tokio::time::sleep;

use super::{
    plan::{PRICE, PURSE, Sale},
    tally::Tally,
};
use crate::{
    failure::Failure,
    output, reconcile,
    render::checks::Check,
    shop::services::{Services, failed},
};

/// Between two looks at what is still open.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const PAGE: i32 = 500;

/// Everything, once nothing is under way any more.
pub(super) async fn check(
    services: &Services,
    sale: &Sale,
    tally: &Tally,
) -> Result<Vec<Check>, Failure> {
    settled(services).await?;
    let mut checks = answers(sale, tally);
    checks.extend(stock(services, sale, tally).await?);
    checks.extend(points(services, sale, tally).await?);
    checks.extend(orders(services, sale, tally).await?);
    let disagreements = reconcile::disagreements(services.client()?).await?;
    for line in disagreements.iter().take(20) {
        output::note(line);
    }
    checks.push(Check::new(
        "disagreements of log, fences and sums",
        count(disagreements.len()),
        0,
    ));
    Ok(checks)
}

/// Waits until the coordinator has nothing open. The caller has a limit for all of it.
async fn settled(services: &Services) -> Result<(), Failure> {
    let admin = services.client()?.admin();
    loop {
        let status = admin.status().await?;
        let open: u64 = status.open.iter().map(|state| state.count).sum();
        if open == 0 {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// How many orders were paid.
fn paid(tally: &Tally) -> i64 {
    i64::try_from(tally.paid.len()).unwrap_or(i64::MAX)
}

fn answers(sale: &Sale, tally: &Tally) -> Vec<Check> {
    let winners = i64::from(sale.winners());
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    vec![
        Check::new("orders placed", count(tally.orders.len()), winners),
        Check::new("buyers with an order", count(tally.winners.len()), winners),
        Check::new("buyers with more than one", number(tally.greedy), 0),
        Check::new("orders paid", paid(tally), winners),
        Check::new(
            "submissions that were never answered",
            number(tally.unanswered),
            0,
        ),
        Check::new(
            "losers who weren't told why",
            number(tally.unexplained()),
            0,
        ),
        Check::new("submissions answered in two ways", number(tally.torn), 0),
    ]
}

async fn stock(services: &Services, sale: &Sale, tally: &Tally) -> Result<Vec<Check>, Failure> {
    let request = GetSkuRequest {
        sku: sale.name.clone(),
    };
    let answer = services.stock().get_sku(request).await;
    let answer = answer.map_err(|status| failed(&status))?.into_inner();
    let sku = answer.sku.unwrap_or_default();
    let (mut one_each, mut otherwise) = (0, 0);
    let mut page_token = String::new();
    loop {
        let request = ListOrderStockRequest {
            page_size: PAGE,
            page_token,
            ..ListOrderStockRequest::default()
        };
        let page = services.stock().list_order_stock(request).await;
        let page = page.map_err(|status| failed(&status))?.into_inner();
        for row in page.orders.iter().filter(|row| row.sku == sale.name) {
            let is_one = row.held + row.sold == 1 && row.moving == 0;
            let is_ours = tally.orders.contains(&row.order_no);
            if is_one && is_ours {
                one_each += 1;
            } else if row.held + row.sold + row.moving != 0 {
                otherwise += 1;
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let winners = i64::from(sale.winners());
    Ok(vec![
        Check::new("pieces sold", sku.sold, winners),
        Check::new(
            "pieces left",
            sku.available,
            i64::from(sale.stock) - winners,
        ),
        Check::new("pieces still reserved or held", sku.reserved + sku.held, 0),
        Check::new("orders with one piece each", one_each, winners),
        Check::new("orders with anything else", otherwise, 0),
    ])
}

async fn points(services: &Services, sale: &Sale, tally: &Tally) -> Result<Vec<Check>, Failure> {
    let (mut left, mut frozen, mut off) = (0, 0, 0);
    // Names sort, and those of this sale begin alike.
    let mut page_token = sale.name.clone();
    'pages: loop {
        let request = ListAccountSumsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = services.points().list_account_sums(request).await;
        let page = page.map_err(|status| failed(&status))?.into_inner();
        for row in &page.sums {
            let account = row.account.clone().unwrap_or_default();
            if !account.user_id.starts_with(&sale.name) {
                break 'pages;
            }
            left += account.available;
            frozen += account.frozen;
            let ledger = (row.ledger_available, row.ledger_frozen);
            off += i64::from((account.available, account.frozen) != ledger);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected = count(tally.winners.len()) * PURSE - paid(tally) * PRICE;
    Ok(vec![
        Check::new("points left of the winners'", left, expected),
        Check::new("points still frozen", frozen, 0),
        Check::new("accounts that aren't their ledger's sum", off, 0),
    ])
}

async fn orders(services: &Services, sale: &Sale, tally: &Tally) -> Result<Vec<Check>, Failure> {
    let (mut paid_orders, mut open, mut users) = (0, 0, BTreeSet::new());
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest {
            page_size: PAGE,
            page_token,
            ..ListOrdersRequest::default()
        };
        let page = services.orders().list_orders(request).await;
        let page = page.map_err(|status| failed(&status))?.into_inner();
        for order in page.orders.iter().filter(|it| it.campaign_id == sale.name) {
            match order.state() {
                OrderState::Paid => {
                    paid_orders += i64::from(tally.orders.contains(&order.order_no));
                    users.insert(order.user_id.clone());
                }
                OrderState::Cancelled => {}
                _ => open += 1,
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let winners = i64::from(sale.winners());
    Ok(vec![
        Check::new("orders that stand as paid", paid_orders, winners),
        Check::new("buyers they belong to", count(users.len()), winners),
        Check::new("orders that stand otherwise", open, 0),
    ])
}
