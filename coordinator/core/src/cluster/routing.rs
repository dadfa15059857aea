//! Where a call about a transaction belongs that this coordinator doesn't own.

/// How often a call looks for its owner again. Each time something has changed, so the second look settles it as a rule.
pub const LOOKS_MAX: usize = 4;

/// What the log says of the owner of a transaction. `S` names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnedBy<S> {
    /// It has ended meanwhile, or its begin has come to nothing.
    Nobody,
    /// This coordinator.
    Us,
    /// Another one that can write.
    Other(S),
    /// One that can write no more.
    Fenced,
}

/// What is to be done with the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<S> {
    /// Try it here again.
    Here,
    /// Take the transaction over, and try it here again.
    Adopt,
    /// Send it there, marked.
    Forward(S),
    /// Tell the caller that its owner is somewhere else.
    NotOwner,
}

/// Says where a call goes that was answered here, for the `looks`-th time, with "somebody else owns it".
///
/// A call that was forwarded goes no further, so there are no rings; `gone` is the owner that was tried already and
/// wasn't there, or wasn't the owner.
pub fn route<S: PartialEq>(
    is_forwarded: bool,
    looks: usize,
    owner: OwnedBy<S>,
    gone: Option<&S>,
) -> Route<S> {
    if is_forwarded || looks > LOOKS_MAX {
        return Route::NotOwner;
    }
    match owner {
        OwnedBy::Nobody | OwnedBy::Us => Route::Here,
        OwnedBy::Fenced => Route::Adopt,
        OwnedBy::Other(owner) if gone == Some(&owner) => Route::NotOwner,
        OwnedBy::Other(owner) => Route::Forward(owner),
    }
}
