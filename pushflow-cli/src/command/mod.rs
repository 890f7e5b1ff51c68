//! The commands, one file each.

mod bench;
mod check;
mod completions;
mod convert;
mod daemonic;
mod graph;
mod man;
mod matrix;
mod pools;
mod run;
mod show;
mod workflow;

use std::path::PathBuf;

use clap::Subcommand;

use bench::BenchArgs;
use check::CheckArgs;
use convert::ConvertArgs;
use daemonic::DaemonicArgs;
use graph::GraphArgs;
use matrix::MatrixArgs;
use pools::PoolsArgs;
use run::RunArgs;
use show::ShowArgs;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  all went well                          10  a task failed, there is no result
  1  internal error                         11  there is a result although a task failed
  2  the arguments cannot be used           12  the time was over
  3  the workflow is not valid              13  stopped on request
                                            14  a worker was lost
Ended by SIGINT or SIGTERM at the third stage: 130 or 143.";

const MEASURING_EXIT_CODES: &str = "\
Exit codes: 0 as promised, 10 not as promised, 13 stopped on request, 2 the arguments cannot be used, 1 internal error.";

const BENCH_EXIT_CODES: &str = "\
Exit codes: 0 measured, 10 a pool could not be measured, 13 stopped on request, 2 the arguments cannot be used, 1 internal error.";

const STOPPING: &str = "\
Ctrl-C (or SIGTERM) stops in stages: the first lets running tasks finish and starts no more, \
the second breaks them off, the third ends pushflow at once.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a workflow and show its result.
    ///
    /// Results go to standard output, everything else to standard error.
    #[command(visible_alias = "execute", after_help = format!("{STOPPING}\n\n{EXIT_CODES}"))]
    Run(Box<RunArgs>),
    /// Check a workflow without running it: its form, its links, its tasks, what can never happen in it.
    ///
    /// Prints what it finds as `file:line:column: message`. What keeps the workflow from running is an error, what its author
    /// most likely did not mean a warning.
    #[command(
        after_help = "Exit codes: 0 valid; 2 the arguments cannot be used; 3 not valid, or with --strict a warning."
    )]
    Check(CheckArgs),
    /// Show the inputs that a workflow takes, or with --resolved the workflow as it is executed.
    Show(ShowArgs),
    /// Try every kind of task in every pool, in every way to start processes, and show the table.
    ///
    /// Each combination is run by a process of its own, under a watchdog. The exit code is 0 when all is as promised: the
    /// task was run, or refused where daemonic workers may have no children; nothing failed, hung, or left anything.
    #[command(after_help = MEASURING_EXIT_CODES)]
    Matrix(Box<MatrixArgs>),
    /// Show which processes are daemonic and what they may start, by asking one of each.
    Daemonic(DaemonicArgs),
    /// Show the pools of this build.
    Pools(PoolsArgs),
    /// Measure pools, and compare them with each other and with those of Python.
    ///
    /// All pools are measured in turn, round after round, each time in a process of their own. Shown are the medians of all
    /// rounds, and how far these lie apart.
    #[command(after_help = BENCH_EXIT_CODES)]
    Bench(Box<BenchArgs>),
    /// Write a workflow as JSON or YAML, with the keys of the newest schema.
    ///
    /// Comments are lost; keys without meaning are kept. Sub-workflows in files of their own stay where they are.
    Convert(ConvertArgs),
    /// Draw a workflow as SVG, or write it in the language of Graphviz or Mermaid.
    ///
    /// Sub-workflows are groups. Lines that are dashed are links that a node does not wait for, red ones those for errors.
    Graph(GraphArgs),
    /// Print a script that completes the command line in a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands.
    Man {
        /// Where to write the pages of all commands, instead of printing the one of pushflow.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// Runs a command; returns the exit code.
pub(crate) fn run(command: &Command) -> u8 {
    match command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Show(args) => show::run(args),
        Command::Matrix(args) => matrix::run(args),
        Command::Daemonic(args) => daemonic::run(args),
        Command::Pools(args) => pools::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Completions { shell } => completions::run(*shell),
        Command::Man { directory } => man::run(directory.as_deref()),
    }
}
