//! `pushflow daemonic`: which processes are daemonic, and which may have children, by asking them.

use std::sync::Arc;

use clap::Args;
use pushflow_core::handle::Handle;
use pushflow_core::{Context, Outcome, Payload, Pool, Task, TaskError, Value, register_task, registry};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_pools::process::ProcessPoolBuilder;
use pushflow_pools::{ThreadPool, billiard, multiprocessing};
use pushflow_signals::{Command, Output, StartMethod, daemonic};
use pushflow_tasks::nested::Nested;
use pushflow_tasks::{bprocess, mpprocess};
use serde::{Deserialize, Serialize};

use crate::display::out;
use crate::display::table::Table;
use crate::exit_code;
use crate::values::TextOrJson;

#[derive(Args, Debug)]
pub(crate) struct DaemonicArgs {
    /// How to show it.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    output_format: TextOrJson,

    /// Answer for this process, as the children do that are asked.
    #[arg(long, hide = true)]
    ask: bool,
}

const ASK: &str = "pushflow daemonic ask";
const NOTHING: &str = "pushflow daemonic nothing";

register_task!(ASK, ask);
register_task!(NOTHING, |_, _| Ok(Payload::new()));

/// What a child answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    daemonic: bool,
    /// Whether it has started a process; else the error.
    process: Result<(), String>,
    /// Whether it has started a process of `billiard`.
    billiard_process: Result<(), String>,
    /// Whether it has started a command.
    command: Result<(), String>,
}

/// A child that was asked.
#[derive(Debug, Serialize)]
struct Child {
    way: &'static str,
    start_method: Option<String>,
    daemonic: bool,
    may_start: MayStart,
    /// The error of what it may not start.
    refusal: Option<String>,
}

#[derive(Debug, Serialize)]
struct MayStart {
    processes: bool,
    billiard_processes: bool,
    commands: bool,
}

pub(super) fn run(args: &DaemonicArgs) -> u8 {
    if args.ask {
        out::json_line(&answer());
        return exit_code::OK;
    }
    match ask_all() {
        Ok(children) => {
            match args.output_format {
                TextOrJson::Human => out::result(&text(&children)),
                TextOrJson::Json => out::json_line(&serde_json::json!({
                    "daemonic": names(&children, true),
                    "non_daemonic": names(&children, false),
                    "children": children,
                })),
            }
            exit_code::OK
        }
        Err(problem) => {
            out::say(&format!("error: {problem}"));
            exit_code::INTERNAL
        }
    }
}

/// Ways to start processes by pools, with their names as functions of the predecessor's check.
const POOLS: [(&str, &str); 5] = [
    ("multiprocessing", "mppool"),
    ("ndmultiprocessing", "nd_mppool"),
    ("billiard", "bpool"),
    ("process", "cfpool"),
    ("ndprocess", "nd_cfpool"),
];

type Nest = fn(Arc<dyn Task>) -> Nested;

/// Ways to start one process.
const PROCESSES: [(&str, Nest); 4] = [
    ("mpprocess", mpprocess::nest),
    ("daemonic mpprocess", mpprocess::nest_daemonic),
    ("bprocess", bprocess::nest),
    ("daemonic bprocess", bprocess::nest_daemonic),
];

fn ask_all() -> Result<Vec<Child>, String> {
    let question: Arc<dyn Task> = Arc::new(registry::find(ASK).map_err(|error| error.to_string())?);
    let here = ThreadPool::builder().workers(1).build().map_err(|error| error.to_string())?;
    let mut children = Vec::new();
    for method in StartMethod::ALL {
        for (pool, way) in POOLS {
            let settings = PoolSettings { workers: Some(1), start_method: Some(method), ..PoolSettings::default() };
            let pool = factory::create(pool, &settings).map_err(|error| format!("the pool {pool}: {error}"))?;
            children.push(Child::new(way, Some(method), ask_on(&*pool, &question)?));
        }
        for (way, nest) in PROCESSES {
            let question: Arc<dyn Task> = Arc::new(nest(Arc::clone(&question)).start_method(method));
            children.push(Child::new(way, Some(method), ask_on(&here, &question)?));
        }
    }
    children.push(Child::new("command", None, ask_command()?));
    Ok(children)
}

fn ask_on(pool: &dyn Pool, question: &Arc<dyn Task>) -> Result<Answer, String> {
    let handle = Handle::submit(pool, Arc::clone(question), Payload::new()).map_err(|error| error.to_string())?;
    let outputs = handle.wait().map_err(|error| error.to_string())?;
    let text = outputs.get("answer").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| format!("a child has answered `{text}`: {error}"))
}

/// Asks this program, run as a command.
fn ask_command() -> Result<Answer, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let command = Command::new(program).args(["daemonic", "--ask"]).stdout(Output::Capture);
    let finished = command.start().and_then(|child| child.wait(None)).map_err(|error| error.to_string())?;
    let text = finished.stdout.unwrap_or_default();
    serde_json::from_slice(&text).map_err(|error| format!("a command has answered {}: {error}", finished.status))
}

fn ask(_: &Payload, _: &Context<'_>) -> Outcome {
    let text = serde_json::to_string(&answer()).map_err(|error| TaskError::message(error.to_string()))?;
    Ok(Payload::single("answer", text.as_str()))
}

/// Finds out what this process is, by trying.
fn answer() -> Answer {
    let command = Command::new("true").start().and_then(|child| child.wait(None));
    Answer {
        daemonic: daemonic::is_daemonic(),
        process: start_in(multiprocessing::process()),
        billiard_process: start_in(billiard::process()),
        command: command.map(drop).map_err(|error| error.to_string()),
    }
}

fn start_in(process: ProcessPoolBuilder) -> Result<(), String> {
    let pool = process.build().map_err(|error| error.to_string())?;
    let nothing = registry::find(NOTHING).map_err(|error| error.to_string())?;
    let handle = Handle::submit(&pool, Arc::new(nothing), Payload::new()).map_err(|error| error.to_string())?;
    handle.wait().map(drop).map_err(|error| error.to_string())
}

impl Child {
    fn new(way: &'static str, method: Option<StartMethod>, answer: Answer) -> Child {
        let Answer { daemonic, process, billiard_process, command } = answer;
        let may_start = MayStart {
            processes: process.is_ok(),
            billiard_processes: billiard_process.is_ok(),
            commands: command.is_ok(),
        };
        let refusal = process.and(billiard_process).and(command).err();
        Child { way, start_method: method.map(|method| method.to_string()), daemonic, may_start, refusal }
    }

    /// As the predecessor's check lists it.
    fn name(&self) -> String {
        match &self.start_method {
            Some(method) => format!("{}('{method}')", self.way),
            None => format!("{}()", self.way),
        }
    }
}

fn names(children: &[Child], daemonic: bool) -> Vec<String> {
    children.iter().filter(|child| child.daemonic == daemonic).map(Child::name).collect()
}

fn text(children: &[Child]) -> String {
    let mut table = Table::new([
        "started as",
        "start method",
        "daemonic",
        "may start processes",
        "processes of billiard",
        "commands",
    ]);
    let truth = |truth: bool| if truth { "yes" } else { "no" }.to_owned();
    for child in children {
        let MayStart { processes, billiard_processes, commands } = child.may_start;
        let method = child.start_method.clone().unwrap_or_else(|| "-".to_owned());
        let first = [child.way.to_owned(), method, truth(child.daemonic)];
        table.row(first.into_iter().chain([processes, billiard_processes, commands].map(truth)));
    }
    let mut refusals: Vec<&str> = children.iter().filter_map(|child| child.refusal.as_deref()).collect();
    refusals.dedup();
    let list = |daemonic| names(children, daemonic).iter().map(|name| format!(" {name}\n")).collect::<String>();
    format!("{table}\nno: {}\n\nDaemonic:\n{}Non-Daemonic:\n{}", refusals.join("; "), list(true), list(false))
}
