//! `pushflow show`: shows the inputs that a workflow takes, or the workflow as it is executed.

use pushflow_core::graph::{Graph, Outline, Resolved, free_inputs};
use pushflow_tasks::Tasks;

use super::workflow;
use crate::answer::Answer;
use crate::display::{out, overview};
use crate::exit_code;
use crate::inputs::WorkflowArgs;
use clap::{Args, ValueEnum};

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

pub(super) fn run(args: &ShowArgs) -> u8 {
    let tasks = Tasks::new();
    let graph = match workflow::load_to_look(&args.workflow, &tasks) {
        Ok(graph) => graph,
        Err(problem) => {
            match args.output_format {
                ShowFormat::Json | ShowFormat::Document => out::json_line(&Answer::of_problem(&problem)),
                ShowFormat::Human => out::problem(&problem),
            }
            return problem.exit_code;
        }
    };
    if args.resolved {
        show_resolved(&graph, args.output_format)
    } else {
        show_inputs(&graph, &tasks, args.output_format)
    }
    exit_code::OK
}

fn show_resolved(graph: &Graph, format: ShowFormat) {
    if format != ShowFormat::Document {
        graph.warnings.iter().for_each(|warning| out::say(&format!("warning: {warning}")));
    }
    match format {
        ShowFormat::Json => out::json_line(&Outline(graph)),
        ShowFormat::Document => out::json_indented(&Resolved(graph)),
        ShowFormat::Human => out::result(&overview::resolved(graph)),
    }
}

fn show_inputs(graph: &Graph, tasks: &Tasks, format: ShowFormat) {
    let inputs = free_inputs(graph, tasks);
    match format {
        ShowFormat::Human => out::result(&overview::inputs(graph, &inputs)),
        ShowFormat::Json => out::json_line(&overview::InputsView::new(graph, &inputs)),
        ShowFormat::Document => out::json_indented(&overview::InputsView::new(graph, &inputs)),
    }
}
