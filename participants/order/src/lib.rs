//! The demo shop's order service.
