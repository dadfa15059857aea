//! What the log promises: its verdicts are true, and a fenced session writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use tercet_core::AppendVerdict;

use super::{Holds, Property, ensure};
use crate::observation::Observed;
use crate::world::World;

/// "Written" is written, and "not written" never appears later.
#[derive(Debug, Default)]
pub(crate) struct HonestVerdicts {
    written: BTreeSet<u64>,
    denied: BTreeMap<u64, AppendVerdict>,
}

impl Property for HonestVerdicts {
    fn name(&self) -> &'static str {
        "the log's verdicts are true"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        match observed {
            Observed::RowWritten(row) => {
                self.written.insert(row.append);
                ensure(!self.denied.contains_key(&row.append), || {
                    format!(
                        "append {} of {} was written after the coordinator was told {:?}",
                        row.append, row.gid, self.denied[&row.append]
                    )
                })
            }
            Observed::VerdictGiven {
                append,
                gid,
                verdict,
                state,
                expected,
                ..
            } => {
                let written = self.written.contains(append);
                if *verdict != AppendVerdict::Written {
                    self.denied.insert(*append, verdict.clone());
                    return ensure(!written, || {
                        format!("append {append} of {gid} is written, but told {verdict:?}")
                    });
                }
                ensure(written, || {
                    format!("append {append} of {gid} was told to be written and isn't")
                })?;
                let row = world
                    .log
                    .row(gid)
                    .ok_or_else(|| format!("{gid} has no row"))?;
                ensure(row.version > expected + 1 || row.state == *state, || {
                    format!("the row of {gid} holds something else than was written")
                })
            }
            _ => Ok(()),
        }
    }
}

/// Only the session that owns the log writes.
#[derive(Debug)]
pub(crate) struct FencedNeverWrite;

impl Property for FencedNeverWrite {
    fn name(&self) -> &'static str {
        "a fenced session writes nothing"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::RowWritten(row) = observed else {
            return Ok(());
        };
        ensure(!row.is_fenced, || {
            format!("session {} wrote {} and may not", row.writer, row.gid)
        })
    }
}

/// Each write finds exactly the version that it expects, and acknowledged rows stay.
#[derive(Debug)]
pub(crate) struct VersionsByOne;

impl Property for VersionsByOne {
    fn name(&self) -> &'static str {
        "every write builds on the one before"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        match observed {
            Observed::RowWritten(row) => {
                let found = row.before.as_ref().map_or(0, |(version, _)| *version);
                ensure(found == row.expected && row.version == found + 1, || {
                    format!(
                        "{} was written as version {} over {found}, expecting {}",
                        row.gid, row.version, row.expected
                    )
                })
            }
            Observed::RowsLost(gid) => Err(format!("an acknowledged write of {gid} is gone")),
            _ => Ok(()),
        }
    }
}
