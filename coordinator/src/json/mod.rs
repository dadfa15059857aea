//! JSON payloads: checked against the participant's own schema before anything begins.
//!
//! `reflection` reads the descriptors over gRPC server reflection, `schemas` keeps them, `convert` turns a value into
//! the action's request message. Must never: guess a schema, or let through a number that may have lost its last
//! digits on the way.

mod check;
mod convert;
mod reflection;
mod schemas;

#[cfg(test)]
mod tests;

pub(crate) use schemas::Schemas;
