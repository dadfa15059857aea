//! The fence's verdict, from the participant SDK's own source file.
//!
//! Mounted by path, not as a dependency: the SDK brings SQL and gRPC with it, and all that is wanted here is the
//! one pure function that decides what runs. What is simulated is therefore the very table that participants use.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "the file belongs to the SDK, which uses and documents all of it"
)]

#[path = "../../../participants/sdk/src/fence/verdict.rs"]
mod verdict;

pub(crate) use verdict::{
    FenceRefusal, FenceState, FenceVerdict, Phase as FencePhase, Timeliness, Verbs as FenceVerbs,
    verdict,
};
