//! A cyclic network built in Rust: Newton's iteration for a square root, until two guesses agree.
//!
//! ```text
//! start -> improve -> router --other--> improve
//!                        \--true--> stop
//! ```
//!
//! `cargo run --release -p pushflow-pools --example newton`

use std::error::Error;
use std::sync::Arc;

use pushflow_core::actor::{RouterActor, StartActor, StopActor, TaskActor};
use pushflow_core::engine::{NetworkBuilder, RunOptions};
use pushflow_core::{Context, Outcome, Payload, TaskError, Value};
use pushflow_pools::ThreadPool;

/// One step: a better guess, and whether it is good enough.
fn improve(inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
    let number = |name: &str| inputs.get(name).and_then(Value::as_float);
    let square = number("square").ok_or_else(|| TaskError::message("the input `square` has to be a number"))?;
    let guess = number("guess").unwrap_or(square);
    let better = (guess + square / guess) / 2.0;
    let steps = inputs.get("steps").and_then(Value::as_int).unwrap_or(0) + 1;
    let done = (better - guess).abs() <= 1e-12 * better.abs();
    Ok(Payload::from([("guess", Value::Float(better)), ("steps", Value::Int(steps)), ("done", Value::Bool(done))]))
}

/// Returns the square root and the number of steps that it took.
pub(crate) fn square_root(square: f64) -> Result<(f64, i64), Box<dyn Error>> {
    let mut network = NetworkBuilder::new("square root");
    let start = network.add("start", StartActor);
    let step = network.add("improve", TaskActor::new(improve));
    let router = network.add("router", RouterActor::new("done", ["true"]));
    let stop = network.add("stop", StopActor);
    network.connect(start, step);
    network.connect(step, router);
    network.connect_port(router, "true", stop)?;
    network.connect_port(router, RouterActor::OTHER, step)?;

    let pool = Arc::new(ThreadPool::builder().workers(2).build()?);
    let options = RunOptions::default().data(Payload::single("square", square));
    let report = Arc::new(network.build()?).run(pool, options);
    if let Some(failure) = report.failures.first() {
        return Err(failure.message.clone().into());
    }
    let output = report.output.ok_or("no result")?;
    let guess = output.get("guess").and_then(Value::as_float).ok_or("no guess")?;
    Ok((guess, output.get("steps").and_then(Value::as_int).unwrap_or(0)))
}

#[expect(clippy::print_stdout, reason = "that is what the example is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let (root, steps) = square_root(2.0)?;
    println!("the square root of 2 is {root}, after {steps} steps");
    Ok(())
}
