//! Several coordinators on one log.

mod forwarding;
mod many;
mod restarts;
mod take_over;
