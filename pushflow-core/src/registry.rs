//! Tasks that are found by name: in workflow files, and in worker processes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::error::{ErrorKind, TaskError};
use crate::payload::Payload;
use crate::pool::Outcome;
use crate::task::{Context, Task};
use crate::value::Value;

/// A function that is registered under a name, with [`register_task!`](crate::register_task).
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// The name, unique in the program.
    pub name: &'static str,
    /// The function.
    pub function: fn(&Payload, &Context<'_>) -> Outcome,
}

impl Task for Registered {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        (self.function)(inputs, ctx)
    }

    fn name(&self) -> Option<&str> {
        Some(self.name)
    }
}

inventory::collect!(Registered);

/// A kind of tasks that worker processes make again from settings, registered with
/// [`register_task_kind!`](crate::register_task_kind).
#[derive(Clone, Copy, Debug)]
pub struct RegisteredKind {
    /// The name, unique in the program among kinds and functions.
    pub name: &'static str,
    /// Makes a task from the settings of its [`Recipe`](crate::task::Recipe).
    pub make: fn(&Value) -> Result<Arc<dyn Task>, TaskError>,
}

inventory::collect!(RegisteredKind);

/// Makes the task of a [`Recipe`](crate::task::Recipe).
///
/// # Errors
///
/// When nothing is registered under the name; when the kind does not understand the settings.
pub fn make(kind: &str, settings: &Value) -> Result<Arc<dyn Task>, TaskError> {
    match inventory::iter::<RegisteredKind>.into_iter().find(|registered| registered.name == kind) {
        Some(registered) => (registered.make)(settings),
        None => match find(kind) {
            Ok(function) => Ok(Arc::new(function)),
            Err(error) => Err(TaskError::new(ErrorKind::Unavailable, "RegistryError", error.to_string())),
        },
    }
}

/// Why a name leads to no task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No function is registered under the name.
    #[error("no task is registered as `{name}`; this program has: {known}")]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The names there are, in order.
        known: String,
    },
    /// Two functions are registered under the name.
    #[error("two tasks are registered as `{name}`")]
    Ambiguous {
        /// The name.
        name: String,
    },
}

/// Finds a registered task.
///
/// # Errors
///
/// When there is none of that name, or more than one.
pub fn find(name: &str) -> Result<Registered, RegistryError> {
    static INDEX: OnceLock<HashMap<&'static str, Vec<Registered>>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index: HashMap<_, Vec<_>> = HashMap::new();
        for task in inventory::iter::<Registered> {
            index.entry(task.name).or_default().push(*task);
        }
        index
    });
    match index.get(name).map(Vec::as_slice) {
        Some([only]) => Ok(*only),
        Some(_) => Err(RegistryError::Ambiguous { name: name.to_owned() }),
        None => {
            let known = names();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(RegistryError::Unknown { name: name.to_owned(), known })
        }
    }
}

/// Returns the names of all registered tasks, in order.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = inventory::iter::<Registered>.into_iter().map(|task| task.name).collect();
    names.sort_unstable();
    names
}

/// Registers a function or a closure without captures as a task, so that workflow files and workers find it by name.
///
/// # Examples
///
/// ```
/// use pushflow_core::{Context, Outcome, Payload, register_task};
///
/// fn answer(_inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
///     Ok(Payload::single("return_value", 42))
/// }
/// register_task!("answer", answer);
///
/// assert!(pushflow_core::registry::find("answer").is_ok());
/// ```
#[macro_export]
macro_rules! register_task {
    ($name:expr, $function:expr) => {
        $crate::inventory::submit! {
            $crate::registry::Registered { name: $name, function: $function }
        }
    };
}

/// Registers a kind of tasks, from whose settings worker processes make them again.
#[macro_export]
macro_rules! register_task_kind {
    ($name:expr, $make:expr) => {
        $crate::inventory::submit! {
            $crate::registry::RegisteredKind { name: $name, make: $make }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    register_task_kind!("registry-kind", |settings: &Value| {
        let text = settings.as_str().ok_or_else(|| TaskError::message("not a text"))?.to_owned();
        Ok(Arc::new(move |_: &Payload, _: &Context<'_>| Ok(Payload::single("x", text.as_str()))))
    });

    #[test]
    fn a_task_is_made_again_from_its_recipe() {
        let ctx = Context::new("", crate::event::RunId(0), 1);
        let recipe = find("registry-test").unwrap().recipe().unwrap();
        for (kind, settings, wanted) in
            [(&*recipe.kind, &recipe.settings, Value::Int(1)), ("registry-kind", &Value::from("a"), Value::from("a"))]
        {
            let outputs = make(kind, settings).unwrap().run(&Payload::new(), &ctx).unwrap();
            assert_eq!(outputs.get("x"), Some(&wanted));
        }
        assert!(make("registry-kind", &Value::Null).is_err());
        assert!(matches!(make("nothing", &Value::Null), Err(error) if error.kind() == ErrorKind::Unavailable));
    }

    register_task!("registry-test", |_inputs, _ctx| Ok(Payload::single("x", 1)));
    register_task!("registry-twice", |_inputs, _ctx| Ok(Payload::new()));
    register_task!("registry-twice", |_inputs, _ctx| Ok(Payload::new()));

    #[test]
    fn a_registered_task_is_found_by_its_name() {
        let task = find("registry-test").unwrap();
        let outputs = task.run(&Payload::new(), &Context::new("", crate::event::RunId(0), 1)).unwrap();
        assert_eq!(outputs.get("x").and_then(crate::Value::as_int), Some(1));
    }

    #[test]
    fn unknown_and_ambiguous_names_are_told_apart() {
        assert!(matches!(find("registry-twice"), Err(RegistryError::Ambiguous { .. })));
        let Err(error) = find("nothing") else { panic!("found") };
        assert!(error.to_string().contains("registry-test"), "{error}");
    }
}
