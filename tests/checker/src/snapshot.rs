//! Everything that was read, as plain values. Numbers that nobody writes are kept as they are: to say that they are
//! wrong is the rules' business.

use std::collections::BTreeMap;

/// All databases at a moment when nothing writes to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The coordinator's transactions by gid.
    pub transactions: BTreeMap<String, Transaction>,
    /// The fences by participant name, as the coordinator's configuration names them.
    pub fences: BTreeMap<String, Vec<FenceRow>>,
    /// The stock service's tables.
    pub stock: Stock,
    /// The points service's tables.
    pub points: Points,
    /// The order service's table.
    pub orders: Vec<Order>,
    /// What the database itself finds wrong with a file or table, with its name.
    pub damaged: Vec<String>,
}

/// One row of the coordinator's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// 1 trying, 2 confirming, 3 confirmed, 4 cancelling, 5 cancelled.
    pub state: i64,
    /// Names of its participants, as the row's column lists them.
    pub participants: Vec<String>,
    /// It has a time of decision.
    pub is_decided: bool,
    /// It has a time of its end.
    pub is_ended: bool,
    /// Its branches, or why the blobs can't be read.
    pub branches: Result<Vec<Branch>, String>,
}

/// A branch as the coordinator has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch {
    /// Unique within the gid.
    pub id: String,
    /// Whose it is.
    pub participant: String,
    /// Full gRPC name of the action's service.
    pub service: String,
    /// 1 try, 2 confirm, 3 cancel.
    pub verbs: Vec<u64>,
    /// The action's request, encoded.
    pub payload: Vec<u8>,
    /// 1 registered, 2 tried, 3 refused, 4 in doubt, 5 confirmed, 6 cancelled.
    pub state: u64,
    /// Recorded as done by hand.
    pub is_forced: bool,
}

/// One row of a participant's fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceRow {
    /// The transaction.
    pub gid: String,
    /// The branch.
    pub branch: String,
    /// Full gRPC name of the action's service.
    pub service: String,
    /// 1 tried, 2 confirmed, 3 cancelled, 4 ended by hand.
    pub state: i64,
}

/// The stock service's tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    /// The SKUs.
    pub skus: Vec<Sku>,
    /// Pieces delivered, by SKU.
    pub restocked: BTreeMap<String, i64>,
    /// Gid, branch and subject of each notice.
    pub notices: Vec<(String, String, String)>,
}

/// The stock of one SKU, in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sku {
    /// Its name.
    pub sku: String,
    /// Free.
    pub available: i64,
    /// Set aside by tries.
    pub reserved: i64,
    /// Held by confirmed branches.
    pub held: i64,
    /// Sold.
    pub sold: i64,
}

/// The points service's tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The ledger.
    pub ledger: Vec<LedgerEntry>,
}

/// One customer's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The customer.
    pub user: String,
    /// Free.
    pub available: i64,
    /// Set aside by tries.
    pub frozen: i64,
}

/// One movement of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The customer.
    pub user: String,
    /// The order as the caller named it; none for a seed.
    pub order: Option<String>,
    /// 1 seed, 2 freeze, 3 spend, 4 unfreeze.
    pub kind: i64,
    /// Tells entries of one order and kind apart.
    pub number: i64,
    /// Change of available.
    pub available: i64,
    /// Change of frozen.
    pub frozen: i64,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its public number.
    pub number: String,
    /// The submission's idempotency key.
    pub request: String,
    /// The transaction that wrote it.
    pub gid: String,
    /// The branch that wrote it.
    pub branch: String,
    /// The customer.
    pub user: String,
    /// What is bought.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// Points spent on it.
    pub points: i64,
    /// 1 pending, 2 created, 3 cancelled.
    pub state: i64,
}
