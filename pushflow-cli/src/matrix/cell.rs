//! What the process of a cell does: run after run, each with a pool of its own.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::handle::Handle;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Context, Outcome, Payload, Pool, Task, TaskError, Value, register_task, registry};
use pushflow_pools::coroutine;
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_signals::leaks::Snapshot;
use pushflow_signals::{StartMethod, daemonic};
use pushflow_tasks::{Subprocess, bpool, bprocess, cfpool, mppool, mpprocess};
use serde::{Deserialize, Serialize};

use super::axes::{Cell, Environment};
use super::promise::{REFUSAL, Verdict};
use crate::display::out;
use crate::exit_code;

const BODY: &str = "pushflow matrix body";
const HANG: &str = "pushflow matrix hang";

register_task!(BODY, body);
register_task!(HANG, |_: &Payload, _: &Context<'_>| loop {
    std::thread::sleep(Duration::from_secs(3600));
});

/// Doubles a number, and says what runs it.
fn body(inputs: &Payload, _: &Context<'_>) -> Outcome {
    let x = inputs.get("x").and_then(Value::as_int).ok_or_else(|| TaskError::message("the input `x` is missing"))?;
    Ok(Payload::single("y", 2 * x).with("pid", i64::from(std::process::id())).with("daemonic", daemonic::is_daemonic()))
}

/// What the process says of a run, on a line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) verdict: Verdict,
    /// Why it was refused or has failed.
    pub(crate) error: Option<String>,
    /// What was left: processes, descriptors, files, each by its name.
    pub(crate) left: Vec<String>,
}

/// How many executions run at once.
const WIDTH: i64 = 2;

/// Runs a cell a number of times; says after each what came of it.
pub(crate) fn run(cell: &Cell, repeat: u64) -> u8 {
    // What stays for the life of a process is there before anything is compared.
    let warm = pushflow_signals::warm_up().map_err(|error| error.to_string());
    // So do the threads of coroutines, once there are any.
    let is_of_coroutines = cell.pool == "gevent" || cell.environment == Environment::Coroutines;
    let warm = warm.and_then(|()| match is_of_coroutines {
        true => coroutine::run(|| ()).map(drop).map_err(|error| error.to_string()),
        false => Ok(()),
    });
    if let Err(problem) = warm {
        out::say(&format!("error: {problem}"));
        return exit_code::INTERNAL;
    }
    match cell.environment {
        Environment::Plain => observe_all(cell, repeat),
        Environment::Coroutines => {
            // Who waits is a coroutine, too.
            let cell = cell.clone();
            let entered = coroutine::coroutine_environment();
            let ran = entered.and_then(|()| coroutine::run(move || observe_all(&cell, repeat)));
            match ran {
                Ok(Some(())) => {}
                Ok(None) => return exit_code::INTERNAL,
                Err(error) => {
                    out::say(&format!("error: {error}"));
                    return exit_code::INTERNAL;
                }
            }
        }
    }
    exit_code::OK
}

fn observe_all(cell: &Cell, repeat: u64) {
    for _ in 0..repeat {
        out::json_line(&observe(cell));
    }
}

fn observe(cell: &Cell) -> Line {
    let failed = |error: String| Line { verdict: Verdict::Failed, error: Some(error), left: Vec::new() };
    let before = match Snapshot::take() {
        Ok(before) => before,
        Err(error) => return failed(error.to_string()),
    };
    let (verdict, error) = match attempt(cell) {
        Ok(None) => (Verdict::Ok, None),
        Ok(Some(refusal)) => (Verdict::Refused, Some(refusal)),
        Err(error) => (Verdict::Failed, Some(error)),
    };
    match before.compare() {
        Ok(left) => Line { verdict, error, left: left.to_string().lines().map(str::to_owned).collect() },
        Err(error) => failed(error.to_string()),
    }
}

/// Makes the pool, runs the task, ends the pool. Returns the error of a refusal; everything else that is not right is a failure.
fn attempt(cell: &Cell) -> Result<Option<String>, String> {
    let workers = if cell.scaling { None } else { Some(2) };
    let settings =
        PoolSettings { workers, scaling: cell.scaling, start_method: cell.outside, ..PoolSettings::default() };
    let pool = factory::create(&cell.pool, &settings).map_err(|error| format!("the pool: {error}"))?;
    let outcome = use_pool(&*pool, cell);
    pool.shutdown(Shutdown { wait: true, ..Shutdown::default() }).map_err(|error| format!("the end: {error}"))?;
    outcome
}

fn use_pool(pool: &dyn Pool, cell: &Cell) -> Result<Option<String>, String> {
    let (task, inputs) = task(&cell.kind, cell.inside)?;
    let submit = |task: &Arc<dyn Task>, inputs: Payload| {
        Handle::submit(pool, Arc::clone(task), inputs).map_err(|error| format!("the pool refused: {error}"))
    };
    let handles: Vec<_> = (0..WIDTH).map(|x| submit(&task, inputs(x))).collect::<Result<_, _>>()?;
    let mut refusals = Vec::new();
    for (x, handle) in (0..WIDTH).zip(handles) {
        match handle.wait() {
            Ok(outputs) => check(&cell.kind, x, &outputs)?,
            Err(error) if error.text() == REFUSAL => refusals.push(error.to_string()),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    // Whatever came of it, the pool can be used.
    let (simple, inputs) = self::task("simple", None)?;
    match submit(&simple, inputs(7))?.wait() {
        Ok(outputs) => check("simple", 7, &outputs)?,
        Err(error) => return Err(format!("the pool was not usable afterwards: {error:?}")),
    }
    match refusals.len() {
        0 => Ok(None),
        2 => Ok(refusals.pop()),
        _ => Err("the same task was refused once and run once".to_owned()),
    }
}

type Inputs = fn(i64) -> Payload;

/// The task of a kind, and its inputs for a number.
fn task(kind: &str, inside: Option<StartMethod>) -> Result<(Arc<dyn Task>, Inputs), String> {
    let found = |name| registry::find(name).map(|task| Arc::new(task) as Arc<dyn Task>).map_err(|e| e.to_string());
    let number: Inputs = |x| Payload::single("x", x);
    let nest = match kind {
        "simple" => return Ok((found(BODY)?, number)),
        "subprocess" => return Ok((Arc::new(Subprocess::new("echo")), |x| Payload::single("0", 2 * x))),
        "hang" => return Ok((found(HANG)?, number)),
        "fail" => return Ok((Arc::new(Subprocess::new("false")), |_| Payload::new())),
        "leak" => {
            // What is in the group of the command ends with it: it goes on when the other one has left that.
            let script = "setsid sh -c ': > $0; exec sleep 100000' $TMPDIR/left > /dev/null 2>&1 &
                while [ ! -e $TMPDIR/left ]; do :; done; echo $1";
            let leak = Subprocess::new("sh").args(["-c", script, "sh"]);
            return Ok((Arc::new(leak), |x| Payload::single("0", 2 * x)));
        }
        "cfpool" => cfpool::nest,
        "mppool" => mppool::nest,
        "mpprocess" => mpprocess::nest,
        "bpool" => bpool::nest,
        "bprocess" => bprocess::nest,
        other => return Err(format!("unknown kind `{other}`")),
    };
    let task = nest(found(BODY)?);
    Ok((Arc::new(inside.into_iter().fold(task, pushflow_tasks::nested::Nested::start_method)), number))
}

/// Whether the outputs are those of the number.
fn check(kind: &str, x: i64, outputs: &Payload) -> Result<(), String> {
    let found = match kind {
        "subprocess" | "leak" | "fail" => {
            outputs.get("out").and_then(Value::as_str).and_then(|text| text.trim().parse::<i64>().ok())
        }
        _ => outputs.get("y").and_then(Value::as_int),
    };
    if found == Some(2 * x) { Ok(()) } else { Err(format!("wrong outputs for {x}: {outputs:?}")) }
}
