//! Loading the workflow that the arguments name.

use pushflow_core::graph::{Format, Graph, LoadOptions, can_start_by, load_file, load_text};
use pushflow_tasks::Tasks;

use crate::inputs;
use crate::inputs::WorkflowArgs;
use crate::problem::Problem;

/// Loads it to be run.
pub(super) fn load(args: &WorkflowArgs, tasks: &Tasks) -> Result<Graph, Problem> {
    load_as(args, tasks, false)
}

/// Loads it to be looked at: it may be one that nothing starts, or ends.
pub(super) fn load_to_look(args: &WorkflowArgs, tasks: &Tasks) -> Result<Graph, Problem> {
    load_as(args, tasks, true)
}

fn load_as(args: &WorkflowArgs, tasks: &Tasks, allow_idle: bool) -> Result<Graph, Problem> {
    let inputs = inputs::collect(args)?;
    let can_start = Some(can_start_by(tasks.clone()));
    let options = LoadOptions { root_dir: args.root_dir.clone(), inputs, can_start, allow_idle };
    let graph = match args.file.to_str().filter(|text| text.trim_start().starts_with('{')) {
        Some(text) => load_text(text, Format::Json, &options),
        None => load_file(&args.file, &options),
    };
    graph.map_err(|error| Problem::of_graph(&error))
}
