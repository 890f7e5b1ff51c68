//! `pushflow run`: runs a workflow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::actor::Backoff;
use pushflow_core::engine::{Keep, Network, Report, RunHandle, RunOptions, Status, compile};
use pushflow_core::graph::{Graph, Settings};
use pushflow_core::pool::Shutdown;
use pushflow_core::{Pool, PoolError};
use pushflow_pools::coroutine;
use pushflow_pools::factory::PoolSettings;
use pushflow_pools::process::Output;
use pushflow_tasks::Tasks;

use super::workflow;
use crate::arguments::{Format, Outputs, RunArgs};
use crate::display::Display;
use crate::exit_code;
use crate::options::EngineOptions;
use crate::outcome::RunOutcome;
use crate::pool;
use crate::problem::Problem;
use crate::stop::StopWatch;

pub(super) fn run(args: &RunArgs) -> u8 {
    let format = if args.quiet { Format::Quiet } else { args.output_format };
    let display = Arc::new(Display::new(format, args.verbose, args.progress));
    match execute(args, &display) {
        Ok(Some(outcome)) => display.outcome(&outcome),
        Ok(None) => exit_code::OK,
        Err(problem) => display.problem(&problem),
    }
}

/// Runs a workflow; `None` when it only would have been run.
fn execute(args: &RunArgs, display: &Arc<Display>) -> Result<Option<RunOutcome>, Problem> {
    pool::enter_environment(args.coroutines)?;
    let options = EngineOptions::read(&args.options)?;
    options.ignored.iter().for_each(|name| display.warn(&format!("option `{name}` is not known and ignored")));
    let tasks = Tasks::new().grace(args.grace).python(args.python.as_ref()).importing();
    let mut graph = workflow::load(&args.workflow, &tasks)?;
    set_defaults(&mut graph, args);
    let graph = Arc::new(graph);
    display.show_run_of(&graph);
    graph.warnings.iter().for_each(|warning| display.warn(&warning.to_string()));
    // Once instead of in every worker; and tasks that start together are not told apart by how long their modules take.
    let modules = if options.pre_import == Some(false) { Vec::new() } else { Tasks::modules(&graph) };
    let tasks = tasks.pre_import(modules).ewoks(args.ewoks_options(options.ewoks));
    let tasks = if options.pre_import.is_none() { tasks.pre_import_quietly() } else { tasks };
    let network = compile(&graph, &tasks).map_err(|error| Problem::of_compile(&error))?;
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
        .listener(Display::listener(display));
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
    drop(watch);
    let outcome = RunOutcome::new(&graph, report, args.outputs, begin.elapsed());
    let merged = args.merge_outputs.then(|| outcome.merged());
    Ok(Some(RunOutcome { raise_on_error: options.raise_on_error, merged, ..outcome }))
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
