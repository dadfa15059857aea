//! The fence's verdict, from the participant SDK's own source file (brought in by `build.rs`, which says why).
//!
//! What is simulated is the very table that participants use.

mod verdict {
    #![allow(
        dead_code,
        missing_docs,
        unreachable_pub,
        reason = "the file belongs to the SDK, which uses and documents all of it"
    )]
    include!(concat!(env!("OUT_DIR"), "/verdict.rs"));
}

pub use verdict::{
    FenceRefusal, FenceState, FenceVerdict, Phase as FencePhase, Timeliness, Verbs as FenceVerbs,
    verdict,
};
