//! The transaction log: where decisions become durable.
//!
//! A log holds one row for each transaction. Every append is conditional on the version of the row that it changes and
//! on the session that owns it, so no two processes ever write one transaction. Many appends become durable together
//! (group commit), and each still has its own [`Verdict`].
//!
//! What must never happen here: an answer before the commit; an append whose outcome is unknown being taken for
//! written or for failed; a length that SQL sees first; a queue without a bound.
//!
//! Where to go next:
//!
//! - [`open()`] and [`migrate`]: from a url to a store.
//! - [`Log`]: the handle that the coordinator appends and reads through.
//! - [`Entry`] and [`Row`]: what is appended; `codec` turns transactions into rows and back.
//! - [`TransactionLog`]: what a store must be able to do; [`MemoryStore`] and [`sqlite::SqliteStore`] are two.
//! - [`SharedLog`]: what it must be able to do besides where several coordinators share it.
//! - [`faults::FaultyStore`]: a store that fails as it is told, for tests and simulations.

mod cluster;
mod codec;
mod entry;
pub mod faults;
mod group;
mod kinds;
mod memory;
pub mod mysql;
mod open;
mod pages;
mod pause;
pub mod sqlite;
mod store;
mod verdict;

pub use cluster::{Adopted, Beat, Beaten, Fencing, Owner, SessionState, SharedLog};
pub use codec::DecodeError;
pub use entry::{
    AUDIT_STATE_BYTES_MAX, AUDIT_TEXT_BYTES_MAX, AuditRecord, BLOB_BYTES_MAX, Entry,
    LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, PARTICIPANTS_BYTES_MAX, Row, Write,
};
pub use group::{BatchObserver, BatchReport, Failure, Log, LogMetrics, LogOptions};
pub use memory::{MemoryDisk, MemoryStore};
pub use open::{DatabaseUrl, OpenError, SchemaState, StoreOptions, UrlError, migrate, open};
pub use pause::Pause;
pub use store::{
    AuditFilter, BATCH_ENTRIES_MAX, Counts, Filter, GIDS_MAX, Lane, OpenPage, Page, PageToken,
    PageTokenError, TransactionLog,
};
pub use tercet_core::Urgency;
pub use verdict::{BatchError, Damaged, LogError, Session, SessionId, Stored, Verdict};
