//! Python tasks, on every pool: with nothing but a plain `python3`.
//!
//! The harness is our own, for `init` has to be the first line of `main`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the tests make a named pipe")]
#![expect(clippy::print_stdout, reason = "a storm tells how far it is")]
#![expect(clippy::print_stderr, reason = "a parent tells what it hears")]

mod ending;
mod errors;
mod hostile;
mod leaving;
mod logs;
mod prints;
mod scripts;
mod storm;
mod values;
mod warm;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use pushflow_core::engine::{self, Network, Report, RunOptions};
use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::{Payload, Pool, Value};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_pools::process::Output;
use pushflow_signals::StartMethod;
use pushflow_tasks::Tasks;
use serde_json::value::RawValue;

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);

/// A case, with its name.
type Case = (&'static str, fn(Setup));

fn main() -> ExitCode {
    pushflow_signals::init();
    if std::env::args().next().is_some_and(|name| name.ends_with(ending::SILENT)) {
        loop {
            std::thread::park();
        }
    }
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
    pushflow_tasks::python::Interpreter::choose(None).unwrap();
    std::env::set_current_dir(place).unwrap();
    if std::env::var_os("PUSHFLOW_TEST_SETUP").is_some() {
        leaving::be_parent(&setups());
        return ExitCode::SUCCESS;
    }
    if let Ok(part) = std::env::var(storm::PART) {
        return storm::play(&part);
    }
    if let Ok(name) = std::env::var(logs::PART) {
        return logs::play(&name);
    }
    if let Ok(name) = std::env::var(prints::PART) {
        return prints::play(&name);
    }
    let trials = setups().into_iter().flat_map(|setup| {
        let cases: Vec<Case> = if setup.is_thorough() {
            let cases = [values::CASES, errors::CASES, ending::CASES, hostile::CASES, leaving::CASES, logs::CASES];
            [&cases.concat(), prints::CASES, warm::CASES, scripts::CASES].concat()
        } else {
            [&values::CASES[..1], &errors::CASES[..1], &ending::CASES[..1], leaving::CASES].concat()
        };
        cases.into_iter().map(move |(name, case)| {
            Trial::test(format!("{}::{name}", setup.name()), move || {
                case(setup);
                Ok(())
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.chain(storm::trials()).collect()).exit_code()
}

/// A pool; in place without a name.
#[derive(Clone, Copy)]
struct Setup {
    pool: &'static str,
    method: Option<StartMethod>,
}

/// Every type, and each start method for one that is daemonic and one that is not.
fn setups() -> Vec<Setup> {
    let plain = ["in_place", "thread", "gevent", "ndprocess", "ndmultiprocessing", "billiard", "scaling"];
    let mut all: Vec<Setup> = plain.into_iter().map(|pool| Setup { pool, method: None }).collect();
    for method in StartMethod::ALL {
        all.extend(["process", "multiprocessing"].map(|pool| Setup { pool, method: Some(method) }));
    }
    all
}

impl Setup {
    fn name(self) -> String {
        self.method.map_or_else(|| self.pool.to_owned(), |method| format!("{}::{method}", self.pool))
    }

    fn make(self) -> Option<Arc<dyn Pool>> {
        self.make_with(2, GRACE)
    }

    fn make_with(self, workers: usize, grace: Duration) -> Option<Arc<dyn Pool>> {
        let settings = PoolSettings {
            workers: Some(workers),
            start_method: self.method,
            grace: Some(grace),
            output: Output::Capture,
            ..PoolSettings::default()
        };
        (self.pool != "in_place").then(|| factory::create(self.pool, &settings).unwrap())
    }

    /// Whether all cases are run: the rest differs in little.
    fn is_thorough(self) -> bool {
        matches!(self.pool, "thread" | "process" | "multiprocessing") && self.method != Some(StartMethod::Fork)
    }

    /// Whether an interpreter forks its workers.
    fn is_forked(self) -> bool {
        self.method != Some(StartMethod::Spawn)
    }

    /// Whether its workers end with their parent.
    fn ends_with_parent(self) -> bool {
        !matches!(self.pool, "process" | "ndprocess" | "ndmultiprocessing" | "scaling")
    }

    fn is_daemonic(self) -> bool {
        matches!(self.pool, "multiprocessing")
    }

    fn run(self, nodes: &str, links: &str) -> Report {
        self.run_with(nodes, links, RunOptions::default())
    }

    fn run_with(self, nodes: &str, links: &str, options: RunOptions) -> Report {
        self.run_by(&Tasks::new().grace(GRACE), nodes, links, options)
    }

    fn run_by(self, tasks: &Tasks, nodes: &str, links: &str, options: RunOptions) -> Report {
        let network = Arc::new(network_by(tasks, nodes, links));
        match self.make() {
            None => network.run_in_place(options),
            Some(pool) => network.start(pool, options).wait(),
        }
    }

    /// Runs one task; returns its outputs.
    fn one(self, kind: &str, function: &str, inputs: &str) -> Payload {
        let report = self.run(&node("a", kind, function, inputs), "");
        assert_eq!(report.failures, [], "{}", self.name());
        report.output.unwrap()
    }

    fn returned(self, function: &str, inputs: &str) -> Value {
        self.one("method", function, inputs).get("return_value").unwrap().clone()
    }
}

/// How long what is interrupted may take to end.
const GRACE: Duration = Duration::from_millis(300);

fn network(nodes: &str, links: &str) -> Network {
    network_by(&Tasks::new().grace(GRACE), nodes, links)
}

fn network_by(tasks: &Tasks, nodes: &str, links: &str) -> Network {
    let text = format!(r#"{{"nodes": [{nodes}], "links": [{links}]}}"#);
    let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
    engine::compile(&graph, tasks).unwrap()
}

/// A node with inputs such as `"a": 1, "0": 2`.
fn node(id: &str, kind: &str, function: &str, inputs: &str) -> String {
    // As they are written: a large integer keeps its digits.
    let inputs: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&format!("{{{inputs}}}")).unwrap();
    let entries = inputs.iter().map(|(name, value)| format!(r#"{{"name": "{name}", "value": {value}}}"#));
    let inputs = entries.collect::<Vec<_>>().join(",");
    format!(
        r#"{{"id": "{id}", "task_type": "{kind}", "task_identifier": "tasks.{function}", "default_inputs": [{inputs}]}}"#
    )
}

fn link(source: &str, target: &str, more: &str) -> String {
    format!(r#"{{"source": "{source}", "target": "{target}"{more}}}"#)
}

const VALUE: &str = r#", "data_mapping": [{"source_output": "return_value", "target_input": "value"}]"#;
