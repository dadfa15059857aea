//! What only MySQL and MariaDB are asked.

use crate::places::Service;

pub(super) const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
pub(super) const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
pub(super) const COMMIT: &str = "COMMIT";

/// Compares every index with its table.
pub(super) const fn integrity(service: Service) -> &'static str {
    match service {
        Service::Coordinator => "CHECK TABLE session, global_transaction, transaction_label, audit",
        Service::Order => "CHECK TABLE tercet_fence, orders",
        Service::Points => "CHECK TABLE tercet_fence, account, ledger",
        Service::Stock => "CHECK TABLE tercet_fence, sku, restock, notice",
    }
}
