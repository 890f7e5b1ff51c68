//! Actors built by hand from a description: the actors of pypushflow, with scripts in Python.
//!
//! `cargo run -p pushflow-tasks --example scenario -- examples/scenario/parity.json` builds the actors of the file, runs
//! them once for each of its `runs`, and prints what the stop actor has after each, as JSON.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that shows its results")]

mod build;
mod description;
mod script;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::engine::{Network, Report, RunOptions, Status};
use pushflow_core::{Payload, Value};
use pushflow_pools::ThreadPool;
use serde_json::json;

use crate::description::{Description, Entry, Run};
use crate::script::PythonModules;

/// The time of a run that names none.
const DEFAULT_TIMEOUT_SECONDS: f64 = 60.0;

fn main() -> ExitCode {
    pushflow_signals::init();
    match run() {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<serde_json::Value, Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: scenario FILE")?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let description: Description =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let network = Arc::new(build::network(&description, &PythonModules)?);
    let mut runs = Vec::new();
    let mut earlier: Option<Report> = None;
    let mut stored = None;
    for settings in &description.runs {
        let report = one_run(&network, &description, settings, earlier.as_ref(), stored.clone())?;
        let is_over = report.status == Status::TimedOut;
        if let Some(error) = &report.start_error {
            runs.push(json!({"raised": {"type": error.type_name, "message": error.message}}));
        } else if is_over && settings.options.raise_on_timeout {
            let (name, seconds) = (network.name(), seconds(settings));
            let message = format!("Workflow '{name}' did not finish within {seconds} seconds");
            runs.push(json!({"raised": {"type": "TimeoutError", "message": message}}));
        } else if description.workflow.is_some() {
            runs.push(json!({"output": report.output}));
        } else {
            runs.push(json!({"output": report.output, "finished": !is_over}));
        }
        if report.error.is_none() || report.error != report.start_error {
            stored.clone_from(&report.output);
        }
        earlier = Some(report);
    }
    Ok(json!({"runs": runs}))
}

fn one_run(
    network: &Arc<Network>,
    description: &Description,
    settings: &Run,
    earlier: Option<&Report>,
    stored: Option<Payload>,
) -> Result<Report, Box<dyn Error>> {
    let data: Result<Payload, String> = settings.inputs.iter().map(Entry::named).collect();
    let options = RunOptions::default().data(data?).timeout(Some(Duration::try_from_secs_f64(seconds(settings))?));
    // Actors keep their state between runs.
    let options = earlier.into_iter().fold(options, RunOptions::after);
    if description.workflow.is_none() {
        // Without a workflow there is no pool, and nobody resets the stop actor.
        return Ok(network.run_in_place(options.stored(stored)));
    }
    Ok(network.run(Arc::new(ThreadPool::builder().build()?), options))
}

fn seconds(settings: &Run) -> f64 {
    settings.options.timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS)
}

impl Entry {
    fn named(&self) -> Result<(pushflow_core::Key, Value), String> {
        let value = pushflow_core::value::to_value(&self.value).map_err(|error| error.to_string())?;
        Ok((self.name.clone().into(), value))
    }
}
