//! Whether this process is daemonic, and whether it may have children.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::Error;

/// Whether a process that is started may start processes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Children {
    /// Daemonic ones may not, others may.
    ///
    /// Semantics: Python's `multiprocessing`.
    #[default]
    ByRule,
    /// It may, also when it is daemonic: its whole tree ends with it anyway.
    ///
    /// Semantics: `billiard`, whose daemonic processes may have children.
    Allow,
}

const DAEMONIC: u8 = 1;
const CHILDLESS: u8 = 2;
const TIED: u8 = 4;

static STATE: AtomicU8 = AtomicU8::new(0);

/// Whether this process was started as daemonic: it ends with its parent.
pub fn is_daemonic() -> bool {
    STATE.load(Ordering::Relaxed) & DAEMONIC != 0
}

/// Whether this process may start processes. Commands it may always start.
pub fn may_have_children() -> bool {
    STATE.load(Ordering::Relaxed) & CHILDLESS == 0
}

/// Returns the error of a daemonic process that wants to have children.
///
/// # Errors
///
/// [`Error::DaemonicChildren`] unless this process [may have children](may_have_children).
pub fn check_may_have_children() -> Result<(), Error> {
    if may_have_children() { Ok(()) } else { Err(Error::DaemonicChildren) }
}

/// Whether this process ends with its parent: it is daemonic, or below a daemonic one. What it starts does so, too.
pub(crate) fn is_tied() -> bool {
    STATE.load(Ordering::Relaxed) & TIED != 0
}

/// Sets what this process is, at its start.
pub(crate) fn become_process(daemonic: bool, tied: bool, children: Children) {
    let childless = daemonic && children == Children::ByRule;
    let state = u8::from(daemonic) * DAEMONIC + u8::from(childless) * CHILDLESS + u8::from(tied) * TIED;
    STATE.store(state, Ordering::Relaxed);
}
