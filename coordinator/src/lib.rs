//! The coordinator's shell: gRPC in, participant calls out, the log and the timers.
