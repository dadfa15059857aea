//! An action as it is served: whatever kind it is, calls and the resolver's decisions go in, answers come out.
//!
//! An ordinary [`crate::Action`] runs in an SQL transaction of its own; a [`crate::HotAction`] shares one with others.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::action::DynAction;
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{Fence, FenceDb, Verbs};

/// Serves the calls of one action, behind the fence.
pub(crate) trait Served: Send + Sync + 'static {
    /// Full name of its gRPC service.
    fn service(&self) -> &'static str;
    /// Which verbs it has.
    fn verbs(&self) -> Verbs;
    /// Serves one call from outside. A caller that goes away breaks off nothing.
    fn call(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>>;
    /// Does what the coordinator said about a branch in doubt.
    fn settle(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>>;
}

/// An ordinary action behind its fence.
pub(crate) struct PlainCalls<D: FenceDb> {
    pub(crate) fence: Fence<D>,
    pub(crate) action: Arc<dyn DynAction<D>>,
}

impl<D: FenceDb> Served for PlainCalls<D> {
    fn service(&self) -> &'static str {
        self.action.service()
    }

    fn verbs(&self) -> Verbs {
        self.action.verbs()
    }

    fn call(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>> {
        self.fence
            .call(Arc::clone(&self.action), context, request)
            .boxed()
    }

    fn settle(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>> {
        async move {
            self.fence
                .run(self.action.as_ref(), &context, &request)
                .await
        }
        .boxed()
    }
}
