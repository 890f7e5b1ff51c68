//! Loading the workflow that the arguments name.

use pushflow_core::graph::{Graph, LoadOptions, load_file};

use crate::arguments::WorkflowArgs;
use crate::inputs;
use crate::problem::Problem;

pub(super) fn load(args: &WorkflowArgs) -> Result<Graph, Problem> {
    let inputs = inputs::collect(args)?;
    let options = LoadOptions { root_dir: args.root_dir.clone(), inputs, ..LoadOptions::default() };
    load_file(&args.file, &options).map_err(|error| Problem::of_graph(&error))
}
