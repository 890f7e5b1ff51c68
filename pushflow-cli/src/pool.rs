//! Which pool runs the tasks.

use std::sync::Arc;

use pushflow_core::{Pool, PoolError};
use pushflow_pools::factory::{self, PoolSettings};

use crate::problem::Problem;

/// The name that stands for no pool: one task after the other, in the main thread.
pub(crate) const IN_PLACE: &str = "in_place";
const DEFAULT: &str = "thread";

/// Makes the pool of a name; `None` when tasks run in place.
pub(crate) fn create(name: Option<&str>, workers: Option<usize>) -> Result<Option<Arc<dyn Pool>>, Problem> {
    let name = name.unwrap_or(DEFAULT);
    if name == IN_PLACE {
        return Ok(None);
    }
    match factory::create(name, &PoolSettings { workers }) {
        Ok(pool) => Ok(Some(pool)),
        Err(PoolError::UnknownType { name, known }) => {
            Err(Problem::usage(format!("unknown pool type `{name}`, this build has: {known}, {IN_PLACE}")))
        }
        Err(error @ PoolError::Workers { .. }) => Err(Problem::usage(error.to_string())),
        Err(error) => Err(Problem::internal(format!("cannot start the pool: {error}"))),
    }
}
