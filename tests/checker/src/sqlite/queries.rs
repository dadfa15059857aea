//! The checker's SQL for SQLite: plain reads, nothing computed that a rule should compute.

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";

pub(super) const INTEGRITY: &str = "PRAGMA integrity_check";

pub(super) const TRANSACTIONS: &str = "SELECT gid, state, participants, decided_at IS NOT NULL AS is_decided, \
     ended_at IS NOT NULL AS is_ended, definition, progress FROM global_transaction";

pub(super) const FENCE: &str = "SELECT gid, branch, service, state FROM tercet_fence";

pub(super) const SKUS: &str = "SELECT sku, available, reserved, held, sold FROM sku";

pub(super) const RESTOCKED: &str = "SELECT sku, quantity FROM restock";

pub(super) const NOTICES: &str = "SELECT gid, branch, subject FROM notice";

pub(super) const ACCOUNTS: &str = "SELECT user_id, available, frozen FROM account";

pub(super) const LEDGER: &str =
    "SELECT user_id, order_ref, kind, number, available_delta, frozen_delta FROM ledger";

pub(super) const ORDERS: &str =
    "SELECT order_no, request_id, gid, branch, user_id, sku, quantity, points, state FROM orders";
