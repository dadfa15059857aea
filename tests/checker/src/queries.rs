//! The checker's SQL for every database: plain reads, nothing computed that a rule should compute.

pub(crate) const TRANSACTIONS: &str = "SELECT gid, state, participants, decided_at IS NOT NULL AS is_decided, \
     ended_at IS NOT NULL AS is_ended, definition, progress FROM global_transaction";

pub(crate) const FENCE: &str = "SELECT gid, branch, service, state FROM tercet_fence";

pub(crate) const SKUS: &str = "SELECT sku, available, reserved, held, sold FROM sku";

pub(crate) const RESTOCKED: &str = "SELECT sku, quantity FROM restock";

pub(crate) const NOTICES: &str = "SELECT gid, branch, subject FROM notice";

pub(crate) const ACCOUNTS: &str = "SELECT user_id, available, frozen FROM account";

pub(crate) const LEDGER: &str =
    "SELECT user_id, order_ref, kind, number, available_delta, frozen_delta FROM ledger";

pub(crate) const ORDERS: &str =
    "SELECT order_no, request_id, gid, branch, user_id, sku, quantity, points, state FROM orders";
