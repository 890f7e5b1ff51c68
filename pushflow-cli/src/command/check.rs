//! `pushflow check`: says whether a workflow could be run.

use pushflow_core::engine::compile;
use pushflow_core::graph::Graph;
use pushflow_tasks::Tasks;

use super::workflow;
use crate::answer::{ErrorView, WarningView};
use crate::arguments::{CheckArgs, TextOrJson};
use crate::display::out;
use crate::exit_code;
use crate::pool;
use crate::problem::Problem;

#[derive(serde::Serialize)]
struct Verdict<'a> {
    valid: bool,
    error: Option<ErrorView<'a>>,
    warnings: Vec<WarningView<'a>>,
}

pub(super) fn run(args: &CheckArgs) -> u8 {
    let (graph, problem) = match workflow::load(&args.workflow) {
        Ok(graph) => {
            let problem = compile(&graph, &Tasks::new()).err().map(|error| Problem::of_compile(&error));
            let problem = problem.or_else(|| pool::check_nodes(&graph).err());
            (Some(graph), problem)
        }
        Err(problem) => (None, Some(problem)),
    };
    match args.output_format {
        TextOrJson::Json => show_json(graph.as_ref(), problem.as_ref()),
        TextOrJson::Human => show_text(&args.workflow.file.display().to_string(), graph.as_ref(), problem.as_ref()),
    }
    problem.map_or(exit_code::OK, |problem| problem.exit_code)
}

fn show_json(graph: Option<&Graph>, problem: Option<&Problem>) {
    let warnings = graph.map_or(&[][..], |graph| &graph.warnings);
    out::json_line(&Verdict {
        valid: problem.is_none(),
        error: problem.map(ErrorView::of_problem),
        warnings: warnings.iter().map(WarningView::of).collect(),
    });
}

fn show_text(file: &str, graph: Option<&Graph>, problem: Option<&Problem>) {
    let warnings = graph.map_or(&[][..], |graph| &graph.warnings);
    warnings.iter().for_each(|warning| out::say(&format!("warning: {warning}")));
    match (graph, problem) {
        (_, Some(problem)) => out::say(&format!("error: {}", problem.text())),
        (Some(graph), None) => {
            let (nodes, links, warnings) = (graph.nodes.len(), graph.links.len(), warnings.len());
            out::result(&format!("{file}: valid, {nodes} nodes, {links} links, {warnings} warnings\n"));
        }
        (None, None) => {}
    }
}
