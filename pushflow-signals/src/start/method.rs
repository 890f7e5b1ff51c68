//! [`StartMethod`]: how a process comes to be.

use std::fmt;
use std::str::FromStr;

/// How a process comes to be.
///
/// Semantics: the start methods of Python's `multiprocessing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StartMethod {
    /// A small process of the same program, with a single thread, forks it: warm, and safe in programs with threads.
    #[default]
    Forkserver,
    /// The program is executed afresh: slowest, inherits nothing.
    Spawn,
    /// A true fork of this process: inherits its memory, so closures and large data need no transfer.
    Fork,
}

impl StartMethod {
    /// All start methods, the default one first.
    pub const ALL: [StartMethod; 3] = [StartMethod::Forkserver, StartMethod::Spawn, StartMethod::Fork];

    /// Returns the name, as Python spells it.
    pub fn name(self) -> &'static str {
        match self {
            StartMethod::Forkserver => "forkserver",
            StartMethod::Spawn => "spawn",
            StartMethod::Fork => "fork",
        }
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no start method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown start method `{0}`, expected one of: forkserver, spawn, fork")]
pub struct UnknownStartMethod(String);

impl FromStr for StartMethod {
    type Err = UnknownStartMethod;

    fn from_str(name: &str) -> Result<StartMethod, UnknownStartMethod> {
        let found = StartMethod::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownStartMethod(name.to_owned()))
    }
}
