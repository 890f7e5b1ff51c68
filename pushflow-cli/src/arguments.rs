//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use pushflow_signals::StartMethod;
use pushflow_tasks::python::EwoksOptions;

use crate::answer::Answer;
use crate::command::bench::BenchArgs;
use crate::command::daemonic::DaemonicArgs;
use crate::command::matrix::MatrixArgs;
use crate::command::pools::PoolsArgs;
use crate::display::out;
use crate::exit_code;
use crate::problem::Problem;

const EXIT_CODES: &str = "\
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

/// Runs workflows: graphs of tasks, cyclic or not, in which finished tasks trigger what is downstream.
#[derive(Debug, Parser)]
#[command(name = "pushflow", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

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

/// Which workflow, with which inputs.
#[derive(Args, Debug)]
pub(crate) struct WorkflowArgs {
    /// The workflow: JSON, or YAML when it ends with .yml or .yaml.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Take inputs from a file: a JSON or YAML list of objects with `name`, `value`, and optionally `id`, `label`,
    /// `task_identifier` or `all` to select nodes; without these, the start nodes get the value.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,

    /// Set an input of the start nodes, or of the node with that id. The value is JSON, else text.
    #[arg(short = 'p', long = "parameter", value_name = "[ID:]NAME=VALUE")]
    pub(crate) parameters: Vec<String>,

    /// Set an input of one node, by its id. Also -pn. A node in a sub-workflow is a JSON list: '["s", "n"]:x=1'.
    #[arg(long = "parameter-node", visible_alias = "parameter-nodeid", value_name = "ID:NAME=VALUE")]
    pub(crate) node_parameters: Vec<String>,

    /// Set an input of all nodes whose task identifier ends like this. Also -pt.
    #[arg(long = "parameter-task", visible_alias = "parameter-taskid", value_name = "TASK:NAME=VALUE")]
    pub(crate) task_parameters: Vec<String>,

    /// Set an input of all nodes with a label. Also -pl.
    #[arg(long = "parameter-label", value_name = "LABEL:NAME=VALUE")]
    pub(crate) label_parameters: Vec<String>,

    /// Set an input of the start nodes. Also -ps. Of all these options, later ones in this list count.
    #[arg(long = "parameter-start", value_name = "NAME=VALUE")]
    pub(crate) start_parameters: Vec<String>,

    /// Set an input of all nodes. Also -pa.
    #[arg(long = "parameter-all", value_name = "NAME=VALUE")]
    pub(crate) all_parameters: Vec<String>,

    /// Where relative names of workflow files start [default: the working directory].
    #[arg(long, visible_alias = "workflow-dir", value_name = "DIR")]
    pub(crate) root_dir: Option<PathBuf>,
}

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

    /// Keep the outputs of tasks in this directory, and do not execute a task whose outputs are there: `ewokscore` does that, in the
    /// interpreter that runs Python tasks.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_root_uri: Option<String>,

    /// How outputs are kept: `json`, `nexus`.
    #[arg(long, value_name = "SCHEME", requires = "data_root_uri")]
    pub(crate) data_scheme: Option<String>,

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// On a terminal, unless the output is for programs or quiet.
    Auto,
    /// Also where standard error is no terminal.
    Always,
    /// Never.
    Never,
}

impl RunArgs {
    /// Puts where outputs are kept into the options of ewoks, which an argument of its own can say, too.
    pub(crate) fn ewoks_options(&self, mut options: EwoksOptions) -> EwoksOptions {
        let named = [("root_uri", &self.data_root_uri), ("scheme", &self.data_scheme)];
        let named: Vec<_> =
            named.into_iter().filter_map(|(name, value)| Some((name.into(), value.clone()?.into()))).collect();
        if !named.is_empty() {
            let mut varinfo = options.varinfo.as_map().cloned().unwrap_or_default();
            varinfo.extend(named);
            options.varinfo = varinfo.into();
        }
        options
    }
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) workflow: WorkflowArgs,

    /// Take warnings for errors.
    #[arg(long)]
    pub(crate) strict: bool,

    /// How to show what was found.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub(crate) output_format: TextOrJson,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) workflow: WorkflowArgs,

    /// Show nodes and links as they are executed: sub-workflows expanded, error handlers connected, required links marked.
    #[arg(long)]
    pub(crate) resolved: bool,

    /// How to show it.
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) output_format: ShowFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// Tables.
    Human,
    /// One JSON object on a line; of a resolved workflow its shape only, sorted, to be compared.
    Json,
    /// Indented JSON; of a resolved workflow all of it, in the order of the file.
    Document,
}

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) workflow: WorkflowArgs,

    /// Where to write it [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to write [default: by the name of the output, else svg].
    #[arg(long = "as", value_enum, value_name = "LANGUAGE")]
    pub(crate) picture: Option<Picture>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// A picture.
    Svg,
    /// The language of Graphviz.
    Dot,
    /// The language of Mermaid.
    Mermaid,
}

#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    /// The workflow: JSON, or YAML when it ends with .yml or .yaml.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Where to write it [default: standard output]. YAML when it ends with .yml or .yaml, else JSON.
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: Option<PathBuf>,

    /// What to write, whatever the name of the destination [default on standard output: json].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: Option<DocumentFormat>,

    /// Replace a destination that exists.
    #[arg(long)]
    pub(crate) force: bool,

    /// Where relative names of workflow files start [default: the working directory].
    #[arg(long, visible_alias = "workflow-dir", value_name = "DIR")]
    pub(crate) root_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outputs {
    /// Nothing; errors are shown all the same.
    None,
    /// The result.
    End,
    /// The result, and the last outputs of every node.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text to read: results on standard output, all else on standard error.
    Human,
    /// One JSON object on standard output, on failure too.
    Json,
    /// One JSON object per event, a line each; the last one is the answer.
    Jsonl,
    /// Errors only.
    Quiet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// Text to read.
    Human,
    /// One JSON object on standard output, on failure too.
    Json,
}

/// Arguments that clap refuses, or answers itself: help, version.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: clap::Error,
    json: bool,
}

/// Reads the arguments of the program.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, Refusal> {
    let arguments: Vec<OsString> = arguments.map(spell_out).collect();
    let format_is = |json: &str| arguments.windows(2).any(|pair| pair[0] == "--output-format" && pair[1] == json);
    let json = format_is("json") || arguments.iter().any(|argument| argument == "--output-format=json");
    Arguments::try_parse_from(&arguments).map_err(|error| Refusal { error, json })
}

/// Spells out the options of ewoks that have one dash and two letters, which clap does not know.
fn spell_out(argument: OsString) -> OsString {
    let long = match argument.to_str() {
        Some("-pn") => "--parameter-node",
        Some("-pl") => "--parameter-label",
        Some("-pt") => "--parameter-task",
        Some("-ps") => "--parameter-start",
        Some("-pa") => "--parameter-all",
        _ => return argument,
    };
    long.into()
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

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    crate::options::positive_seconds(number).ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

impl Refusal {
    /// What is wrong, in one line: the first paragraph of what people are shown.
    fn message(&self) -> String {
        let text = self.error.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let message = lines.join(" ");
        message.strip_prefix("error: ").map(str::to_owned).unwrap_or(message)
    }

    /// Shows help or what is wrong; returns the exit code.
    pub(crate) fn show(&self) -> u8 {
        // Nobody reads on a closed pipe.
        let _ = self.error.print();
        if matches!(self.error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return exit_code::OK;
        }
        if self.json {
            out::json_line(&Answer::of_problem(&Problem::usage(self.message())));
        }
        exit_code::USAGE
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
