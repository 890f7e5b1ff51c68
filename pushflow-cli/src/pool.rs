//! Which pool runs the tasks.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::graph::{Graph, Node, closest};
use pushflow_core::{Pool, PoolError};
use pushflow_pools::factory::{self, PoolSettings};
use smol_str::SmolStr;

use crate::exit_code;
use crate::problem::Problem;

/// The name that stands for no pool: one task after the other, in the main thread.
pub(crate) const IN_PLACE: &str = "in_place";

/// What the end of a killed process may take on a busy machine.
const MARGIN: Duration = Duration::from_secs(1);

/// A pool and its name.
type Named = (SmolStr, Arc<dyn Pool>);

/// Enters the coroutine environment, when it is asked for or the variable says so.
pub(crate) fn enter_environment(coroutines: bool) -> Result<(), Problem> {
    let entered = if coroutines {
        pushflow_pools::coroutine::coroutine_environment()
    } else {
        pushflow_pools::coroutine::is_coroutine_environment().map(drop)
    };
    entered.map_err(problem)
}

/// Returns the name of the pool of a run, which is known, or that for no pool.
pub(crate) fn name(name: Option<&str>) -> Result<&'static str, Problem> {
    match name {
        None => factory::default_name().map_err(problem),
        Some(IN_PLACE) => Ok(IN_PLACE),
        Some(name) => factory::find(name).ok_or_else(|| unknown(name)),
    }
}

/// Returns how many workers there may be when nobody says anything about it.
///
/// All that can run is to run at the same time: tasks that wait for something would hold up others. Pools that start workers
/// when there is work for them may therefore have more than there are processors.
pub(crate) fn most_workers(of: Option<&str>) -> Result<Option<usize>, Problem> {
    const MOST: usize = 32;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(matches!(name(of)?, "process" | "ndprocess").then_some(processors.max(MOST)))
}

/// Makes the pool of a name; `None` when tasks run in place.
pub(crate) fn create(name: Option<&str>, settings: &PoolSettings) -> Result<Option<Arc<dyn Pool>>, Problem> {
    let name = self::name(name)?;
    if name == IN_PLACE { Ok(None) } else { make(name, settings).map(Some) }
}

/// Makes the pools that nodes ask for; none in a run in place, where all tasks run in the same way.
pub(crate) fn of_nodes(
    pool_of_run: Option<&str>,
    graph: &Graph,
    settings: &PoolSettings,
) -> Result<Vec<Named>, Problem> {
    check_nodes(graph)?;
    if name(pool_of_run)? == IN_PLACE {
        return Ok(Vec::new());
    }
    let mut pools: Vec<Named> = Vec::new();
    for (_, wanted) in wishes(graph) {
        if pools.iter().all(|(name, _)| name != wanted) {
            // A start method is of pools of processes only.
            let is_of_processes = !matches!(factory::find(wanted), Some("thread" | "gevent"));
            let start_method = settings.start_method.filter(|_| is_of_processes);
            pools.push((wanted.clone(), make(wanted, &PoolSettings { start_method, ..*settings })?));
        }
    }
    Ok(pools)
}

/// Checks that the pools that nodes ask for are known.
pub(crate) fn check_nodes(graph: &Graph) -> Result<(), Problem> {
    let unknown_one = wishes(graph).find(|(_, wanted)| factory::find(wanted).is_none());
    unknown_one.map_or(Ok(()), |(node, wanted)| {
        let meant = closest(wanted, factory::names());
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        let message =
            format!("node '{}' asks for a pool of unknown type: {}{meant}", node.label(), unknown(wanted).message);
        let (exit_code, place) = (exit_code::INVALID, Some(node.place.clone()));
        Err(Problem {
            kind: "unknown_name",
            node: Some(node.label().as_str().into()),
            place,
            exit_code,
            ..Problem::usage(message)
        })
    })
}

/// The nodes that ask for a pool, and its name.
fn wishes(graph: &Graph) -> impl Iterator<Item = (&Node, &SmolStr)> {
    graph.nodes.iter().filter_map(|node| Some((node, node.settings.as_ref()?.pool.as_ref()?)))
}

fn unknown(name: &str) -> Problem {
    let known = factory::names().collect::<Vec<_>>().join(", ");
    let message = format!("unknown pool type `{name}`, this build has: {known}, {IN_PLACE}");
    // The type that pypushflow has for it.
    Problem { type_name: "KeyError".into(), ..Problem::usage(message) }
}

fn make(name: &str, settings: &PoolSettings) -> Result<Arc<dyn Pool>, Problem> {
    factory::create(name, settings).map_err(problem)
}

fn problem(error: PoolError) -> Problem {
    match error {
        PoolError::UnknownType { name, .. } => unknown(&name),
        PoolError::Workers { .. } | PoolError::Setting { .. } => Problem::usage(error.to_string()),
        error => Problem::internal(format!("cannot start the pool: {error}")),
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
