//! [`Settings`]: the options of a nested task.

use std::time::Duration;

use pushflow_core::graph::KindSettings;
use pushflow_pools::process::ProcessPoolBuilder;
use pushflow_signals::StartMethod;
use serde::{Deserialize, Serialize};

/// The options of a nested task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(with = "method")]
    pub(crate) start_method: StartMethod,
    pub(crate) workers: usize,
    pub(crate) daemonic: bool,
    pub(crate) soft_time_limit: Option<Duration>,
    pub(crate) hard_time_limit: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) max_tasks_per_child: Option<u64>,
    pub(crate) max_memory_per_child: Option<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            start_method: StartMethod::default(),
            workers: 1,
            daemonic: false,
            soft_time_limit: None,
            hard_time_limit: None,
            grace: crate::resolve::DEFAULT_GRACE,
            max_tasks_per_child: None,
            max_memory_per_child: None,
        }
    }
}

impl Settings {
    /// Takes what a document says; the grace, where that says none, is that of commands.
    pub(super) fn of_node(
        said: &KindSettings,
        grace: Duration,
    ) -> Result<Settings, pushflow_signals::UnknownStartMethod> {
        let start_method = said.start_method.as_deref().map(str::parse).transpose()?;
        Ok(Settings {
            start_method: start_method.unwrap_or_default(),
            workers: said.workers.map_or(1, |workers| usize::try_from(workers).unwrap_or(usize::MAX)),
            daemonic: said.daemonic,
            soft_time_limit: said.soft_time_limit,
            hard_time_limit: said.hard_time_limit,
            grace: said.grace.unwrap_or(grace),
            max_tasks_per_child: said.max_tasks_per_child.map(u64::from),
            max_memory_per_child: said.max_memory_per_child,
        })
    }

    /// Applies them to the pool of a kind.
    pub(super) fn apply(&self, pool: ProcessPoolBuilder) -> ProcessPoolBuilder {
        let pool = if self.daemonic { pool.daemonic() } else { pool };
        pool.tied()
            .start_method(self.start_method)
            .workers(self.workers)
            .grace(self.grace)
            .soft_time_limit(self.soft_time_limit)
            .hard_time_limit(self.hard_time_limit)
            .max_tasks_per_child(self.max_tasks_per_child)
            .max_memory_per_child(self.max_memory_per_child)
    }
}

/// A start method is its name.
mod method {
    use pushflow_signals::StartMethod;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(method: &StartMethod, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(method)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StartMethod, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
