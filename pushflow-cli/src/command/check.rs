//! `pushflow check`: says whether a workflow could be run, and what in it looks like a mistake.

use pushflow_core::engine::compile;
use pushflow_core::graph::check::{self, Finding};
use pushflow_core::graph::{Graph, Warning};
use pushflow_tasks::Tasks;

use super::workflow;
use crate::answer::{ErrorView, WarningView};
use crate::display::{excerpt, out};
use crate::exit_code;
use crate::inputs::WorkflowArgs;
use crate::pool;
use crate::problem::Problem;
use crate::values::TextOrJson;
use clap::Args;

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

#[derive(serde::Serialize)]
struct Verdict<'a> {
    valid: bool,
    error: Option<ErrorView<'a>>,
    warnings: Vec<WarningView<'a>>,
}

/// All that was found.
struct Found {
    graph: Option<Graph>,
    problem: Option<Problem>,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &CheckArgs) -> u8 {
    let found = look(args);
    match args.output_format {
        TextOrJson::Json => show_json(&found),
        TextOrJson::Human => show_text(&args.workflow.file.display().to_string(), &found),
    }
    match &found.problem {
        Some(problem) => problem.exit_code,
        None if args.strict && found.warnings().next().is_some() => exit_code::INVALID,
        None => exit_code::OK,
    }
}

fn look(args: &CheckArgs) -> Found {
    let workflow = &args.workflow;
    // A file that cannot be read is the problem of loading it.
    let mut findings = check::keys(&workflow.file, workflow.root_dir.as_deref()).unwrap_or_default();
    let tasks = Tasks::new();
    match workflow::load(workflow, &tasks) {
        Ok(graph) => {
            let problem = compile(&graph, &tasks).err().map(|error| Problem::of_compile(&error));
            let problem = problem.or_else(|| pool::check_nodes(&graph).err());
            findings.extend(check::flow(&graph, &tasks));
            Found { graph: Some(graph), problem, findings }
        }
        Err(problem) => Found { graph: None, problem: Some(problem), findings },
    }
}

impl Found {
    fn warnings(&self) -> impl Iterator<Item = WarningView<'_>> {
        let warnings = self.graph.iter().flat_map(|graph| &graph.warnings).map(WarningView::of);
        warnings.chain(self.findings.iter().map(WarningView::of_finding))
    }
}

fn show_json(found: &Found) {
    out::json_line(&Verdict {
        valid: found.problem.is_none(),
        error: found.problem.as_ref().map(ErrorView::of_problem),
        warnings: found.warnings().collect(),
    });
}

fn show_text(file: &str, found: &Found) {
    let warnings: &[Warning] = found.graph.as_ref().map_or(&[], |graph| &graph.warnings);
    for warning in warnings {
        out::say(&format!("warning: {warning}"));
        out::say_all(&excerpt::of(&warning.place));
    }
    for finding in &found.findings {
        out::say(&format!("warning: {}: {}", finding.place, finding.message));
        out::say_all(&excerpt::of(&finding.place));
        finding.hint.iter().for_each(|hint| out::say(&format!("  = {hint}")));
    }
    if let Some(problem) = &found.problem {
        out::problem(problem);
    } else if let Some(graph) = &found.graph {
        let (nodes, links, warnings) = (graph.nodes.len(), graph.links.len(), found.warnings().count());
        out::result(&format!("{file}: valid, {nodes} nodes, {links} links, {warnings} warnings\n"));
    }
}
