//! Why a command is not carried out. Each is one reason of the contract.

use crate::{BranchId, Decision};

/// Why a command is not carried out; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `ALREADY_DECIDED`: the opposite decision stands, or a branch or renewal comes too late.
    #[error("the transaction is already decided: {0}")]
    AlreadyDecided(Decision),
    /// `ALREADY_DECIDED`: the command is for step-by-step transactions; this one was begun by `ExecuteTransaction`.
    #[error("the transaction was begun by ExecuteTransaction, which decides by itself")]
    OneCall,
    /// `BRANCH_NOT_TRIED`: a branch is under way, refused or in doubt.
    #[error("branch {0} is not tried")]
    BranchNotTried(BranchId),
    /// `BRANCH_CONFLICT`: the branch id is taken by other content.
    #[error("branch {0} was registered with other content")]
    BranchConflict(BranchId),
    /// `NOT_DECIDED`: park, resume or force before the decision.
    #[error("the transaction is not decided yet")]
    NotDecided,
    /// `UNKNOWN_BRANCH`: no branch of that id.
    #[error("the transaction has no branch {0}")]
    UnknownBranch(BranchId),
    /// `TOO_MANY_BRANCHES`: one more branch would pass the limit.
    #[error("the transaction has {0} branches already, the most that is allowed")]
    TooManyBranches(usize),
    /// `PAYLOAD_TOO_LARGE`: with this branch all payloads together would pass the limit.
    #[error("all payloads together would have {bytes} bytes, more than {max}")]
    PayloadTooLarge {
        /// What they would have together, in bytes.
        bytes: usize,
        /// The most that is allowed, in bytes.
        max: usize,
    },
    /// `LOG_UNAVAILABLE`: the log didn't take the facts; nothing has changed, and it is safe to ask again.
    #[error("the log did not take it: {0}")]
    LogUnavailable(String),
    /// `INVALID_REQUEST`: the log refuses the facts for good.
    #[error("the log refuses it: {0}")]
    LogInvalid(String),
    /// `NOT_OWNER`: another coordinator owns the transaction now.
    #[error("another coordinator owns the transaction now")]
    NotOwner,
}
