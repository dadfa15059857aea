//! What a notice says, read once; and how many forged ones are kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tercet_participant::is_id;
use tokio::time::Instant;

use crate::words::{ID_LENGTH_MAX, Outcome};

/// Longest body.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;
/// Forged notices that are kept in the table a minute; more are only logged, so that nobody can fill the disk.
const FORGED_A_MINUTE: u32 = 600;

#[derive(Debug, Deserialize)]
struct Body {
    payment_no: String,
    order_no: String,
    amount_cents: i64,
    outcome: String,
}

/// A notice that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) payment_no: String,
    pub(crate) order_no: String,
    pub(crate) amount_cents: i64,
    pub(crate) outcome: Outcome,
}

/// What the table keeps of a notice, whatever it is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) payment_no: String,
    pub(crate) order_no: String,
    pub(crate) amount_cents: i64,
    pub(crate) outcome: &'static str,
}

/// Reads a body: what it claims, and the notice if it is one. Fields that no id can be are left out of the claims.
pub(crate) fn read(body: &[u8]) -> (Claims, Option<Notice>) {
    let Ok(body) = serde_json::from_slice::<Body>(body) else {
        return (Claims::default(), None);
    };
    let or_empty = |id: &str| {
        if is_id(id, ID_LENGTH_MAX) {
            id.to_owned()
        } else {
            String::new()
        }
    };
    let outcome = Outcome::from_word(&body.outcome);
    let claims = Claims {
        payment_no: or_empty(&body.payment_no),
        order_no: or_empty(&body.order_no),
        amount_cents: body.amount_cents,
        outcome: match outcome {
            Some(Outcome::Succeeded) => "SUCCEEDED",
            Some(Outcome::Failed) => "FAILED",
            None => "",
        },
    };
    let is_whole = !claims.payment_no.is_empty() && !claims.order_no.is_empty();
    let notice = outcome.filter(|_| is_whole).map(|outcome| Notice {
        payment_no: claims.payment_no.clone(),
        order_no: claims.order_no.clone(),
        amount_cents: claims.amount_cents,
        outcome,
    });
    (claims, notice)
}

/// Counts forged notices by the minute.
#[derive(Debug)]
pub(crate) struct ForgedLimit(Mutex<(Instant, u32)>);

impl Default for ForgedLimit {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }
}

impl ForgedLimit {
    /// Whether one more may be kept.
    pub(crate) fn allows(&self) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= Duration::from_mins(1) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        window.1 <= FORGED_A_MINUTE
    }
}
