//! Which pool runs the tasks.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::{Pool, PoolError};
use pushflow_pools::factory::{self, PoolSettings};

use crate::problem::Problem;

/// The name that stands for no pool: one task after the other, in the main thread.
pub(crate) const IN_PLACE: &str = "in_place";
const DEFAULT: &str = "process";

/// What the end of a killed process may take on a busy machine.
const MARGIN: Duration = Duration::from_secs(1);

/// Makes the pool of a name; `None` when tasks run in place.
pub(crate) fn create(name: Option<&str>, settings: &PoolSettings) -> Result<Option<Arc<dyn Pool>>, Problem> {
    let name = name.unwrap_or(DEFAULT);
    if name == IN_PLACE {
        return Ok(None);
    }
    match factory::create(name, settings) {
        Ok(pool) => Ok(Some(pool)),
        Err(PoolError::UnknownType { name, known }) => {
            Err(Problem::usage(format!("unknown pool type `{name}`, this build has: {known}, {IN_PLACE}")))
        }
        Err(error @ (PoolError::Workers { .. } | PoolError::Setting { .. })) => Err(Problem::usage(error.to_string())),
        Err(error) => Err(Problem::internal(format!("cannot start the pool: {error}"))),
    }
}

/// Returns the grace of workers whose commands have a grace of their own: a worker gets a harder signal only after its
/// command has got all of SIGINT, SIGTERM and SIGKILL, so that it can still tell how that ended.
pub(crate) fn grace(of_commands: Duration) -> Duration {
    of_commands.saturating_mul(2).saturating_add(MARGIN)
}

/// Returns how long the end of an interrupted pool takes at most, the harder signals to its workers included.
pub(crate) fn end_takes(grace_of_commands: Duration) -> Duration {
    grace(grace_of_commands).saturating_mul(2).saturating_add(MARGIN)
}
