//! `pushflow graph`: draws a workflow.

use std::fs;

use pushflow_core::graph::draw::Diagram;
use pushflow_tasks::Tasks;

use super::workflow;
use crate::display::out;
use crate::exit_code;
use crate::inputs::WorkflowArgs;
use crate::problem::Problem;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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

pub(super) fn run(args: &GraphArgs) -> u8 {
    match draw(args) {
        Ok(()) => exit_code::OK,
        Err(problem) => {
            out::problem(&problem);
            problem.exit_code
        }
    }
}

fn draw(args: &GraphArgs) -> Result<(), Problem> {
    let graph = workflow::load_to_look(&args.workflow, &Tasks::new())?;
    graph.warnings.iter().for_each(|warning| out::say(&format!("warning: {warning}")));
    let diagram = Diagram::of(&graph);
    let text = match picture(args) {
        Picture::Svg => diagram
            .to_svg()
            .map_err(|error| Problem::usage(format!("{error}; `--as dot` and `--as mermaid` have no bound")))?,
        Picture::Dot => diagram.to_dot(),
        Picture::Mermaid => diagram.to_mermaid(),
    };
    match &args.output {
        None => out::result(&text),
        Some(file) => {
            fs::write(file, text).map_err(|error| Problem::internal(format!("{}: {error}", file.display())))?;
        }
    }
    Ok(())
}

/// What is asked for, or what the name of the output says.
fn picture(args: &GraphArgs) -> Picture {
    let by_name = || match args.output.as_ref()?.extension()?.to_str()? {
        "dot" | "gv" => Some(Picture::Dot),
        "mmd" | "mermaid" => Some(Picture::Mermaid),
        _ => None,
    };
    args.picture.or_else(by_name).unwrap_or(Picture::Svg)
}
