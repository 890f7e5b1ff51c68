//! The pools that are tested: every type by every start method, with and without scaling.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::{Pool, PoolError};
use pushflow_pools::process::ProcessPoolBuilder;
use pushflow_pools::{ScalingPool, billiard, concurrent_futures, multiprocessing};
use pushflow_signals::StartMethod;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    make: fn() -> ProcessPoolBuilder,
    pub(crate) daemonic: bool,
    pub(crate) may_nest: bool,
}

pub(crate) const BACKENDS: [Backend; 5] = [
    Backend { name: "process", make: concurrent_futures::process, daemonic: false, may_nest: true },
    Backend { name: "ndprocess", make: concurrent_futures::ndprocess, daemonic: false, may_nest: true },
    Backend { name: "multiprocessing", make: multiprocessing::multiprocessing, daemonic: true, may_nest: false },
    Backend { name: "ndmultiprocessing", make: multiprocessing::ndmultiprocessing, daemonic: false, may_nest: true },
    Backend { name: "billiard", make: billiard::billiard, daemonic: true, may_nest: false },
];

impl Backend {
    pub(crate) fn named(name: &str) -> Option<Backend> {
        BACKENDS.into_iter().find(|backend| backend.name == name)
    }

    pub(crate) fn builder(self) -> ProcessPoolBuilder {
        (self.make)()
    }
}

/// One way to have a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) backend: Backend,
    pub(crate) method: StartMethod,
    pub(crate) scaling: bool,
}

/// How many workers the pools have.
pub(crate) const WORKERS: usize = 2;

impl Setup {
    pub(crate) fn all() -> impl Iterator<Item = Setup> {
        let methods = [StartMethod::Forkserver, StartMethod::Spawn, StartMethod::Fork];
        BACKENDS.into_iter().flat_map(move |backend| {
            methods.into_iter().flat_map(move |method| {
                [false, true].into_iter().map(move |scaling| Setup { backend, method, scaling })
            })
        })
    }

    pub(crate) fn name(self) -> String {
        let scaling = if self.scaling { "::scaling" } else { "" };
        format!("{}::{}{scaling}", self.backend.name, self.method)
    }

    pub(crate) fn builder(self) -> ProcessPoolBuilder {
        self.backend.builder().start_method(self.method).workers(WORKERS).grace(Duration::from_millis(200))
    }

    /// Makes the pool with settings of one's own.
    pub(crate) fn with(
        self,
        settings: impl Fn(ProcessPoolBuilder) -> ProcessPoolBuilder + Send + Sync + 'static,
    ) -> Result<Arc<dyn Pool>, PoolError> {
        if !self.scaling {
            return Ok(Arc::new(settings(self.builder()).build()?));
        }
        let make = move || -> Result<Arc<dyn Pool>, PoolError> {
            Ok(Arc::new(settings(self.builder()).workers(1).wait_on_exit(false).build()?))
        };
        Ok(Arc::new(ScalingPool::builder().max_workers(Some(WORKERS)).over(make)?))
    }

    pub(crate) fn make(self) -> Arc<dyn Pool> {
        self.with(|builder| builder).unwrap()
    }
}
