//! What is promised of each pool and kind.

use serde::{Deserialize, Serialize};

/// The named error of a refused combination.
pub(crate) const REFUSAL: &str = "daemonic processes are not allowed to have children";

/// Pools whose workers are daemonic.
const DAEMONIC: [&str; 2] = ["multiprocessing", "billiard"];
/// Kinds that need a worker that may have children.
const WITH_CHILDREN: [&str; 3] = ["cfpool", "mppool", "mpprocess"];

/// What comes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The outputs were right.
    Ok,
    /// The combination is refused, with the named error; the pool could be used afterwards.
    Refused,
    /// Anything else.
    Failed,
}

/// What is promised of a kind in a pool.
pub(crate) fn promised(pool: &str, kind: &str) -> Verdict {
    if DAEMONIC.contains(&pool) && WITH_CHILDREN.contains(&kind) { Verdict::Refused } else { Verdict::Ok }
}
