//! The demo shop's points service.
