//! [`Chunk`]: the task that runs many items in one execution.
//!
//! A kind of tasks that worker processes make again from the name of the function. Its inputs are `arguments`, those of
//! all items in a row; `arity`, how many belong to one item; `count`, how many items there are; and `failures`, the items
//! that are not to be run. Its outputs are a list of all results under `return_value`, and `failures`, the items that have
//! none: lists of index, kind, type, message and traceback.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pushflow_core::registry::{self, Registered};
use pushflow_core::task::Recipe;
use pushflow_core::{Context, ErrorKind, Outcome, Payload, Task, TaskError, Value, register_task_kind};

use super::arguments::{Arguments, misfit, no_value};
use super::result::{RETURN_VALUE, missing, undeliverable};

/// Name of the kind.
const KIND: &str = "pushflow::chunk";
const FAILURES: &str = "failures";

register_task_kind!(KIND, |settings: &Value| {
    let name = settings.as_str().ok_or_else(|| misfit(format!("`{KIND}` needs the name of a function")))?;
    let function = registry::find(name)
        .map_err(|error| TaskError::new(ErrorKind::Unavailable, "RegistryError", error.to_string()))?;
    Ok(Arc::new(Chunk { function }))
});

pub(super) struct Chunk {
    function: Registered,
}

impl Chunk {
    pub(super) fn new(function: Registered) -> Chunk {
        Chunk { function }
    }

    fn item(&self, arguments: &[Value], ctx: &Context<'_>) -> Result<Value, TaskError> {
        ctx.check()?;
        let inputs = Payload::positions(arguments.iter().cloned());
        // As in `Subject::run`: nothing of ours can be left half changed by a panic.
        let outputs = match catch_unwind(AssertUnwindSafe(|| self.function.run(&inputs, ctx))) {
            Ok(outcome) => outcome?,
            Err(panic) => return Err(TaskError::panicked(&*panic)),
        };
        outputs.get(RETURN_VALUE).cloned().ok_or_else(|| missing(self.function.name))
    }
}

impl Task for Chunk {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        let number = |name| inputs.get(name).and_then(Value::as_int).and_then(|number| usize::try_from(number).ok());
        let arguments = inputs.get("arguments").and_then(Value::as_list);
        let (Some(arguments), Some(arity), Some(count)) = (arguments, number("arity"), number("count")) else {
            return Err(misfit(format!("`{KIND}` needs `arguments`, `arity` and `count`")));
        };
        if Some(arguments.len()) != arity.checked_mul(count) {
            let found = arguments.len();
            return Err(misfit(format!("`{KIND}` needs {count} items of {arity} arguments, found {found}")));
        }
        let mut failures = inputs.get(FAILURES).and_then(Value::as_list).unwrap_or_default().to_vec();
        let skipped: HashSet<usize> = failures.iter().filter_map(index_of).collect();
        let mut results = Vec::with_capacity(count);
        for index in 0..count {
            let own = &arguments[index * arity..(index + 1) * arity];
            let result = if skipped.contains(&index) { Ok(Value::Null) } else { self.item(own, ctx) };
            results.push(result.unwrap_or_else(|error| {
                failures.push(failure(index, &error));
                Value::Null
            }));
        }
        Ok(outputs(results, failures))
    }

    fn recipe(&self) -> Option<Recipe> {
        Some(Recipe { kind: KIND.into(), settings: self.function.name.into() })
    }
}

fn outputs(results: Vec<Value>, failures: Vec<Value>) -> Payload {
    let results = Payload::single(RETURN_VALUE, results);
    if failures.is_empty() { results } else { results.with(FAILURES, failures) }
}

/// Collects the inputs of one chunk.
#[derive(Default)]
pub(super) struct Packer {
    arguments: Vec<Value>,
    failures: Vec<Value>,
    count: usize,
}

impl Packer {
    /// Returns how many items are in it.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds an item; one without value takes its place as a failure.
    pub(super) fn add<A: Arguments>(&mut self, function: &str, item: A) {
        if let Err(error) = item.append_to(&mut self.arguments) {
            self.failures.push(failure(self.count, &no_value(function, error)));
            self.arguments.extend((0..A::COUNT).map(|_| Value::Null));
        }
        self.count += 1;
    }

    /// Returns the inputs, and begins the next chunk.
    pub(super) fn finish<A: Arguments>(&mut self) -> Payload {
        let Packer { arguments, failures, count } = std::mem::take(self);
        self.arguments.reserve(arguments.len());
        let entries: [(&str, Value); 3] =
            [("arguments", arguments.into()), ("arity", A::COUNT.into()), ("count", count.into())];
        let inputs = Payload::from(entries);
        if failures.is_empty() { inputs } else { inputs.with(FAILURES, failures) }
    }
}

/// Tells the outcomes of the items apart, `count` of them whatever the chunk gave.
pub(super) fn unpack(function: &str, count: usize, outcome: Outcome) -> Vec<Result<Value, TaskError>> {
    let all = |error: &TaskError| (0..count).map(|_| Err(error.clone())).collect();
    let outputs = match outcome {
        Ok(outputs) => outputs,
        Err(error) => return all(&error),
    };
    let Some(results) = outputs.get(RETURN_VALUE).and_then(Value::as_list).filter(|results| results.len() == count)
    else {
        return all(&undeliverable(format!("a chunk of `{function}` gave no list of {count} results")));
    };
    let mut items: Vec<Result<Value, TaskError>> = results.iter().cloned().map(Ok).collect();
    for failure in outputs.get(FAILURES).and_then(Value::as_list).unwrap_or_default() {
        if let Some(item) = index_of(failure).and_then(|index| items.get_mut(index)) {
            *item = Err(error_of(failure));
        }
    }
    items
}

fn failure(index: usize, error: &TaskError) -> Value {
    let traceback = Value::list(error.traceback().iter().map(String::as_str));
    let texts = [error.kind().name(), error.type_name(), error.text()].map(Value::from);
    Value::list([Value::from(index)].into_iter().chain(texts).chain([traceback]))
}

fn index_of(failure: &Value) -> Option<usize> {
    failure.as_list()?.first()?.as_int()?.try_into().ok()
}

fn error_of(failure: &Value) -> TaskError {
    let parts = failure.as_list().unwrap_or_default();
    let text = |position: usize| parts.get(position).and_then(Value::as_str).unwrap_or_default();
    let traceback = parts.get(4).and_then(Value::as_list).unwrap_or_default();
    TaskError::new(ErrorKind::from_name(text(1)).unwrap_or(ErrorKind::Raised), text(2), text(3))
        .with_traceback(traceback.iter().filter_map(Value::as_str).map(str::to_owned))
}
