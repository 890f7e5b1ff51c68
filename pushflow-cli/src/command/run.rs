//! `pushflow run`: runs a workflow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::actor::Backoff;
use pushflow_core::engine::{Keep, Network, Report, RunHandle, RunOptions, Status, compile};
use pushflow_core::graph::{Graph, Node, Settings};
use pushflow_core::pool::Shutdown;
use pushflow_core::{Pool, PoolError, TaskError};
use pushflow_pools::coroutine;
use pushflow_pools::factory::PoolSettings;
use pushflow_pools::process::Output;
use pushflow_tasks::Tasks;
use pushflow_tasks::python::{self, Announced, EwoksOptions, Reason};

use super::workflow;
use crate::display::Display;
use crate::ewoks::EwoksArgs;
use crate::exit_code;
use crate::inputs::WorkflowArgs;
use crate::options::EngineOptions;
use crate::outcome::RunOutcome;
use crate::pool;
use crate::problem::Problem;
use crate::stop::StopWatch;
use crate::values::{Format, Outputs};
use crate::values::{Progress, seconds};
use clap::Args;
use pushflow_signals::StartMethod;
use std::ffi::OsString;

const POOL: &str = "\
What runs the tasks:
  process            worker processes that start when there is work for them [default]
  ndprocess          the same, by its other name
  multiprocessing    daemonic worker processes that start at once: killed, pushflow ends them, too
  ndmultiprocessing  the same, not daemonic: killed, pushflow lets them finish the task they are running
  billiard           as multiprocessing, which tasks in daemonic processes may start, too
  scaling            as process, with one worker for each task that runs
  thread             threads of pushflow itself
  gevent             coroutines of pushflow itself, any number of them [default with --coroutines]; also: coroutine
  in_place           nothing but pushflow itself: one task after the other";

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) workflow: WorkflowArgs,

    /// Set an engine option by its name in pypushflow: `timeout`, `pool_type`, `max_workers`, `scaling_workers`, `context`
    /// (the start method), `raise_on_error`, `startargs`, `forced_interruption`. The value is JSON, else text; also True,
    /// False and None as Python spells them. Options of pushflow's own come first.
    #[arg(short, long = "option", value_name = "NAME=VALUE")]
    pub(crate) options: Vec<String>,

    /// What runs the tasks: process, ndprocess, multiprocessing, ndmultiprocessing, billiard, scaling, thread, gevent or in_place
    /// [default: process; gevent with --coroutines].
    #[arg(long, value_name = "NAME", long_help = POOL)]
    pub(crate) pool: Option<String>,

    /// Number of workers of the pool, the most there may be when it scales [default: without --pool as many as tasks run at
    /// the same time, at most 32 or one for each processor; with it one for each processor; when it scales, one for each
    /// task that runs].
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) workers: Option<usize>,

    /// How worker processes come to be: `forkserver` forks them off a small process that is ready for it, `spawn` executes
    /// pushflow afresh, `fork` forks pushflow itself [default: forkserver].
    #[arg(long, value_name = "METHOD")]
    pub(crate) start_method: Option<StartMethod>,

    /// Run on coroutines: the pool is gevent unless named, and what follows from the end of a task of any pool runs on a
    /// coroutine. Also by the variable PUSHFLOW_COROUTINES=1.
    #[arg(long)]
    pub(crate) coroutines: bool,

    /// Have one worker for each task that runs, of whatever type the pool is; workers that have nothing to do are used again.
    #[arg(long)]
    pub(crate) scaling: bool,

    /// The interpreter that runs Python tasks: a path or a name [default: that of PUSHFLOW_PYTHON, of the active virtual
    /// environment, or python3].
    #[arg(long, value_name = "PYTHON")]
    pub(crate) python: Option<OsString>,

    #[command(flatten, next_help_heading = "Options of ewoks")]
    pub(crate) ewoks: EwoksArgs,

    /// Bound the whole run; what is there by then is the result.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,

    /// Bound each try of each node that has no `timeout` of its own.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) task_timeout: Option<Duration>,

    /// Try executions again that failed, this often, of nodes that do not say how often [default: 0].
    #[arg(long, value_name = "N", value_parser = retries, allow_negative_numbers = true)]
    pub(crate) retries: Option<u32>,

    /// How long to wait before trying again; twice as long each further time. Of nodes that do not say it [default: 0].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) retry_delay: Option<Duration>,

    /// Bound how often each node is executed, tries again apart. An execution beyond it is a failure of the run.
    #[arg(long, value_name = "N", value_parser = iterations, allow_negative_numbers = true)]
    pub(crate) max_iterations: Option<u64>,

    /// Limit a resource: nodes that say under `pushflow` that they occupy some of it wait while there is not enough left.
    #[arg(long = "resource", value_name = "NAME=AMOUNT", value_parser = resource)]
    pub(crate) resources: Vec<(String, f64)>,

    /// Go on after a failure with all that does not depend on it. The default.
    #[arg(long, overrides_with = "fail_fast")]
    pub(crate) keep_going: bool,

    /// Start nothing more after a failure that no link handles; what runs may finish.
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// How long a command that is told to end may take before the next, harder signal.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) grace: Duration,

    /// Which outputs to show: none, the result, or the result and the last outputs of every node.
    #[arg(long, value_enum, default_value_t = Outputs::End)]
    pub(crate) outputs: Outputs,

    /// Make one result of the last outputs of all end nodes, or with `--outputs all` of all nodes: names that several have
    /// are those of the node that is last in the workflow. By default the result is that of the end node that ended last.
    #[arg(long)]
    pub(crate) merge_outputs: bool,

    /// Load and check everything, say what would be run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// When to show a line that says how far the run is.
    #[arg(long, value_enum, default_value_t = Progress::Auto, value_name = "WHEN")]
    pub(crate) progress: Progress,

    /// How to show what happens and what comes out.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) output_format: Format,

    /// Say more: every execution that starts and ends.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Say nothing but errors, and show no result: short for `--output-format quiet`.
    #[arg(short, long, conflicts_with_all = ["output_format", "verbose"])]
    pub(crate) quiet: bool,
}

pub(super) fn run(args: &RunArgs) -> u8 {
    let format = if args.quiet { Format::Quiet } else { args.output_format };
    let display = Arc::new(Display::new(format, args.verbose || args.ewoks.is_verbose(), args.progress));
    let outcome = execute(args, &display);
    // Also those that were asked, or have told of events.
    python::end_shared(pool::end_takes(args.grace));
    match outcome {
        Ok(Some(outcome)) => display.outcome(&outcome),
        Ok(None) => exit_code::OK,
        Err(problem) => display.problem(&problem),
    }
}

/// Runs a workflow; `None` when it only would have been run.
fn execute(args: &RunArgs, display: &Arc<Display>) -> Result<Option<RunOutcome>, Problem> {
    pool::enter_environment(args.coroutines)?;
    args.ewoks.check()?;
    let options = EngineOptions::read(&args.options)?;
    options.ignored.iter().for_each(|name| display.warn(&format!("option `{name}` is not known and ignored")));
    let tasks = Tasks::new().grace(args.grace).python(args.python.as_ref()).importing();
    let mut graph = workflow::load(&args.workflow, &tasks)?;
    set_defaults(&mut graph, args);
    let graph = Arc::new(graph);
    display.show_run_of(&graph);
    graph.warnings.iter().for_each(|warning| display.warn(&warning.to_string()));
    // Once instead of in every worker; and tasks that start together are not told apart by how long their modules take.
    let ewoks = args.ewoks.add_to(options.ewoks)?;
    let tasks = tasks.ewoks(ewoks.clone()).pre_import_of(&graph, options.pre_import != Some(false));
    let tasks = if options.pre_import.is_none() { tasks.pre_import_quietly() } else { tasks };
    let announced =
        if args.dry_run { None } else { tasks.announce(&graph).map_err(|error| Problem::of_task(&error))? };
    // With their events tasks tell what this run is.
    let told = announced.as_ref().map(Announced::execinfo).cloned();
    let tasks = told.into_iter().fold(tasks, |tasks, execinfo| tasks.ewoks(EwoksOptions { execinfo, ..ewoks.clone() }));
    let (network, announced) = match prepare(&graph, &tasks, options.pre_import == Some(true) && !args.dry_run) {
        Ok(network) => (network, announced),
        Err(problem) => {
            // Whether that can be told or not, this is the error.
            announced.map(|announced| announced.end(Some(Reason { message: &problem.message, traceback: &[] })));
            return Err(problem);
        }
    };
    let workers =
        args.workers.or(options.max_workers.map(|most| if most == 0 { graph.nodes.len().max(1) } else { most }));
    let name = args.pool.as_deref().or(options.pool.as_deref());
    let is_said = args.pool.is_some() || args.scaling || options.scaling.is_some();
    let settings = PoolSettings {
        workers: if is_said { workers } else { workers.or(pool::most_workers(name)?) },
        scaling: args.scaling || options.scaling == Some(true),
        start_method: args.start_method.or(options.start_method),
        grace: Some(pool::grace(args.grace)),
        // What tasks print must not mix with the result.
        output: Output::Capture,
    };
    if args.dry_run {
        pool::check_nodes(&graph)?;
        display.dry_run(&graph, pool::name(name)?);
        return Ok(None);
    }
    let pools = pool::of_nodes(name, &graph, &settings)?;
    let pool = pool::create(name, &settings)?;
    // Workers may print as they end, after the run.
    let listener = Display::listener(display);
    let run_options = RunOptions::default()
        .fail_fast(args.fail_fast)
        .max_iterations(args.max_iterations)
        .timeout(args.timeout.or(options.timeout))
        .data(options.start_data)
        .keep(match args.outputs {
            Outputs::None => Keep::None,
            Outputs::End => Keep::End,
            Outputs::All => Keep::All,
        })
        .listener(Arc::clone(&listener));
    let run_options = pools.iter().fold(run_options, |all, (name, pool)| all.pool(name.clone(), Arc::clone(pool)));
    let run_options =
        args.resources.iter().fold(run_options, |all, (name, amount)| all.resource(name.clone(), *amount));
    let watch = StopWatch::start(options.forced_interruption)?;
    let begin = Instant::now();
    let report = match pool {
        None => run_in_place(&network, run_options, &watch),
        Some(pool) => {
            let pools = [pool].into_iter().chain(pools.into_iter().map(|(_, pool)| pool)).collect();
            run_on(&Arc::new(network), pools, run_options, &watch, args.grace)?
        }
    };
    drop((watch, listener));
    let outcome = RunOutcome::new(&graph, report, args.outputs, begin.elapsed());
    let merged = args.merge_outputs.then(|| outcome.merged());
    let outcome = RunOutcome { raise_on_error: options.raise_on_error, merged, ..outcome };
    let reason = outcome.error().map(|error| Reason { message: &error.message, traceback: &error.traceback });
    if let Some(Err(error)) = announced.map(|announced| announced.end(reason)) {
        display.warn(&format!("the end of the run cannot be announced: {error}"));
    }
    Ok(Some(outcome))
}

/// Compiles a workflow, after its functions and classes were imported, if they are to be.
fn prepare(graph: &Arc<Graph>, tasks: &Tasks, imports: bool) -> Result<Network, Problem> {
    if imports {
        let problem = |(node, error): (&Node, TaskError)| Problem {
            node: Some(node.label().as_str().into()),
            place: Some(node.place.clone()),
            ..Problem::of_task(&error)
        };
        tasks.import(graph).map_err(problem)?;
    }
    compile(graph, tasks).map_err(|error| Problem::of_compile(&error))
}

/// Gives the settings of the command line to the nodes that say nothing about them.
fn set_defaults(graph: &mut Graph, args: &RunArgs) {
    if args.retries.is_none() && args.retry_delay.is_none() && args.task_timeout.is_none() {
        return;
    }
    let complete = |settings: &mut Settings| {
        settings.retries = settings.retries.or(args.retries);
        settings.backoff = settings.backoff.or(args.retry_delay.map(Backoff::doubling));
        settings.timeout = settings.timeout.or(args.task_timeout);
    };
    let mut plain = Settings::default();
    complete(&mut plain);
    let plain = Arc::new(plain);
    for node in &mut graph.nodes {
        match &mut node.settings {
            Some(settings) => complete(Arc::make_mut(settings)),
            None => node.settings = Some(Arc::clone(&plain)),
        }
    }
}

fn run_in_place(network: &Network, options: RunOptions, watch: &StopWatch) -> Report {
    let run = network.in_place(options);
    watch.watch_over(run.stopper());
    run.run()
}

/// Starts a run: in the coroutine environment on a coroutine, where what follows goes on.
fn start(network: &Arc<Network>, pool: Arc<dyn Pool>, options: RunOptions) -> Result<RunHandle, Problem> {
    if !matches!(coroutine::is_coroutine_environment(), Ok(true)) {
        return Ok(network.start(pool, options));
    }
    let network = Arc::clone(network);
    let started = coroutine::run(move || network.start(pool, options));
    let started = started.map_err(|error| Problem::internal(error.to_string()))?;
    started.ok_or_else(|| Problem::internal("the start of the run panicked".to_owned()))
}

/// Runs on the first of the pools; the others are for the nodes that ask for them.
fn run_on(
    network: &Arc<Network>,
    pools: Vec<Arc<dyn Pool>>,
    options: RunOptions,
    watch: &StopWatch,
    grace: Duration,
) -> Result<Report, Problem> {
    let run = start(network, Arc::clone(&pools[0]), options)?;
    watch.watch_over(run.stopper());
    let report = run.wait();
    let interrupt = matches!(report.status, Status::TimedOut | Status::Stopped);
    if interrupt {
        // All at once: each of them takes its time to end.
        pools.iter().for_each(|pool| pool.interrupt());
    }
    for pool in pools {
        let timeout = Some(pool::end_takes(grace));
        if let Err(PoolError::Timeout { .. }) = pool.shutdown(Shutdown { wait: true, timeout, interrupt }) {
            // A task that does not end when it is told to must not keep the program from ending.
            std::mem::forget(pool);
        }
    }
    Ok(report)
}

fn retries(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a whole number of 0 or more".to_owned())
}

fn iterations(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number above 0".to_owned())
}

fn resource(text: &str) -> Result<(String, f64), String> {
    let found = text.split_once('=').and_then(|(name, amount)| Some((name, amount.parse::<f64>().ok()?)));
    match found.filter(|(name, amount)| !name.is_empty() && amount.is_finite() && *amount >= 0.0) {
        Some((name, amount)) => Ok((name.to_owned(), amount)),
        None => Err("expected NAME=AMOUNT, the amount a number of 0 or more".to_owned()),
    }
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number above 0".to_owned())
}
