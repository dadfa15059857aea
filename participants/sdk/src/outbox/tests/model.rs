//! A coordinator in memory that keeps the contract: begin and register are idempotent, decisions stand, a branch comes
//! too late once it is decided, and what is confirmed is delivered once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::outbox::{Courier, CourierError, MessageRow, Standing};

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Begin,
    Register,
    Confirm,
}

pub(super) const STEPS: [Step; 3] = [Step::Begin, Step::Register, Step::Confirm];

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// It never arrives.
    Before,
    /// It is done, and its answer is lost.
    After,
    /// It never arrives, and nobody says so: whoever made it dies waiting.
    HangBefore,
    /// It is done, and nobody says so.
    HangAfter,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) branch: Option<Vec<u8>>,
    pub(super) decided: Option<Standing>,
    /// How often its branch was delivered.
    pub(super) delivered: u32,
}

#[derive(Debug, Default)]
struct State {
    transactions: BTreeMap<String, Known>,
    faults: BTreeMap<Step, VecDeque<Fault>>,
    calls: Vec<(Step, String)>,
}

/// The coordinator.
#[derive(Debug, Default)]
pub(super) struct Model {
    state: Mutex<State>,
    hung: Notify,
}

impl Model {
    pub(super) fn courier(self: &Arc<Self>) -> ModelCourier {
        ModelCourier(Arc::clone(self))
    }

    /// The next calls of this kind fail so.
    pub(super) fn fail(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(step).or_default().extend(faults);
    }

    /// No call fails any more.
    pub(super) fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Returns when somebody hangs.
    pub(super) async fn until_somebody_hangs(&self) {
        self.hung.notified().await;
    }

    pub(super) fn known(&self, gid: &str) -> Option<Known> {
        self.lock().transactions.get(gid).cloned()
    }

    pub(super) fn delivered(&self, gid: &str) -> u32 {
        self.known(gid).map_or(0, |known| known.delivered)
    }

    /// How often a call was made for a gid.
    pub(super) fn calls(&self, step: Step, gid: &str) -> usize {
        self.lock()
            .calls
            .iter()
            .filter(|(made, of)| *made == step && of == gid)
            .count()
    }

    /// What its deadline makes of an open transaction, by the initiator's word.
    pub(super) fn decide(&self, gid: &str, standing: Standing) {
        if let Some(known) = self.lock().transactions.get_mut(gid) {
            known.decide(standing);
        }
    }

    /// Purges a transaction: the gid would be a new one.
    pub(super) fn forget(&self, gid: &str) {
        self.lock().transactions.remove(gid);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn call<T>(
        &self,
        step: Step,
        gid: &str,
        work: impl Fn(&mut State) -> Result<T, CourierError>,
    ) -> Result<T, CourierError> {
        let fault = {
            let mut state = self.lock();
            state.calls.push((step, gid.to_owned()));
            let faults = state.faults.entry(step).or_default();
            faults.pop_front()
        };
        let later = || CourierError::Later("made to fail".to_owned());
        match fault {
            None => work(&mut self.lock()),
            Some(Fault::Before) => Err(later()),
            Some(Fault::After) => {
                let _lost = work(&mut self.lock());
                Err(later())
            }
            Some(hang) => {
                if matches!(hang, Fault::HangAfter) {
                    let _lost = work(&mut self.lock());
                }
                self.hung.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl Known {
    fn decide(&mut self, standing: Standing) {
        if self.decided.is_none() {
            self.decided = Some(standing);
            if standing == Standing::Confirmed && self.branch.is_some() {
                self.delivered += 1;
            }
        }
    }

    fn standing(&self) -> Standing {
        match self.decided {
            Some(Standing::Confirmed) if self.branch.is_none() => Standing::ConfirmedWithout,
            Some(decided) => decided,
            None => Standing::Open,
        }
    }
}

/// A way to the model.
pub(super) struct ModelCourier(Arc<Model>);

impl Courier for ModelCourier {
    async fn begin(&self, message: &MessageRow) -> Result<Standing, CourierError> {
        self.0
            .call(Step::Begin, &message.gid, |state| {
                let known = state.transactions.entry(message.gid.clone()).or_default();
                Ok(known.standing())
            })
            .await
    }

    async fn register(&self, message: &MessageRow) -> Result<(), CourierError> {
        self.0
            .call(Step::Register, &message.gid, |state| {
                let known = found(state, &message.gid)?;
                match (&known.branch, known.decided) {
                    (Some(branch), _) if *branch == message.payload => Ok(()),
                    (Some(_), _) => Err(CourierError::Never("BRANCH_CONFLICT".to_owned())),
                    (None, Some(_)) => Err(CourierError::Never("ALREADY_DECIDED".to_owned())),
                    (None, None) => {
                        known.branch = Some(message.payload.to_vec());
                        Ok(())
                    }
                }
            })
            .await
    }

    async fn confirm(&self, message: &MessageRow) -> Result<Standing, CourierError> {
        self.0
            .call(Step::Confirm, &message.gid, |state| {
                let known = found(state, &message.gid)?;
                if known.decided == Some(Standing::Cancelled) {
                    return Err(CourierError::Never("ALREADY_DECIDED".to_owned()));
                }
                known.decide(Standing::Confirmed);
                Ok(known.standing())
            })
            .await
    }

    async fn find(&self, gid: &str) -> Result<Option<Standing>, CourierError> {
        Ok(self.0.known(gid).map(|known| known.standing()))
    }
}

fn found<'a>(state: &'a mut State, gid: &str) -> Result<&'a mut Known, CourierError> {
    state
        .transactions
        .get_mut(gid)
        .ok_or_else(|| CourierError::Later("UNKNOWN_TRANSACTION".to_owned()))
}
