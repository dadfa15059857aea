//! The participant SDK: what a service needs to take part in global transactions.
//!
//! A participant implements [`Action`] for each of its business operations and hands them to a
//! [`Participant`], which serves them. In between stand, in the order a call meets them:
//!
//! 1. [`BranchContextLayer`]: the call's metadata, parsed once, or INVALID_ARGUMENT;
//! 2. the gRPC service of one action, whatever its messages (`action_server.rs`);
//! 3. [`Fence`]: repeats, reorderings and latecomers, decided by the pure [`verdict`];
//! 4. the action's own `on_try`, `on_confirm`, `on_cancel`, on the connection of the fence's SQL transaction; or
//!    a [`HotAction`]'s `plan`, together with other calls on the same row.
//!
//! Beside the calls run the [`Resolver`], which asks the coordinator about branches that wait too long for
//! phase two, and the [`Cleaner`], which deletes fence rows that nobody can need any more.
//!
//! Must never: answer before the commit; call anybody while an SQL transaction is open; give up a tried branch
//! by itself.
//!
//! Where next: `examples/gift_card.rs` is a whole participant; `fence/verdict.rs` has the contract's table.

mod action;
mod action_server;
mod check;
mod cleaner;
mod clock;
mod codec;
mod context;
mod coordinator;
mod error;
mod fence;
mod fence_service;
mod held;
mod hot;
pub mod metrics;
pub mod mysql;
pub mod outbox;
mod participant;
mod resolver;
mod schema;
pub mod serve;
mod served;
pub mod sqlite;
#[cfg(test)]
mod testing;

pub use action::{Action, Connection};
pub use check::{is_id, page_size};
pub use cleaner::Cleaner;
pub use clock::{micros, now_micros, timestamp};
pub use context::{
    ATTEMPT, BRANCH, BranchContext, BranchContextLayer, BranchContextService, BranchKey,
    ContextError, GID, PHASE, TRACEPARENT, TRY_DEADLINE,
};
pub use coordinator::{Coordinator, GrpcCoordinator, Resolution, ResolveError};
pub use error::{ActionError, Refusal, RefusalKind, error_status};
pub use fence::{
    Due, Fence, FenceDb, FenceOptions, FenceRefusal, FenceRow, FenceState, FenceVerdict,
    ListFilter, NewRow, Phase, Position, Stop, Timeliness, Verbs, verdict,
};
pub use fence_service::FenceReader;
pub use hot::{HotAction, HotCounts, HotOptions, HotRows, HotTable, LastSeen};
pub use participant::{ActionCalls, CallLayer, Participant};
pub use resolver::{Resolver, ResolverOptions, Round};
pub use sqlite::schema;

/// The domain of every `google.rpc.ErrorInfo` that isn't the business's own.
pub const DOMAIN: &str = "tercet";
