//! [`WhenFull`]: what becomes of an execution for which there is no room.

/// What becomes of an execution for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Who submits it waits.
    Wait,
    /// It is given back.
    Refuse,
    /// It is taken all the same: who submits it may be the one that has to make room.
    Take,
}
