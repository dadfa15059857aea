//! Dying at the worst moment: after the participant has committed a confirm, and before it answers.
//!
//! The trap sits around the actions, outside of the fence. Once armed, it lets the next confirm run to its commit and
//! then keeps the answer for ever; the demo, told of it, takes the whole service away.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tercet_participant::ActionCalls;
use tokio::sync::Notify;
use tonic::body::Body;
use tower::{Layer, Service};

/// Shared by the layer and the demo.
#[derive(Debug, Clone, Default)]
pub(super) struct Trap(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_armed: AtomicBool,
    sprung: Notify,
}

impl Trap {
    /// The next confirm is the last.
    pub(super) fn arm(&self) {
        self.0.is_armed.store(true, Ordering::SeqCst);
    }

    /// Waits until a confirm was committed and its answer kept.
    pub(super) async fn sprung(&self) {
        self.0.sprung.notified().await;
    }
}

impl Layer<ActionCalls> for Trap {
    type Service = Trapped;

    fn layer(&self, inner: ActionCalls) -> Trapped {
        Trapped {
            inner,
            trap: self.clone(),
        }
    }
}

/// An action with the trap around it.
#[derive(Clone)]
pub(super) struct Trapped {
    inner: ActionCalls,
    trap: Trap,
}

impl Service<http::Request<Body>> for Trapped {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let is_confirm = request.uri().path().ends_with("/Confirm");
        let trap = self.trap.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            // The SDK answers after its commit and never before: with the answer in hand, the work is durable.
            let answer = answer.await;
            if is_confirm && trap.0.is_armed.swap(false, Ordering::SeqCst) {
                trap.0.sprung.notify_one();
                return std::future::pending().await;
            }
            answer
        })
    }
}
