//! `pushflow run`: runs a workflow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::engine::{Keep, Network, Report, RunOptions, Status, compile};
use pushflow_core::pool::Shutdown;
use pushflow_core::{Pool, PoolError};
use pushflow_pools::factory::PoolSettings;
use pushflow_pools::process::Output;
use pushflow_tasks::Tasks;

use super::workflow;
use crate::arguments::{Outputs, RunArgs};
use crate::display::Display;
use crate::options::EngineOptions;
use crate::outcome::RunOutcome;
use crate::pool;
use crate::problem::Problem;
use crate::stop::StopWatch;

pub(super) fn run(args: &RunArgs) -> u8 {
    let display = Arc::new(Display::new(args.output_format, args.verbose));
    match execute(args, &display) {
        Ok(outcome) => display.outcome(&outcome),
        Err(problem) => display.problem(&problem),
    }
}

fn execute(args: &RunArgs, display: &Arc<Display>) -> Result<RunOutcome, Problem> {
    let options = EngineOptions::read(&args.options)?;
    options.ignored.iter().for_each(|name| display.warn(&format!("option `{name}` is not known and ignored")));
    let graph = workflow::load(&args.workflow)?;
    graph.warnings.iter().for_each(|warning| display.warn(&warning.to_string()));
    let tasks = Tasks::new().grace(args.grace);
    let network = compile(&graph, &tasks).map_err(|error| Problem::of_compile(&error))?;
    let workers =
        args.workers.or(options.max_workers.map(|most| if most == 0 { graph.nodes.len().max(1) } else { most }));
    let settings = PoolSettings {
        workers,
        scaling: args.scaling || options.scaling,
        start_method: args.start_method.or(options.start_method),
        grace: Some(pool::grace(args.grace)),
        // What tasks print must not mix with the result.
        output: Output::Capture,
    };
    let pool = pool::create(args.pool.as_deref().or(options.pool.as_deref()), &settings)?;
    let run_options = RunOptions::default()
        .timeout(args.timeout.or(options.timeout))
        .data(options.start_data)
        .keep(match args.outputs {
            Outputs::None => Keep::None,
            Outputs::End => Keep::End,
            Outputs::All => Keep::All,
        })
        .listener(Display::listener(display));
    let begin = Instant::now();
    let report = match pool {
        None => run_in_place(&network, run_options)?,
        Some(pool) => run_on(&Arc::new(network), pool, run_options, args.grace)?,
    };
    let outcome = RunOutcome::new(&graph, report, args.outputs, begin.elapsed());
    Ok(RunOutcome { raise_on_error: options.raise_on_error, ..outcome })
}

fn run_in_place(network: &Network, options: RunOptions) -> Result<Report, Problem> {
    let watch = StopWatch::start()?;
    let run = network.in_place(options);
    watch.watch_over(run.stopper());
    Ok(run.run())
}

fn run_on(
    network: &Arc<Network>,
    pool: Arc<dyn Pool>,
    options: RunOptions,
    grace: Duration,
) -> Result<Report, Problem> {
    let watch = StopWatch::start()?;
    let run = network.start(Arc::clone(&pool), options);
    watch.watch_over(run.stopper());
    let report = run.wait();
    let interrupt = matches!(report.status, Status::TimedOut | Status::Stopped);
    let timeout = Some(pool::end_takes(grace));
    if let Err(PoolError::Timeout { .. }) = pool.shutdown(Shutdown { wait: true, timeout, interrupt }) {
        // A task that does not end when it is told to must not keep the program from ending.
        std::mem::forget(pool);
    }
    Ok(report)
}
