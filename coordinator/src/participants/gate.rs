//! Whether calls to a participant go out: a person can pause it.
//!
//! Calls that are due wait here and use up nothing meanwhile. Must never: end a call that has left already; forget that it is
//! shut while somebody waits for a permit (whoever has one looks again).

use std::collections::BTreeSet;

use tercet_core::{BranchIndex, Gid};
use tercet_log::Pause;
use tokio::sync::watch;

/// The gate before one participant.
#[derive(Debug, Default)]
pub(super) struct Gate(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    pause: Option<Pause>,
    /// Branches whose call needn't wait any longer, because somebody has ended them by hand. Emptied when the gate opens;
    /// each is a person's doing, recorded in the log.
    let_go: BTreeSet<(Gid, BranchIndex)>,
}

/// How waiting at the gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is open.
    Open,
    /// It is shut, and this call is not wanted any more.
    LetGo,
}

impl Gate {
    pub(super) fn pause(&self) -> Option<Pause> {
        self.0.borrow().pause.clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.borrow().pause.is_none()
    }

    /// Shuts it, or opens it for everybody who waits. Says whether that changed anything.
    pub(super) fn set(&self, pause: Option<&Pause>) -> bool {
        self.0.send_if_modified(|state| {
            if state.pause.as_ref() == pause {
                return false;
            }
            state.pause = pause.cloned();
            if pause.is_none() {
                state.let_go.clear();
            }
            true
        })
    }

    /// The call of that branch needn't wait any longer, if it does.
    pub(super) fn let_go(&self, gid: &Gid, branch: BranchIndex) {
        self.0.send_if_modified(|state| {
            state.pause.is_some() && state.let_go.insert((gid.clone(), branch))
        });
    }

    /// Waits until it is open.
    pub(super) async fn opened(&self) {
        let mut state = self.0.subscribe();
        // The sender is `self`.
        let _ = state.wait_for(|state| state.pause.is_none()).await;
    }

    /// Waits until it is open, or the call of that branch isn't wanted any more.
    pub(super) async fn passage(&self, gid: &Gid, branch: BranchIndex) -> Passage {
        if self.is_open() {
            return Passage::Open;
        }
        let key = (gid.clone(), branch);
        let mut state = self.0.subscribe();
        let passed = state
            .wait_for(|state| state.pause.is_none() || state.let_go.contains(&key))
            .await
            .map_or(Passage::Open, |state| match state.pause {
                None => Passage::Open,
                Some(_) => Passage::LetGo,
            });
        if passed == Passage::LetGo {
            // Nobody else waits for that.
            self.0.send_if_modified(|state| {
                state.let_go.remove(&key);
                false
            });
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use tercet_core::{ParticipantName, Timestamp};

    use super::*;

    fn pause() -> Pause {
        Pause {
            participant: ParticipantName::parse("stock").unwrap_or_else(|_| unreachable!()),
            since: Timestamp::EPOCH,
            who: String::new(),
            reason: "moved".to_owned(),
        }
    }

    fn gid(name: &str) -> Gid {
        Gid::parse(name).unwrap_or_else(|_| unreachable!())
    }

    #[tokio::test]
    async fn whoever_waits_passes_when_it_opens() {
        let gate = Gate::default();
        assert!(gate.set(Some(&pause())));
        assert!(!gate.set(Some(&pause())), "it was shut already");
        let g = gid("g");
        let waiting = gate.passage(&g, 0);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        gate.set(None);
        assert_eq!(waiting.await, Passage::Open);
        assert_eq!(gate.passage(&g, 0).await, Passage::Open);
    }

    #[tokio::test]
    async fn one_is_let_go_and_the_others_wait_on() {
        let gate = Gate::default();
        gate.let_go(&gid("early"), 0);
        gate.set(Some(&pause()));
        let (early, one, other) = (gid("early"), gid("one"), gid("other"));
        let mut waiting =
            Box::pin(async { tokio::join!(gate.passage(&early, 0), gate.passage(&other, 1)) });
        let mut of_one = Box::pin(gate.passage(&one, 1));
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(futures::poll!(&mut of_one).is_pending());
        gate.let_go(&one, 1);
        assert_eq!(of_one.await, Passage::LetGo);
        assert!(futures::poll!(&mut waiting).is_pending());
        gate.set(None);
        assert_eq!(waiting.await, (Passage::Open, Passage::Open));
    }
}
