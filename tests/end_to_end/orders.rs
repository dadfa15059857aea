//! Orders across three services: confirmed, refused, and what is left behind.

use tercet_proto::shop::order::v1::{
    ListOrdersRequest, OrderState, PlaceOrderRequest, QueueOrderRequest, WaitForTicketRequest,
};
use tercet_proto::tercet::v1::{
    BranchState, GetTransactionRequest, ListTransactionsRequest, TransactionState,
    WatchTransactionRequest,
};

use crate::harness::shop::Shop;
use crate::harness::until;

fn order(request_id: &str, quantity: i64, points: i64) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: request_id.into(),
        user_id: "ann".into(),
        sku: "tea".into(),
        quantity,
        points_to_spend: points,
        ..PlaceOrderRequest::default()
    }
}

/// Waits until the transaction has ended, and gives its state.
pub(crate) async fn ended(shop: &Shop, gid: &str) -> TransactionState {
    let mut watch = shop
        .transactions()
        .watch_transaction(WatchTransactionRequest { gid: gid.into() })
        .await
        .unwrap()
        .into_inner();
    let mut state = TransactionState::Unspecified;
    while let Some(seen) = watch.message().await.unwrap() {
        state = seen.transaction.unwrap().state();
    }
    state
}

#[tokio::test]
async fn an_order_takes_stock_and_points_and_every_sum_is_right() {
    let shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;

    let placed = shop.place(order("r-1", 2, 30)).await.unwrap();

    let placed = placed.order.unwrap();
    assert_eq!(ended(&shop, &placed.gid).await, TransactionState::Confirmed);
    let sku = shop.sku("tea").await;
    assert_eq!(
        (sku.available, sku.reserved, sku.held + sku.sold),
        (8, 0, 2)
    );
    let account = shop.account("ann").await;
    assert_eq!((account.available, account.frozen), (70, 0));
    let request = GetTransactionRequest {
        gid: placed.gid.clone(),
    };
    let transaction = shop
        .transactions()
        .get_transaction(request)
        .await
        .unwrap()
        .into_inner()
        .transaction
        .unwrap();
    assert!(
        transaction
            .branches
            .iter()
            .all(|branch| branch.state() == BranchState::Confirmed)
    );
    assert_eq!(
        transaction.attempts.len(),
        6,
        "a try and a confirm for each branch"
    );
    assert!(transaction.decided_at.is_some() && transaction.ended_at.is_some());
}

#[tokio::test]
async fn a_refused_order_gives_everything_back_and_says_why() {
    let shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;

    let no_stock = shop.place(order("r-1", 11, 30)).await.unwrap();
    let no_points = shop.place(order("r-2", 2, 101)).await.unwrap();

    for (placed, participant) in [(no_stock, "stock"), (no_points, "points")] {
        let gid = placed.order.as_ref().unwrap().gid.clone();
        assert_eq!(ended(&shop, &gid).await, TransactionState::Cancelled);
        let refusal = placed.refusal.unwrap();
        assert_eq!(refusal.participant, participant);
        assert!(!refusal.reason.is_empty());
        assert_eq!(placed.order.unwrap().state(), OrderState::Cancelled);
    }
    let sku = shop.sku("tea").await;
    assert_eq!(
        (sku.available, sku.reserved, sku.held + sku.sold),
        (10, 0, 0)
    );
    let account = shop.account("ann").await;
    assert_eq!((account.available, account.frozen), (100, 0));
}

#[tokio::test]
async fn transactions_are_listed_newest_first_in_pages() {
    let shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;
    let mut gids = Vec::new();
    for number in 0..5 {
        let placed = shop
            .place(order(&format!("r-{number}"), 1, 1))
            .await
            .unwrap();
        let gid = placed.order.unwrap().gid;
        ended(&shop, &gid).await;
        gids.push(gid);
    }
    gids.reverse();

    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTransactionsRequest {
            states: vec![TransactionState::Confirmed.into()],
            page_size: 2,
            page_token,
            ..ListTransactionsRequest::default()
        };
        let page = shop
            .admin()
            .list_transactions(request)
            .await
            .unwrap()
            .into_inner();
        assert!(page.transactions.len() <= 2);
        assert!(
            page.transactions
                .iter()
                .all(|transaction| transaction.attempts.is_empty())
        );
        listed.extend(
            page.transactions
                .into_iter()
                .map(|transaction| transaction.gid),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, gids);
}

#[tokio::test]
async fn a_participant_that_comes_back_late_is_confirmed_without_a_person() {
    let mut shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;
    shop.points.take().unwrap().kill().await;

    let placing = shop.place(order("r-1", 1, 10));
    let (placed, points) = tokio::join!(placing, shop.server("points"));

    shop.points = Some(points);
    let gid = placed.unwrap().order.unwrap().gid;
    let state = ended(&shop, &gid).await;
    let account = until("the points to be settled", || async {
        let account = shop.account("ann").await;
        (account.frozen == 0).then_some(account)
    })
    .await;
    let spent = if state == TransactionState::Confirmed {
        10
    } else {
        0
    };
    assert_eq!(account.available, 100 - spent, "all or nothing");
}

#[tokio::test]
async fn a_queued_order_that_nobody_refused_is_placed_again() {
    let mut shop = Shop::start().await;
    shop.seed("tea", 10, "ann", 100).await;
    shop.points.take().unwrap().kill().await;
    let request = QueueOrderRequest {
        order: Some(order("r-1", 1, 10)),
    };
    let queued = shop.orders().queue_order(request).await.unwrap();
    until("the first round to be given up", || async {
        let request = GetTransactionRequest {
            gid: "order-r-1".into(),
        };
        let answer = shop.transactions().get_transaction(request).await.ok()?;
        let state = answer.into_inner().transaction.unwrap().state();
        matches!(
            state,
            TransactionState::Cancelling | TransactionState::Cancelled
        )
        .then_some(())
    })
    .await;

    shop.points = Some(shop.server("points").await);

    let ticket = queued.into_inner().ticket;
    let waited = shop
        .orders()
        .wait_for_ticket(WaitForTicketRequest { ticket })
        .await
        .unwrap();
    let placed = waited.into_inner().placed.unwrap();
    assert_eq!(placed.refusal, None);
    let gid = placed.order.unwrap().gid;
    assert_ne!(gid, "order-r-1");
    assert_eq!(ended(&shop, &gid).await, TransactionState::Confirmed);
    let mut api = shop.orders();
    let listed = api.list_orders(ListOrdersRequest::default()).await;
    let orders = listed.unwrap().into_inner().orders;
    assert_eq!(orders.len(), 1, "one order a submission: {orders:?}");
    assert_eq!(
        (orders[0].gid.as_str(), orders[0].state()),
        (gid.as_str(), OrderState::Created)
    );
    let (sku, account) = (shop.sku("tea").await, shop.account("ann").await);
    assert_eq!((sku.available, sku.reserved, sku.held), (9, 0, 1));
    assert_eq!((account.available, account.frozen), (90, 0));
}
