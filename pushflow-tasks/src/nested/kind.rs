//! [`Kind`]: which pool or process a nested task runs its body in.

use std::fmt;

use pushflow_pools::process::ProcessPoolBuilder;

/// A kind of nested tasks.
pub struct Kind {
    /// Its name, as workflow files spell it.
    pub name: &'static str,
    /// Describes the pool that a body is run in.
    pub(crate) pool: fn() -> ProcessPoolBuilder,
}

/// The kinds of this build.
const KINDS: &[&Kind] = &[
    #[cfg(feature = "cfpool")]
    &crate::cfpool::KIND,
    #[cfg(feature = "mppool")]
    &crate::mppool::KIND,
    #[cfg(feature = "mpprocess")]
    &crate::mpprocess::KIND,
    #[cfg(feature = "bpool")]
    &crate::bpool::KIND,
    #[cfg(feature = "bprocess")]
    &crate::bprocess::KIND,
];

impl Kind {
    /// Returns the kinds of this build.
    pub fn all() -> impl Iterator<Item = &'static Kind> {
        KINDS.iter().copied()
    }

    /// Returns the kind of a name, if this build has it.
    pub fn find(name: &str) -> Option<&'static Kind> {
        Kind::all().find(|kind| kind.name == name)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}
