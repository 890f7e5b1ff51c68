//! `pushflow show`: shows a workflow as it is executed.

use pushflow_core::graph::{Outline, Resolved};

use super::workflow;
use crate::answer::Answer;
use crate::arguments::{ShowArgs, TextOrJson};
use crate::display::out;
use crate::exit_code;

pub(super) fn run(args: &ShowArgs) -> u8 {
    let graph = match workflow::load(&args.workflow) {
        Ok(graph) => graph,
        Err(problem) => {
            match args.output_format {
                TextOrJson::Json => out::json_line(&Answer::of_problem(&problem)),
                TextOrJson::Human => out::say(&format!("error: {}", problem.text())),
            }
            return problem.exit_code;
        }
    };
    match args.output_format {
        TextOrJson::Json => {
            graph.warnings.iter().for_each(|warning| out::say(&format!("warning: {warning}")));
            out::json_line(&Outline(&graph));
        }
        TextOrJson::Human => out::json_indented(&Resolved(&graph)),
    }
    exit_code::OK
}
