//! What a participant writes: an [`Action`], one business operation with its verbs.
//!
//! The verbs get the connection of the SQL transaction that already holds the fence row, and do their business
//! change on it. They never begin, commit or roll back; they never call anybody else, since an open SQL
//! transaction would wait for the answer. When a verb answers an error, everything it did is rolled back.

use std::future::Future;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;

use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{FenceDb, Phase, Verbs};

/// The connection of the SQL transaction an action's verb runs in.
pub type Connection<A> = <<A as Action>::Db as sqlx::Database>::Connection;

/// One business operation: a gRPC service with the verbs of [`Action::VERBS`], all taking the same request.
///
/// Implement the verbs that [`Action::VERBS`] names; the others keep their default, which does nothing and is
/// never called from outside. `examples/gift_card.rs` is a whole participant.
pub trait Action: Send + Sync + 'static {
    /// The database the business tables are in; the fence is there too.
    type Db: FenceDb;
    /// The request message of all verbs.
    type Request: Message + Default + 'static;
    /// The reply of try. Confirm and cancel answer an empty message, which the coordinator doesn't read.
    type Reply: Message + Default + 'static;

    /// Full name of the gRPC service, e.g. `shop.stock.v1.ReserveStockService`.
    const SERVICE: &'static str;
    /// Which verbs there are.
    const VERBS: Verbs = Verbs::TryConfirmCancel;

    /// Reserves. An `Err(ActionError::Refused)` is the business "no"; the branch leaves no trace then.
    fn on_try(
        &self,
        connection: &mut Connection<Self>,
        context: &BranchContext,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Reply, ActionError>> + Send
    where
        Self: Sized,
    {
        let _ = (connection, context, request);
        async { Ok(Self::Reply::default()) }
    }

    /// Uses what try reserved. `request` is the one that was tried. Must not refuse.
    fn on_confirm(
        &self,
        connection: &mut Connection<Self>,
        context: &BranchContext,
        request: Self::Request,
    ) -> impl Future<Output = Result<(), ActionError>> + Send
    where
        Self: Sized,
    {
        let _ = (connection, context, request);
        async { Ok(()) }
    }

    /// Gives back what try reserved. `request` is the one that was tried. Must not refuse.
    fn on_cancel(
        &self,
        connection: &mut Connection<Self>,
        context: &BranchContext,
        request: Self::Request,
    ) -> impl Future<Output = Result<(), ActionError>> + Send
    where
        Self: Sized,
    {
        let _ = (connection, context, request);
        async { Ok(()) }
    }
}

/// An [`Action`] whose messages are bytes, so that actions of different kinds fit in one table.
pub(crate) trait DynAction<D: FenceDb>: Send + Sync + 'static {
    fn service(&self) -> &'static str;
    fn verbs(&self) -> Verbs;
    /// Whether the bytes are a request of this action.
    fn check(&self, request: &[u8]) -> Result<(), ActionError>;
    /// Runs the verb of the context's phase; the reply is empty for confirm and cancel.
    fn run<'a>(
        &'a self,
        connection: &'a mut D::Connection,
        context: &'a BranchContext,
        request: &'a [u8],
    ) -> BoxFuture<'a, Result<Bytes, ActionError>>;
}

impl<A: Action> DynAction<A::Db> for A {
    fn service(&self) -> &'static str {
        A::SERVICE
    }

    fn verbs(&self) -> Verbs {
        A::VERBS
    }

    fn check(&self, request: &[u8]) -> Result<(), ActionError> {
        A::Request::decode(request)?;
        Ok(())
    }

    fn run<'a>(
        &'a self,
        connection: &'a mut <A::Db as sqlx::Database>::Connection,
        context: &'a BranchContext,
        request: &'a [u8],
    ) -> BoxFuture<'a, Result<Bytes, ActionError>> {
        async move {
            let request = A::Request::decode(request)?;
            match context.phase {
                Phase::Try => {
                    let reply = self.on_try(connection, context, request).await?;
                    Ok(reply.encode_to_vec().into())
                }
                Phase::Confirm => {
                    self.on_confirm(connection, context, request).await?;
                    Ok(Bytes::new())
                }
                Phase::Cancel => {
                    self.on_cancel(connection, context, request).await?;
                    Ok(Bytes::new())
                }
            }
        }
        .boxed()
    }
}
