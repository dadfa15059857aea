//! The stored protobuf messages that the rules need: a transaction's definition and progress, and the shop's
//! requests. Read byte by byte, by the numbers that `storage.proto` and the shop's protos give the fields.

use crate::snapshot::Branch;
use crate::wire::{Value, WireError, fields, packed};

/// A transaction's branches, from `tercet.storage.v1.Definition` and `Progress`.
///
/// # Errors
///
/// One of the blobs isn't such a message, or they speak of different numbers of branches.
pub fn branches(definition: &[u8], progress: &[u8]) -> Result<Vec<Branch>, WireError> {
    let mut branches = Vec::new();
    for (number, value) in fields(definition)? {
        if let (3, Value::Bytes(bytes)) = (number, value) {
            branches.push(defined(bytes)?);
        }
    }
    let mut reached = Vec::new();
    for (number, value) in fields(progress)? {
        if let (5, Value::Bytes(bytes)) = (number, value) {
            reached.push(progressed(bytes)?);
        }
    }
    if reached.len() != branches.len() {
        return Err(WireError(
            "definition and progress have different numbers of branches",
        ));
    }
    for (branch, (state, is_forced)) in branches.iter_mut().zip(reached) {
        branch.state = state;
        branch.is_forced = is_forced;
    }
    Ok(branches)
}

fn defined(bytes: &[u8]) -> Result<Branch, WireError> {
    let mut branch = Branch::default();
    for field in fields(bytes)? {
        match field {
            (1, Value::Bytes(id)) => branch.id = text(id)?,
            (2, Value::Bytes(participant)) => branch.participant = text(participant)?,
            (4, Value::Bytes(service)) => branch.service = text(service)?,
            (5, Value::Bytes(verbs)) => branch.verbs.extend(packed(verbs)?),
            (5, Value::Number(verb)) => branch.verbs.push(verb),
            (6, Value::Bytes(payload)) => branch.payload = payload.to_vec(),
            _ => {}
        }
    }
    Ok(branch)
}

fn progressed(bytes: &[u8]) -> Result<(u64, bool), WireError> {
    let mut progress = (0, false);
    for field in fields(bytes)? {
        match field {
            (1, Value::Number(state)) => progress.0 = state,
            (2, Value::Number(forced)) => progress.1 = forced != 0,
            _ => {}
        }
    }
    Ok(progress)
}

/// `shop.stock.v1.ReserveStockRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservation {
    /// What is reserved.
    pub sku: String,
    /// How many.
    pub quantity: i64,
}

/// `shop.points.v1.SpendPointsRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// Whose points.
    pub user: String,
    /// How many.
    pub points: i64,
    /// The order as the caller names it.
    pub order: String,
}

/// `shop.order.v1.CreateOrderRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submission {
    /// The idempotency key.
    pub request: String,
    /// The customer.
    pub user: String,
    /// What is bought.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// Points spent on it.
    pub points: i64,
}

/// Reads a reservation.
///
/// # Errors
///
/// It isn't one.
pub fn reservation(payload: &[u8]) -> Result<Reservation, WireError> {
    let mut read = Reservation::default();
    for field in fields(payload)? {
        match field {
            (1, Value::Bytes(sku)) => read.sku = text(sku)?,
            (2, Value::Number(quantity)) => read.quantity = quantity.cast_signed(),
            _ => {}
        }
    }
    Ok(read)
}

/// Reads a spending of points.
///
/// # Errors
///
/// It isn't one.
pub fn spending(payload: &[u8]) -> Result<Spending, WireError> {
    let mut read = Spending::default();
    for field in fields(payload)? {
        match field {
            (1, Value::Bytes(user)) => read.user = text(user)?,
            (2, Value::Number(points)) => read.points = points.cast_signed(),
            (3, Value::Bytes(order)) => read.order = text(order)?,
            _ => {}
        }
    }
    Ok(read)
}

/// Reads an order's submission.
///
/// # Errors
///
/// It isn't one.
pub fn submission(payload: &[u8]) -> Result<Submission, WireError> {
    let mut read = Submission::default();
    for field in fields(payload)? {
        match field {
            (1, Value::Bytes(request)) => read.request = text(request)?,
            (2, Value::Bytes(user)) => read.user = text(user)?,
            (3, Value::Bytes(sku)) => read.sku = text(sku)?,
            (4, Value::Number(quantity)) => read.quantity = quantity.cast_signed(),
            (5, Value::Number(points)) => read.points = points.cast_signed(),
            _ => {}
        }
    }
    Ok(read)
}

/// The subject of a `shop.stock.v1.NotifyRequest`.
///
/// # Errors
///
/// It isn't one.
pub fn subject(payload: &[u8]) -> Result<String, WireError> {
    let mut subject = String::new();
    for field in fields(payload)? {
        if let (1, Value::Bytes(bytes)) = field {
            subject = text(bytes)?;
        }
    }
    Ok(subject)
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| WireError("a text that isn't UTF-8"))
}
