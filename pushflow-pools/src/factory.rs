//! Pools by name: the names of workflow files and of the command line.

use std::sync::Arc;
#[cfg(feature = "process")]
use std::time::Duration;

use pushflow_core::{Pool, PoolError};
#[cfg(all(feature = "process", any(feature = "thread", feature = "coroutine")))]
use pushflow_signals::Children;
#[cfg(feature = "process")]
use pushflow_signals::StartMethod;

use crate::ScalingPool;
use crate::elsewhere::Elsewhere;
#[cfg(feature = "process")]
use crate::process::{Launcher, Output, ProcessPoolBuilder};
#[cfg(feature = "process")]
use crate::routing::RoutingPool;

/// Settings of a pool that is made by its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolSettings {
    /// Number of workers, with `scaling` the most there may be; by default one for each processor that this process may
    /// use; with `scaling`, and of coroutines, one for each execution that runs.
    pub workers: Option<usize>,
    /// Whether there is one worker for each execution that runs: see [`ScalingPool`]. There is always, in the pool `scaling`.
    pub scaling: bool,
    /// How worker processes are started, which other workers are not; by default by a fork server.
    #[cfg(feature = "process")]
    pub start_method: Option<StartMethod>,
    /// See [`ProcessPoolBuilder::grace`]; of no meaning to other pools.
    #[cfg(feature = "process")]
    pub grace: Option<Duration>,
    /// What becomes of what worker processes print.
    #[cfg(feature = "process")]
    pub output: Output,
}

/// What a pool is made for.
#[derive(Clone, Copy, Debug)]
enum Use<'a> {
    /// To be used as it is.
    Whole,
    /// To be a lane of a [`ScalingPool`], which waits for it.
    Lane,
    /// To be used as it is, and to give away what is not for it.
    #[cfg_attr(
        not(any(feature = "thread", feature = "coroutine")),
        expect(dead_code, reason = "pools of others give nothing away")
    )]
    Asking(&'a Elsewhere),
}

/// What starts the workers, when they are another program.
#[cfg(feature = "process")]
type Foreign<'a> = Option<&'a Arc<dyn Launcher>>;
#[cfg(not(feature = "process"))]
type Foreign<'a> = Option<&'a std::convert::Infallible>;

/// Makes a pool from its settings, `scaling` apart.
type Make = fn(&PoolSettings, Use<'_>, Foreign<'_>) -> Result<Arc<dyn Pool>, PoolError>;

const POOLS: &[(&str, Make)] = &[
    #[cfg(feature = "coroutine")]
    ("gevent", coroutine),
    #[cfg(feature = "thread")]
    ("thread", thread),
    #[cfg(feature = "process")]
    ("process", |settings, wanted, of| process(crate::concurrent_futures::process(), settings, wanted, of)),
    #[cfg(feature = "process")]
    ("ndprocess", |settings, wanted, of| process(crate::concurrent_futures::ndprocess(), settings, wanted, of)),
    #[cfg(feature = "process")]
    ("multiprocessing", |settings, wanted, of| {
        process(crate::multiprocessing::multiprocessing(), settings, wanted, of)
    }),
    #[cfg(feature = "process")]
    ("ndmultiprocessing", |settings, wanted, of| {
        process(crate::multiprocessing::ndmultiprocessing(), settings, wanted, of)
    }),
    #[cfg(feature = "process")]
    ("billiard", |settings, wanted, of| process(crate::billiard::billiard(), settings, wanted, of)),
    #[cfg(feature = "process")]
    (SCALING, |settings, wanted, of| process(crate::concurrent_futures::process(), settings, wanted, of)),
];

/// Other names of pools.
const ALIASES: &[(&str, &str)] = &[("coroutine", "gevent")];
/// The name of the pool that scales whatever its settings say.
const SCALING: &str = "scaling";
/// More workers than that are a mistake.
const MOST_LANES: usize = 4096;
/// So many worker processes are beside coroutines that have no bound; more tasks wait.
#[cfg(feature = "coroutine")]
const MOST_BESIDE: usize = 64;

/// Returns the names of the pools of this build, without aliases.
pub fn names() -> impl Iterator<Item = &'static str> {
    POOLS.iter().map(|(name, _)| *name)
}

/// Returns the name of a pool of this build that a name or an alias stands for; `None` when there is none.
pub fn find(name: &str) -> Option<&'static str> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    names().find(|known| *known == name)
}

/// Returns the name of the pool that is used when none is named: `gevent` in the coroutine environment, else `process`; in builds without them the
/// first one that there is, if any.
///
/// # Errors
///
/// As `pushflow_pools::coroutine::is_coroutine_environment`.
pub fn default_name() -> Result<&'static str, PoolError> {
    #[cfg(feature = "coroutine")]
    if crate::coroutine::is_coroutine_environment()? {
        return Ok("gevent");
    }
    let fallback = || names().next().unwrap_or("process");
    Ok(names().find(|name| *name == "process").unwrap_or_else(fallback))
}

/// Whether the workers of the pool of a name are processes, which are started by one of several methods.
pub fn has_processes(name: &str) -> bool {
    !matches!(name, "thread" | "gevent" | "coroutine")
}

/// Makes the pool of a name.
///
/// # Errors
///
/// [`PoolError::UnknownType`] when this build has no such pool; [`PoolError::Workers`] and [`PoolError::Setting`] for
/// settings that it cannot have; otherwise why it could not start.
pub fn create(name: &str, settings: &PoolSettings) -> Result<Arc<dyn Pool>, PoolError> {
    let known = find(name);
    let Some((name, make)) = POOLS.iter().find(|(name, _)| Some(*name) == known) else {
        let known = names().collect::<Vec<_>>().join(", ");
        return Err(PoolError::UnknownType { name: name.to_owned(), known });
    };
    let scales = settings.scaling || *name == SCALING;
    if has_processes(name) || scales {
        let own = make_pool(*make, settings, scales, None)?;
        return route(own, None, *make, settings, scales);
    }
    let elsewhere = Elsewhere::default();
    let own = make(settings, Use::Asking(&elsewhere), None)?;
    route(own, Some(&elsewhere), *make, settings, false)
}

/// Has tasks that are at home in another program run by a pool whose workers are that program.
#[cfg(feature = "process")]
fn route(
    own: Arc<dyn Pool>,
    elsewhere: Option<&Elsewhere>,
    make: Make,
    settings: &PoolSettings,
    scales: bool,
) -> Result<Arc<dyn Pool>, PoolError> {
    let settings = *settings;
    Ok(Arc::new(RoutingPool::new(own, elsewhere, move |home| match home.launcher::<Arc<dyn Launcher>>() {
        Some(launcher) => make_pool(make, &settings, scales, Some(launcher)),
        None => {
            let problem = format!("of the tasks at home in `{}` cannot be made by this pool", home.key());
            Err(PoolError::Setting { setting: "workers", problem })
        }
    })))
}

#[cfg(not(feature = "process"))]
#[expect(clippy::unnecessary_wraps, reason = "as in builds with processes")]
fn route(
    own: Arc<dyn Pool>,
    _elsewhere: Option<&Elsewhere>,
    _make: Make,
    _settings: &PoolSettings,
    _scales: bool,
) -> Result<Arc<dyn Pool>, PoolError> {
    Ok(own)
}

fn make_pool(make: Make, settings: &PoolSettings, scales: bool, of: Foreign<'_>) -> Result<Arc<dyn Pool>, PoolError> {
    if !scales {
        return make(settings, Use::Whole, of);
    }

    if let Some(found) = settings.workers.filter(|workers| *workers == 0 || *workers > MOST_LANES) {
        return Err(PoolError::Workers { found, limit: MOST_LANES });
    }
    let lane = PoolSettings { workers: Some(1), ..*settings };
    let pool = ScalingPool::builder().max_workers(settings.workers);
    let of = of.cloned();
    Ok(Arc::new(pool.over(move || make(&lane, Use::Lane, of.as_ref()))?))
}

#[cfg(feature = "thread")]
fn thread(settings: &PoolSettings, wanted: Use<'_>, of: Foreign<'_>) -> Result<Arc<dyn Pool>, PoolError> {
    settings.check_has_no_start_method()?;
    if let Some(launcher) = of {
        return beside(settings, None, wanted, launcher);
    }
    let builder = crate::ThreadPool::builder().wait_on_exit(!matches!(wanted, Use::Lane));
    let builder = settings.workers.into_iter().fold(builder, crate::thread::ThreadPoolBuilder::workers);
    let builder = match wanted {
        Use::Asking(elsewhere) => builder.elsewhere(elsewhere.clone()),
        Use::Whole | Use::Lane => builder,
    };
    Ok(Arc::new(builder.build()?))
}

/// `workers` bounds the coroutines; without there are as many as executions.
#[cfg(feature = "coroutine")]
fn coroutine(settings: &PoolSettings, wanted: Use<'_>, of: Foreign<'_>) -> Result<Arc<dyn Pool>, PoolError> {
    settings.check_has_no_start_method()?;
    if let Some(launcher) = of {
        return beside(settings, Some(MOST_BESIDE), wanted, launcher);
    }
    let builder = crate::CoroutinePool::builder().wait_on_exit(!matches!(wanted, Use::Lane));
    let builder = settings.workers.into_iter().fold(builder, crate::coroutine::CoroutinePoolBuilder::workers);
    let builder = match wanted {
        Use::Asking(elsewhere) => builder.elsewhere(elsewhere.clone()),
        Use::Whole | Use::Lane => builder,
    };
    Ok(Arc::new(builder.build()?))
}

/// The worker processes beside threads or coroutines, for what these cannot run. Whatever this process is, they end with it, and
/// their tasks may start processes as it may.
#[cfg(all(feature = "process", any(feature = "thread", feature = "coroutine")))]
fn beside(
    settings: &PoolSettings,
    workers: Option<usize>,
    wanted: Use<'_>,
    launcher: &Arc<dyn Launcher>,
) -> Result<Arc<dyn Pool>, PoolError> {
    let settings = PoolSettings { workers: settings.workers.or(workers), ..*settings };
    process(crate::billiard::on_demand().children(Children::Allow), &settings, wanted, Some(launcher))
}

#[cfg(all(not(feature = "process"), any(feature = "thread", feature = "coroutine")))]
fn beside(
    _settings: &PoolSettings,
    _workers: Option<usize>,
    _wanted: Use<'_>,
    launcher: &std::convert::Infallible,
) -> Result<Arc<dyn Pool>, PoolError> {
    match *launcher {}
}

#[cfg(feature = "process")]
fn process(
    builder: ProcessPoolBuilder,
    settings: &PoolSettings,
    wanted: Use<'_>,
    of: Foreign<'_>,
) -> Result<Arc<dyn Pool>, PoolError> {
    let builder = of.cloned().into_iter().fold(builder, ProcessPoolBuilder::launcher);
    let builder = builder.output(settings.output).wait_on_exit(!matches!(wanted, Use::Lane));
    let builder = settings.workers.into_iter().fold(builder, ProcessPoolBuilder::workers);
    let builder = settings.start_method.into_iter().fold(builder, ProcessPoolBuilder::start_method);
    let builder = settings.grace.into_iter().fold(builder, ProcessPoolBuilder::grace);
    Ok(Arc::new(builder.build()?))
}

impl PoolSettings {
    #[cfg(all(any(feature = "thread", feature = "coroutine"), feature = "process"))]
    fn check_has_no_start_method(&self) -> Result<(), PoolError> {
        let problem = |method| format!("is of pools of processes only, found: {method}");
        match self.start_method {
            Some(method) => Err(PoolError::Setting { setting: "start method", problem: problem(method) }),
            None => Ok(()),
        }
    }

    #[cfg(all(any(feature = "thread", feature = "coroutine"), not(feature = "process")))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as in builds that have start methods")]
    fn check_has_no_start_method(&self) -> Result<(), PoolError> {
        Ok(())
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

    /// Those that start processes are made in `tests/processes`, which has a `main` for them.
    #[cfg(all(feature = "thread", feature = "coroutine"))]
    #[test]
    fn a_pool_is_made_with_or_without_scaling() {
        for (name, workers) in [("thread", 1), ("gevent", 0), ("coroutine", 0)] {
            for scaling in [false, true] {
                let settings = PoolSettings { workers: Some(1), scaling, ..PoolSettings::default() };
                let found = create(name, &settings).unwrap().stats().workers;
                assert_eq!(found, workers, "{name}, scaling: {scaling}");
                let none = PoolSettings { workers: Some(0), ..settings };
                assert!(matches!(create(name, &none), Err(PoolError::Workers { found: 0, .. })));
            }
        }
    }

    #[cfg(all(feature = "thread", feature = "process"))]
    #[test]
    fn threads_have_no_start_method() {
        let settings = PoolSettings { start_method: Some(StartMethod::Fork), ..PoolSettings::default() };
        let error = create("thread", &settings).unwrap_err();
        assert_eq!(error.to_string(), "the setting `start method` is of pools of processes only, found: fork");
    }
}
