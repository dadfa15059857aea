//! The open transactions of this coordinator: one task each, found by gid.
//!
//! ```text
//! Transactions       begin, join, command, find: what the rpcs call; they only ever wait here
//!   Registry         gid -> the task's inbox
//!   Task             drives one tercet_core::Run: effects out (log, calls, timers), inputs in
//!   Waiter           a question that is answered once the durable state allows it
//! ```
//!
//! Durable steps never die with a client's connection: an rpc that is dropped drops its question and nothing
//! else. A gid has at most one task here; whoever comes second joins it. A task ends when its transaction has,
//! durably; from then on the log answers.

mod admission;
mod begin;
mod gauges;
mod message;
mod recovery;
mod registration;
mod registry;
mod restored;
mod shared;
mod stage;
mod standing;
mod stored;
mod task;
mod waiters;

pub(crate) use admission::{Admission, UndecidedSlot};
pub(crate) use begin::Begin;
pub(crate) use gauges::Gauges;
pub(crate) use message::{Ask, Handle, Watched};
pub(crate) use registry::Registry;
pub(crate) use shared::{Shared, Transactions};
pub(crate) use stage::{Stage, StageCell};
pub(crate) use waiters::Wait;
