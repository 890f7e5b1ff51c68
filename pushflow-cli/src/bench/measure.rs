//! Measures one of our pools, once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::handle::Handle;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Context, Payload, Pool, Task, Value, register_task, registry};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_pools::typed::Calls;

use super::case::{Body, Case, Figures, Measure};

pushflow_pools::task! {
    fn noop(x: i64) -> i64 { x }
    fn nap(seconds: f64) -> i64 { std::thread::sleep(Duration::from_secs_f64(seconds)); 0 }
    fn spin(seconds: f64) -> i64 {
        let begin = Instant::now();
        let mut turns = 0;
        while begin.elapsed().as_secs_f64() < seconds { turns += 1; }
        turns
    }
    fn who(seconds: f64) -> i64 {
        std::thread::sleep(Duration::from_secs_f64(seconds));
        i64::from(std::process::id())
    }
}

const ECHO: &str = "pushflow bench echo";
const STAY: &str = "pushflow bench stay";

register_task!(ECHO, |inputs: &Payload, _: &Context<'_>| Ok(inputs.clone()));
register_task!(STAY, |_: &Payload, ctx: &Context<'_>| {
    ctx.sleep(Duration::from_secs(3600));
    ctx.check().map(|()| Payload::new())
});

/// Measures a case.
pub(crate) fn measure(case: &Case) -> Figures {
    let mut figures = Figures::default();
    if let Err(error) = fill(case, &mut figures) {
        figures.error = Some(error);
    }
    figures
}

fn fill(case: &Case, figures: &mut Figures) -> Result<(), String> {
    let mut set = |name: String, value: Option<f64>| {
        if let Some(value) = value {
            figures.figures.insert(name, value);
        }
    };
    if case.is_measured(Measure::Start) {
        // The first one pays for what later ones find there.
        start(case)?;
        let value = median_of(case, || start(case))?;
        set(Measure::Start.name().to_owned(), Some(value));
    }
    let pool = make(case)?;
    let pool = &*pool;
    run_many(pool, case, 10 * case.workers)?;
    if case.is_measured(Measure::RoundTrip) {
        let value = median_of(case, || timed(|| one(pool, case)))?;
        set(Measure::RoundTrip.name().to_owned(), Some(value));
    }
    if case.is_measured(Measure::Throughput) {
        set(Measure::Throughput.name().to_owned(), Some(throughput(pool, case)?));
    }
    if case.is_measured(Measure::Payload) {
        for bytes in &case.payloads {
            echo(pool, *bytes)?;
            let value = median_of(case, || timed(|| echo(pool, *bytes)))?;
            set(Measure::payload(*bytes), Some(value));
        }
    }
    if case.is_measured(Measure::Interrupt) {
        let value = median_of(case, || interrupt(pool))?;
        set(Measure::Interrupt.name().to_owned(), Some(value));
    }
    if case.is_measured(Measure::Memory) {
        set(Measure::Memory.name().to_owned(), memory(pool, case)?);
    }
    end(pool)
}

fn make(case: &Case) -> Result<Arc<dyn Pool>, String> {
    let start_method = case.start_method.as_deref().map(str::parse).transpose().map_err(text)?;
    let settings =
        PoolSettings { workers: Some(case.workers), start_method, scaling: case.scaling, ..PoolSettings::default() };
    factory::create(&case.pool, &settings).map_err(text)
}

fn end(pool: &dyn Pool) -> Result<(), String> {
    pool.shutdown(Shutdown { wait: true, ..Shutdown::default() }).map_err(text)
}

/// Makes a pool, gets one result, ends it.
fn start(case: &Case) -> Result<f64, String> {
    timed(|| {
        let pool = make(case)?;
        Calls::on(&*pool).submit(noop::call(7)).map_err(text)?.wait().map_err(text)?;
        end(&*pool)
    })
}

/// Runs the task of the case once.
fn one(pool: &dyn Pool, case: &Case) -> Result<(), String> {
    let calls = Calls::on(pool);
    let pending = match case.task {
        Body::Noop => calls.submit(noop::call(7)),
        Body::Sleep => calls.submit(nap::call(case.duration)),
        Body::Cpu => calls.submit(spin::call(case.duration)),
        Body::Echo => return echo(pool, first(case)),
    };
    pending.map_err(text)?.wait().map(drop).map_err(text)
}

/// Runs the task of the case many times, all at once.
fn run_many(pool: &dyn Pool, case: &Case, count: usize) -> Result<(), String> {
    let calls = Calls::on(pool);
    let seconds = || std::iter::repeat_n(case.duration, count);
    let results = match case.task {
        Body::Noop => calls.map(noop, (0..count).map(|_| 7)),
        Body::Sleep => calls.map(nap, seconds()),
        Body::Cpu => calls.map(spin, seconds()),
        Body::Echo => {
            let (task, inputs) = (task(ECHO)?, bytes(first(case)));
            let submit = |_| Handle::submit(pool, Arc::clone(&task), inputs.clone()).map_err(text);
            let handles: Vec<Handle> = (0..count).map(submit).collect::<Result<_, _>>()?;
            return handles.into_iter().try_for_each(|handle| handle.wait().map(drop).map_err(text));
        }
    };
    results.map_err(text)?.try_for_each(|result| result.map(drop).map_err(text))
}

/// More and more at once, until that takes long enough to be measured.
fn throughput(pool: &dyn Pool, case: &Case) -> Result<f64, String> {
    let mut count = 4 * case.workers;
    loop {
        let seconds = timed(|| run_many(pool, case, count))?;
        if seconds >= case.time || count >= MOST_AT_ONCE {
            return Ok(count as f64 / seconds);
        }
        count = (count * 4).min(MOST_AT_ONCE);
    }
}

const MOST_AT_ONCE: usize = 1_000_000;

fn first(case: &Case) -> u64 {
    case.payloads.first().copied().unwrap_or(0)
}

fn bytes(count: u64) -> Payload {
    Payload::single("x", Value::Bytes(vec![7; usize::try_from(count).unwrap_or(usize::MAX)].into()))
}

fn task(name: &str) -> Result<Arc<dyn Task>, String> {
    registry::find(name).map(|task| Arc::new(task) as Arc<dyn Task>).map_err(text)
}

/// Sends new bytes there and back.
fn echo(pool: &dyn Pool, count: u64) -> Result<(), String> {
    let outputs = Handle::submit(pool, task(ECHO)?, bytes(count)).map_err(text)?.wait().map_err(text)?;
    match outputs.get("x") {
        Some(Value::Bytes(found)) if found.as_bytes().len() as u64 == count => Ok(()),
        other => Err(format!("sent {count} bytes, got {:?}", other.map(Value::type_name))),
    }
}

/// Interrupts a task that runs; returns how long it takes until there is an outcome.
fn interrupt(pool: &dyn Pool) -> Result<f64, String> {
    let handle = Handle::submit(pool, task(STAY)?, Payload::new()).map_err(text)?;
    while pool.stats().running.is_empty() {
        std::thread::yield_now();
    }
    timed(|| {
        handle.interrupt();
        match handle.wait() {
            Ok(_) => Err("an interrupted task has given outputs".to_owned()),
            Err(_) => Ok(()),
        }
    })
}

/// What a worker process has for itself, the median of all; `None` when workers are no processes.
fn memory(pool: &dyn Pool, case: &Case) -> Result<Option<f64>, String> {
    let mut pids = BTreeSet::new();
    for _ in 0..20 {
        let some = Calls::on(pool).map(who, std::iter::repeat_n(0.005, 2 * case.workers)).map_err(text)?;
        for pid in some {
            pids.insert(pid.map_err(text)?);
        }
        if pids.len() >= case.workers {
            break;
        }
    }
    pids.remove(&i64::from(std::process::id()));
    let mut all: Vec<f64> = pids.into_iter().filter_map(private_bytes).collect();
    Ok(median(&mut all))
}

/// proc_pid_smaps_rollup(5).
fn private_bytes(pid: i64) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = text.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    Some(kib.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<f64>().ok()).sum::<f64>() * 1024.0)
}

/// The most values that a median is taken of.
const MOST_VALUES: usize = 10_000;
/// And the fewest, however long that takes.
const FEWEST_VALUES: usize = 3;

/// Measures for as long as the case says, and takes the median.
fn median_of(case: &Case, mut once: impl FnMut() -> Result<f64, String>) -> Result<f64, String> {
    let begin = Instant::now();
    let mut values = Vec::new();
    while values.len() < FEWEST_VALUES || (begin.elapsed().as_secs_f64() < case.time && values.len() < MOST_VALUES) {
        values.push(once()?);
    }
    median(&mut values).ok_or_else(|| "nothing was measured".to_owned())
}

pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

fn timed(body: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let begin = Instant::now();
    body()?;
    Ok(begin.elapsed().as_secs_f64())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
