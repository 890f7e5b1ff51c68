//! What the nodes of random workflows do: as simple as can be, but everything that they are given shows in what they give.

use pushflow_core::value::Value;
use pushflow_core::{Context, Outcome, Payload, TaskError, register_task};

use super::answer::{GIVES, text};

/// Inputs that are passed on as they come: the counters of loops, one for each depth.
pub(super) const COUNTERS: [&str; 3] = ["n0", "n1", "n2"];
pub(super) const ADD: &str = "workflow_add";
pub(super) const COUNT: &str = "workflow_count";
pub(super) const FAIL: &str = "workflow_fail";
pub(super) const PANIC: &str = "workflow_panic";
pub(super) const RETRY: &str = "workflow_retry";

register_task!(ADD, add);
register_task!(COUNT, count);
register_task!(FAIL, |inputs, ctx| {
    say(inputs, ctx);
    Err(TaskError::message(format!("{} fails at {}", ctx.node(), sum(inputs))))
});
register_task!(PANIC, |inputs, ctx| {
    say(inputs, ctx);
    std::panic::resume_unwind(Box::new(format!("{} panics at {}", ctx.node(), sum(inputs))))
});
// Fails at the first try.
register_task!(RETRY, |inputs, ctx| {
    if ctx.attempt() > 1 {
        return add(inputs, ctx);
    }
    say(inputs, ctx);
    Err(TaskError::message(format!("{} is to be tried again", ctx.node())))
});

/// Tells this execution to whoever watches the run, in the process that started it.
fn say(inputs: &Payload, ctx: &Context<'_>) {
    ctx.message(&format!("{}: {}", ctx.attempt(), text(inputs)));
}

fn give(outputs: Payload, ctx: &Context<'_>) -> Outcome {
    ctx.message(&format!("{GIVES}{}", text(&outputs)));
    Ok(outputs)
}

fn sum(inputs: &Payload) -> i64 {
    inputs.iter().filter_map(|(_, value)| value.as_int()).fold(0, |sum, value| (31 * sum + value) % 1009)
}

fn int(inputs: &Payload, name: &str) -> i64 {
    inputs.get(name).and_then(Value::as_int).unwrap_or(0)
}

fn outputs(inputs: &Payload) -> Payload {
    let sum = sum(inputs);
    let mut outputs: Payload =
        [("sum", Value::Int(sum)), ("odd", Value::Bool(sum % 2 == 1)), ("third", Value::Int(sum % 3))].into();
    for counter in COUNTERS {
        outputs.insert(counter, int(inputs, counter));
    }
    outputs
}

fn add(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    say(inputs, ctx);
    give(outputs(inputs), ctx)
}

/// Counts the rounds of a loop: `more` is true until there were as many as the input `limit` says.
fn count(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    say(inputs, ctx);
    let mut outputs = outputs(inputs);
    let depth = usize::try_from(int(inputs, "depth"))?;
    let counter = COUNTERS.get(depth).ok_or_else(|| TaskError::message("too deep"))?;
    let rounds = int(inputs, counter) + 1;
    let more = rounds <= int(inputs, "limit");
    // The loop may be entered again.
    outputs.insert(*counter, if more { rounds } else { 0 });
    outputs.insert("more", more);
    give(outputs, ctx)
}
