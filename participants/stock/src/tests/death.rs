//! Deaths and drains: what was committed stays, what wasn't is gone, and the file opens again.

use std::sync::Arc;
use std::task::{Context, Poll};

use tercet_participant::{CallLayer, Phase};
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::shop::stock::v1::reserve_stock_service_client::ReserveStockServiceClient;
use tercet_service::Drain;
use tokio::sync::Notify;
use tonic::transport::Channel;

use super::{Home, Shop, call, config, reason};

#[tokio::test]
async fn what_was_tried_survives_a_death_and_is_confirmed_once_afterwards() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    shop.reserve(Phase::Try, "a", "tea", 4).await.unwrap();

    let shop = shop.killed_and_restarted().await;
    shop.reserve(Phase::Confirm, "a", "tea", 4).await.unwrap();
    let shop = shop.killed_and_restarted().await;
    shop.reserve(Phase::Confirm, "a", "tea", 4).await.unwrap();

    assert_eq!(shop.stock("tea").await, [6, 0, 4, 0]);
    let late = shop
        .reserve(Phase::Cancel, "a", "tea", 4)
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "ALREADY_CONFIRMED");
}

#[tokio::test]
async fn a_drained_service_lets_its_file_go() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 1).await;
    shop.running.drain();
    shop.running.wait().await.unwrap();
    let shop = Shop::at(shop.home).await;
    assert_eq!(shop.stock("tea").await, [1, 0, 0, 0]);
}

/// Lets each confirm be carried out, says so, and never answers: what a caller sees when the participant dies just
/// after its commit.
#[derive(Clone)]
struct DieAfterConfirm(Arc<Notify>);

impl<S> tower::Layer<S> for DieAfterConfirm {
    type Service = Mute<S>;

    fn layer(&self, inner: S) -> Mute<S> {
        Mute {
            inner,
            confirmed: Arc::clone(&self.0),
        }
    }
}

#[derive(Clone)]
struct Mute<S> {
    inner: S,
    confirmed: Arc<Notify>,
}

impl<S, B> tower::Service<http::Request<B>> for Mute<S>
where
    S: tower::Service<http::Request<B>>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let is_confirm = request.uri().path().ends_with("/Confirm");
        let answer = self.inner.call(request);
        let confirmed = Arc::clone(&self.confirmed);
        Box::pin(async move {
            let answer = answer.await;
            if is_confirm {
                confirmed.notify_one();
                return std::future::pending().await;
            }
            answer
        })
    }
}

#[tokio::test]
async fn a_death_between_commit_and_answer_confirms_once() {
    let Some(home) = Home::new().await else {
        return;
    };
    let confirmed = Arc::new(Notify::new());
    let layer = CallLayer::new(DieAfterConfirm(Arc::clone(&confirmed)));
    let running = crate::serve_with(&config(&home), Drain::new(), layer)
        .await
        .unwrap();
    let channel = Channel::from_shared(running.addresses().grpc_url())
        .unwrap()
        .connect_lazy();
    let shop = Shop {
        home,
        running,
        channel,
    };
    shop.seed("tea", 10).await;
    shop.reserve(Phase::Try, "a", "tea", 4).await.unwrap();

    let Shop {
        home,
        running,
        channel,
    } = shop;
    let mut client = ReserveStockServiceClient::new(channel);
    let message = ReserveStockRequest {
        sku: "tea".to_owned(),
        quantity: 4,
        ..Default::default()
    };
    let unanswered =
        tokio::spawn(async move { client.confirm(call(Phase::Confirm, "a", message)).await });
    confirmed.notified().await;
    running.abort().await;
    assert!(unanswered.await.unwrap().is_err());

    let shop = Shop::at(home).await;
    assert_eq!(shop.stock("tea").await, [6, 0, 4, 0]);
    shop.reserve(Phase::Confirm, "a", "tea", 4).await.unwrap();
    assert_eq!(shop.stock("tea").await, [6, 0, 4, 0]);
}
