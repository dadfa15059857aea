//! What an author writes for a hot row: [`HotTable`], the row, and [`HotAction`], what a call does to it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;

use super::rows::HotRows;
use crate::context::BranchContext;
use crate::error::{ActionError, Refusal};
use crate::fence::{Fence, FenceDb, Phase, Verbs};
use crate::served::Served;

/// The connection of the SQL transaction that a hot table's statements run in.
type Connection<T> = <<T as HotTable>::Db as sqlx::Database>::Connection;

/// A business table whose rows many calls want at once. The three statements run in one SQL transaction together with
/// the fence rows; none of them begins, commits or rolls back.
pub trait HotTable: Send + Sync + 'static {
    /// The database the table is in; the fence is there too.
    type Db: FenceDb;
    /// What the actions look at and change in memory. It is copied a few times for each batch.
    type Row: Clone + PartialEq + Send + Sync + 'static;

    /// The row's version, which every change raises. It tells which of two copies in memory is newer.
    fn version(row: &Self::Row) -> i64;

    /// Takes the row's lock by one statement that changes it without effect, such as
    /// `update sku set version = version where sku = ?`; false when there is no such row.
    fn lock(
        connection: &mut Connection<Self>,
        key: &str,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Reads the row that was just locked.
    fn read(
        connection: &mut Connection<Self>,
        key: &str,
    ) -> impl Future<Output = sqlx::Result<Option<Self::Row>>> + Send;

    /// The same with those parts of the row that the batch's calls name ([`HotAction::part`]), each once, ascending: for
    /// a row that has others below it, of which a batch needs only a few. A part that isn't there is no error.
    fn read_parts(
        connection: &mut Connection<Self>,
        key: &str,
        parts: &[String],
    ) -> impl Future<Output = sqlx::Result<Option<Self::Row>>> + Send {
        let _ = parts;
        Self::read(connection, key)
    }

    /// One update from `before` to `after` that raises the version; false when the row isn't as it was `before`, which
    /// makes everything run again.
    fn write(
        connection: &mut Connection<Self>,
        key: &str,
        before: &Self::Row,
        after: &Self::Row,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;
}

/// One business operation on one row of a [`HotTable`], decided in memory: a gRPC service with the verbs of
/// [`HotAction::VERBS`], all taking the same request.
pub trait HotAction: Send + Sync + 'static {
    /// The table of its rows. Actions of the same table share batches.
    type Table: HotTable;
    /// The request message of all verbs.
    type Request: Message + Default + 'static;
    /// The reply of try. Confirm and cancel answer an empty message, whatever this returns then.
    type Reply: Message + Default + 'static;

    /// Full name of the gRPC service, e.g. `shop.stock.v1.ReserveStockService`.
    const SERVICE: &'static str;
    /// Which verbs there are.
    const VERBS: Verbs = Verbs::TryConfirmCancel;

    /// Which row the request is about.
    fn key<'a>(&self, request: &'a Self::Request) -> &'a str;

    /// Refuses a try that no row could serve, such as one of a quantity of 0. Asked before the row is looked at.
    fn check(&self, request: &Self::Request) -> Result<(), Refusal> {
        let _ = request;
        Ok(())
    }

    /// Which part of the row this phase needs besides, e.g. what one order has of a SKU; [`HotTable::read_parts`] reads it.
    fn part<'a>(&self, phase: Phase, request: &'a Self::Request) -> Option<&'a str> {
        let _ = (phase, request);
        None
    }

    /// The refusal of a try whose row isn't there.
    fn missing(&self, request: &Self::Request) -> Refusal;

    /// Does to `row` what the verb of the context's phase does. Nothing but memory, and the same each time: it may be run
    /// again. After an error the row is as it was. Try may refuse; confirm and cancel must not, and see the request that was tried.
    fn plan(
        &self,
        row: &mut <Self::Table as HotTable>::Row,
        context: &BranchContext,
        request: &Self::Request,
    ) -> Result<Self::Reply, ActionError>;

    /// Whether a try is hopeless on `row`: the refusal that [`HotAction::plan`] would come to. Asked before it, and also of
    /// a copy of the row that was right within the last half second: then the try is refused without taking the row's
    /// lock, unless the fence knows its branch already. `None`: let it try.
    fn hopeless(
        &self,
        row: &<Self::Table as HotTable>::Row,
        request: &Self::Request,
    ) -> Option<Refusal> {
        let _ = (row, request);
        None
    }
}

/// A [`HotAction`] whose messages are bytes, so that actions of different kinds meet in one batch.
pub(crate) trait Planner<T: HotTable>: Send + Sync + 'static {
    fn service(&self) -> &'static str;
    fn verbs(&self) -> Verbs;
    /// Whether the bytes are a request of this action, and which row they are about.
    fn key(&self, request: &[u8]) -> Result<String, ActionError>;
    /// Which part of the row the phase needs; none of bytes that aren't a request.
    fn part(&self, phase: Phase, request: &[u8]) -> Option<String>;
    /// Refuses a try that no row could serve.
    fn check(&self, request: &[u8]) -> Result<(), ActionError>;
    /// Runs the verb on the row; the reply is empty for confirm and cancel.
    fn plan(
        &self,
        row: Option<&mut T::Row>,
        context: &BranchContext,
        request: &[u8],
    ) -> Result<Bytes, ActionError>;
    fn hopeless(&self, row: &T::Row, request: &[u8]) -> Option<Refusal>;
}

impl<A: HotAction> Planner<A::Table> for A {
    fn service(&self) -> &'static str {
        A::SERVICE
    }

    fn verbs(&self) -> Verbs {
        A::VERBS
    }

    fn key(&self, request: &[u8]) -> Result<String, ActionError> {
        let request = A::Request::decode(request)?;
        Ok(HotAction::key(self, &request).to_owned())
    }

    fn part(&self, phase: Phase, request: &[u8]) -> Option<String> {
        let request = A::Request::decode(request).ok()?;
        HotAction::part(self, phase, &request).map(str::to_owned)
    }

    fn check(&self, request: &[u8]) -> Result<(), ActionError> {
        let request = A::Request::decode(request)?;
        Ok(HotAction::check(self, &request)?)
    }

    fn plan(
        &self,
        row: Option<&mut <A::Table as HotTable>::Row>,
        context: &BranchContext,
        request: &[u8],
    ) -> Result<Bytes, ActionError> {
        let request = A::Request::decode(request)?;
        let Some(row) = row else {
            return Err(match context.phase {
                Phase::Try => self.missing(&request).into(),
                // Its try found one: somebody deleted it by hand, and a person must look.
                Phase::Confirm | Phase::Cancel => ActionError::Internal(format!(
                    "the row {} of a tried branch is gone",
                    HotAction::key(self, &request)
                )),
            });
        };
        let reply = HotAction::plan(self, row, context, &request)?;
        Ok(match context.phase {
            Phase::Try => reply.encode_to_vec().into(),
            Phase::Confirm | Phase::Cancel => Bytes::new(),
        })
    }

    fn hopeless(&self, row: &<A::Table as HotTable>::Row, request: &[u8]) -> Option<Refusal> {
        let request = A::Request::decode(request).ok()?;
        HotAction::hopeless(self, row, &request)
    }
}

/// A hot action as it is served: its calls go to the queue of their row.
pub(crate) struct HotCalls<T: HotTable> {
    pub(crate) fence: Fence<T::Db>,
    pub(crate) rows: HotRows<T>,
    pub(crate) planner: Arc<dyn Planner<T>>,
}

impl<T: HotTable> Served for HotCalls<T> {
    fn service(&self) -> &'static str {
        self.planner.service()
    }

    fn verbs(&self) -> Verbs {
        self.planner.verbs()
    }

    fn call(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>> {
        self.rows
            .call(&self.fence, &self.planner, context, request)
            .boxed()
    }

    fn settle(
        &self,
        context: BranchContext,
        request: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ActionError>> {
        self.call(context, request)
    }
}
