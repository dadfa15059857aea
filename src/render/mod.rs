//! Documents as text. Pure: no IO, no clock; what depends on the terminal or the time is a parameter.
//!
//! [`timeline`] draws one transaction, [`tables`] lists many things, [`json`] is the contract's own JSON, [`follow`]
//! tells what changed. [`columns`] aligns, [`words`] has the names and numbers, [`style`] the colours.

pub(crate) mod checks;
pub(crate) mod columns;
pub(crate) mod follow;
pub(crate) mod json;
pub(crate) mod style;
pub(crate) mod tables;
pub(crate) mod timeline;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod sample;
