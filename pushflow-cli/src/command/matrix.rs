//! `pushflow matrix`: tries every kind of task in every pool.

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pushflow_signals::StartMethod;

use crate::display::out;
use crate::exit_code;
use crate::matrix::axes::{Cell, Choice, Environment};
use crate::matrix::cell;
use crate::matrix::table::{self, Object};
use crate::matrix::watch::{self, Plan};
use crate::values::{TextOrJson, seconds};

#[derive(Args, Debug)]
pub(crate) struct MatrixArgs {
    /// Pools to try [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pool: Vec<String>,

    /// Kinds of tasks to try: simple, subprocess, cfpool, mppool, mpprocess, bpool, bprocess [default: all]. Beside
    /// them, to see what is told of what goes wrong: hang, leak, fail.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,

    /// How the workers of the pool are started: forkserver, spawn, fork [default: all].
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    start_method: Vec<StartMethod>,

    /// How nested processes are started [default: all].
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    nested_start_method: Vec<StartMethod>,

    /// With one worker for each task that runs, or without [default: both].
    #[arg(long, value_enum)]
    scaling: Option<WithOrWithout>,

    /// Whether threads wait or coroutines [default: all of this build].
    #[arg(long, value_enum, value_delimiter = ',')]
    environment: Vec<Environment>,

    /// How often each combination is run.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,

    /// How many combinations are run at the same time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,

    /// How long a run may take before it counts as hung.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Duration,

    /// How to show the table.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    output_format: TextOrJson,

    /// Run one combination in this process, and say so of each run.
    #[arg(long, hide = true)]
    cell: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WithOrWithout {
    /// With.
    With,
    /// Without.
    Without,
}

pub(super) fn run(args: &MatrixArgs) -> u8 {
    if let Some(text) = &args.cell {
        return match text.parse::<Cell>() {
            Ok(cell) => cell::run(&cell, args.repeat),
            Err(problem) => usage(&problem),
        };
    }
    let choice = Choice {
        pools: args.pool.clone(),
        kinds: args.kind.clone(),
        outside: args.start_method.clone(),
        inside: args.nested_start_method.clone(),
        scaling: args.scaling.map(|scaling| scaling == WithOrWithout::With).into_iter().collect(),
        environments: args.environment.clone(),
    };
    if let Err(problem) = choice.check() {
        return usage(&problem);
    }
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let plan =
        Plan { repeat: args.repeat, jobs: args.jobs.map_or_else(processors, usize::from), timeout: args.timeout };
    let cells = choice.cells();
    let all = cells.len();
    let shows_progress = std::io::stderr().is_terminal();
    let results = watch::run(cells, plan, |tally, left| {
        if shows_progress {
            out::status(&format!("{}/{all} {}", all - left, tally.cell));
        }
    });
    if shows_progress {
        out::status("");
    }
    let results = match results {
        Ok(results) => results,
        Err(problem) => {
            out::say(&format!("error: {problem}"));
            return exit_code::INTERNAL;
        }
    };
    match args.output_format {
        TextOrJson::Human => out::result(&table::text(&results, plan)),
        TextOrJson::Json => out::json_line(&Object::new(&results, plan)),
    }
    match (table::is_as_promised(&results), results.stopped) {
        (true, _) => exit_code::OK,
        (false, true) => exit_code::STOPPED,
        (false, false) => exit_code::FAILED,
    }
}

fn usage(problem: &str) -> u8 {
    out::say(&format!("error: {problem}"));
    exit_code::USAGE
}
