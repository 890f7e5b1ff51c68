//! `pushflow convert`: writes a workflow as JSON or YAML, with the keys of the newest schema.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use pushflow_core::graph::{Format, LoadOptions, load_document, load_file, newest, write};

use crate::display::out;
use crate::exit_code;
use crate::problem::Problem;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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

pub(super) fn run(args: &ConvertArgs) -> u8 {
    match convert(args) {
        Ok(()) => exit_code::OK,
        Err(problem) => {
            out::say(&format!("error: {}", problem.text()));
            problem.exit_code
        }
    }
}

fn convert(args: &ConvertArgs) -> Result<(), Problem> {
    let options = LoadOptions { root_dir: args.root_dir.clone(), ..LoadOptions::default() };
    // What cannot be loaded does not say what it means.
    load_file(&args.file, &options).map_err(|error| Problem::of_graph(&error))?;
    let document = load_document(&args.file, &options).map_err(|error| Problem::of_graph(&error))?;
    let text = write(&newest(&document), format(args)).map_err(|error| Problem::of_graph(&error))?;
    match &args.destination {
        None => out::result(&text),
        Some(destination) => store(destination, &text, args.force)?,
    }
    Ok(())
}

fn format(args: &ConvertArgs) -> Format {
    let by_name = || {
        let extension = args.destination.as_ref()?.extension()?.to_str()?;
        matches!(extension, "yml" | "yaml").then_some(Format::Yaml)
    };
    match args.to {
        Some(DocumentFormat::Json) => Format::Json,
        Some(DocumentFormat::Yaml) => Format::Yaml,
        None => by_name().unwrap_or(Format::Json),
    }
}

fn store(destination: &Path, text: &str, force: bool) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(destination).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Problem::usage(format!("{}: exists, and is replaced only with --force", destination.display()))
        }
        _ => Problem::internal(format!("{}: {error}", destination.display())),
    })
}
