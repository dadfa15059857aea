//! The shop's own sums: every piece that was delivered is somewhere, every account is the sum of its ledger.

use tercet_proto::shop::{
    points::v1::{
        AccountSums, ListAccountSumsRequest, ListOrderPointsRequest,
        points_service_client::PointsServiceClient,
    },
    stock::v1::{ListSkuSumsRequest, SkuSums, stock_service_client::StockServiceClient},
};
use tonic::{Code, Status};

use super::{
    PAGE,
    finding::{Finding, Findings, Kind},
    look_ups::failed,
    report::{Compared, Report},
    sides::Side,
};
use crate::failure::Failure;

/// Adds what doesn't agree. Each row is read at one moment, so what is under way isn't in the way.
pub(super) async fn run(
    sides: &[Side],
    findings: &mut Findings,
    report: &mut Report,
) -> Result<(), Failure> {
    for side in sides {
        if side.has_package("shop.stock.v1.") {
            let done = skus(side, findings).await;
            offered(side, "SKUs", done, report)?;
        }
        if side.has_package("shop.points.v1.") {
            let done = accounts(side, findings).await;
            offered(side, "accounts", done, report)?;
            let done = refunds(side, findings).await;
            offered(side, "orders with points", done, report)?;
        }
    }
    Ok(())
}

/// Notes what was compared, or that this isn't offered.
pub(super) fn offered(
    side: &Side,
    what: &str,
    done: Result<u64, Status>,
    report: &mut Report,
) -> Result<(), Failure> {
    match done {
        Ok(count) => {
            report
                .compared
                .push(Compared::new(format!("{what} of {}", side.name), count));
            Ok(())
        }
        Err(status) if status.code() == Code::Unimplemented => {
            report.skip(format!("{what} of {}", side.name), "it has no such sums");
            Ok(())
        }
        Err(status) if status.code() == Code::Unavailable => {
            let why = format!("{:?}: {}", status.code(), status.message());
            report.skip(format!("{what} of {}", side.name), &why);
            Ok(())
        }
        Err(status) => Err(failed(side, &status)),
    }
}

async fn skus(side: &Side, findings: &mut Findings) -> Result<u64, Status> {
    let mut client = StockServiceClient::new(side.channel.clone());
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let request = ListSkuSumsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = client.list_sku_sums(request).await?.into_inner();
        for row in &page.sums {
            let name = row.sku.as_ref().map_or("", |sku| &sku.sku);
            for why in sku(row) {
                findings.add(Finding::of(Kind::StockSum, &side.name, name, why));
            }
        }
        count += page.sums.len() as u64;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(count);
        }
    }
}

/// What is wrong with one SKU.
fn sku(row: &SkuSums) -> Vec<String> {
    let sku = row.sku.clone().unwrap_or_default();
    let there = sku.available + sku.reserved + sku.held + sku.sold;
    let mut wrong = Vec::new();
    if there != row.delivered {
        wrong.push(format!(
            "available {} + reserved {} + held {} + sold {} = {there}, delivered were {}",
            sku.available, sku.reserved, sku.held, sku.sold, row.delivered
        ));
    }
    for (what, own, orders) in [
        ("held", sku.held, row.orders_held),
        ("sold", sku.sold, row.orders_sold),
    ] {
        if own != orders {
            wrong.push(format!("{what} {own}, its orders have {orders}"));
        }
    }
    if row.orders_moving > sku.reserved {
        wrong.push(format!(
            "reserved {}, of its orders {} are moving",
            sku.reserved, row.orders_moving
        ));
    }
    wrong
}

async fn accounts(side: &Side, findings: &mut Findings) -> Result<u64, Status> {
    let mut client = PointsServiceClient::new(side.channel.clone());
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let request = ListAccountSumsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = client.list_account_sums(request).await?.into_inner();
        for row in &page.sums {
            if let Some((user, why)) = account(row) {
                findings.add(Finding::of(Kind::PointsSum, &side.name, &user, why));
            }
        }
        count += page.sums.len() as u64;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(count);
        }
    }
}

/// What is wrong with one account.
fn account(row: &AccountSums) -> Option<(String, String)> {
    let account = row.account.clone().unwrap_or_default();
    let is_right = (account.available, account.frozen) == (row.ledger_available, row.ledger_frozen);
    (!is_right).then(|| {
        let why = format!(
            "available {} and frozen {}, the ledger adds up to {} and {}",
            account.available, account.frozen, row.ledger_available, row.ledger_frozen
        );
        (account.user_id, why)
    })
}

async fn refunds(side: &Side, findings: &mut Findings) -> Result<u64, Status> {
    let mut client = PointsServiceClient::new(side.channel.clone());
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let request = ListOrderPointsRequest {
            page_size: PAGE,
            page_token,
            ..ListOrderPointsRequest::default()
        };
        let page = client.list_order_points(request).await?.into_inner();
        for row in &page.orders {
            if row.refunding + row.refunded > row.spent {
                let why = format!(
                    "{} spent {}, of which {} are refunded and {} are being",
                    row.user_id, row.spent, row.refunded, row.refunding
                );
                let kind = Kind::PointsRefunded;
                findings.add(Finding::of(kind, &side.name, &row.order_no, why));
            }
        }
        count += page.orders.len() as u64;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use tercet_proto::shop::{points::v1::Account, stock::v1::Sku};

    use super::*;

    fn sums(
        [available, reserved, held, sold]: [i64; 4],
        orders: [i64; 3],
        delivered: i64,
    ) -> SkuSums {
        SkuSums {
            sku: Some(Sku {
                sku: "tea".to_owned(),
                available,
                reserved,
                held,
                sold,
            }),
            delivered,
            orders_held: orders[0],
            orders_moving: orders[1],
            orders_sold: orders[2],
        }
    }

    #[test]
    fn each_sum_of_a_sku_is_checked_by_itself() {
        assert_eq!(
            sku(&sums([4, 3, 2, 1], [2, 3, 1], 10)),
            Vec::<String>::new()
        );
        for (row, word) in [
            (sums([4, 3, 2, 1], [2, 3, 1], 11), "delivered"),
            (sums([4, 3, 2, 1], [1, 3, 1], 10), "held"),
            (sums([4, 3, 2, 1], [2, 3, 2], 10), "sold"),
            (sums([4, 3, 2, 1], [2, 4, 1], 10), "moving"),
        ] {
            let wrong = sku(&row);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].contains(word), "{wrong:?}");
        }
    }

    #[test]
    fn an_account_is_the_sum_of_its_ledger() {
        let row = |available, frozen| AccountSums {
            account: Some(Account {
                user_id: "ann".to_owned(),
                available: 5,
                frozen: 2,
            }),
            ledger_available: available,
            ledger_frozen: frozen,
        };
        assert_eq!(account(&row(5, 2)), None);
        assert!(account(&row(4, 2)).is_some());
        assert!(account(&row(4, 3)).is_some());
    }
}
