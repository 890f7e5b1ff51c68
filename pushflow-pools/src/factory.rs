//! Pools by name: the names of workflow files and of the command line.

use std::sync::Arc;

use pushflow_core::{Pool, PoolError};

/// Settings that all pools understand.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolSettings {
    /// Number of workers; by default one for each processor that this process may use.
    pub workers: Option<usize>,
}

/// Makes a pool from its settings.
type Make = fn(&PoolSettings) -> Result<Arc<dyn Pool>, PoolError>;

const POOLS: &[(&str, Make)] = &[
    #[cfg(feature = "thread")]
    ("thread", |settings| {
        let builder = crate::ThreadPool::builder();
        let builder = settings.workers.into_iter().fold(builder, crate::thread::ThreadPoolBuilder::workers);
        Ok(Arc::new(builder.build()?))
    }),
];

/// Returns the names of the pools of this build.
pub fn names() -> impl Iterator<Item = &'static str> {
    POOLS.iter().map(|(name, _)| *name)
}

/// Makes the pool of a name.
///
/// # Errors
///
/// [`PoolError::UnknownType`] when this build has no such pool; otherwise why it could not start.
pub fn create(name: &str, settings: &PoolSettings) -> Result<Arc<dyn Pool>, PoolError> {
    match POOLS.iter().find(|(known, _)| *known == name) {
        Some((_, make)) => make(settings),
        None => {
            let known = names().collect::<Vec<_>>().join(", ");
            Err(PoolError::UnknownType { name: name.to_owned(), known })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_says_which_are_known() {
        let error = create("treads", &PoolSettings::default()).unwrap_err();
        let known = names().collect::<Vec<_>>().join(", ");
        assert_eq!(error.to_string(), format!("unknown pool type `treads`, expected one of: {known}"));
    }

    #[test]
    fn every_name_makes_a_pool() {
        for name in names() {
            let pool = create(name, &PoolSettings { workers: Some(1) }).unwrap();
            assert_eq!(pool.stats().workers, 1, "{name}");
        }
    }
}
