//! [`Tasks`]: from the `task_type` of a node to its task.

#[cfg(feature = "python")]
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "python")]
use pushflow_core::Value;
use pushflow_core::engine::TaskResolver;
#[cfg(feature = "python")]
use pushflow_core::graph::Graph;
#[cfg(not(feature = "nested"))]
use pushflow_core::graph::KindSettings;
use pushflow_core::graph::check::{Interfaces, TaskTypes};
use pushflow_core::graph::{Node, TaskType};
use pushflow_core::{ErrorKind, Key, Task, TaskError};

#[cfg(feature = "python")]
use crate::python::{Announced, Environments, EwoksOptions, module_of};

/// Finds the tasks of nodes, of all kinds in this build.
///
/// # Examples
///
/// ```
/// use pushflow_core::engine::TaskResolver;
///
/// let tasks = pushflow_tasks::Tasks::new();
/// # let _: &dyn TaskResolver = &tasks;
/// ```
#[derive(Clone, Debug)]
pub struct Tasks {
    grace: Duration,
    #[cfg(feature = "python")]
    environments: Environments,
    #[cfg(feature = "python")]
    ewoks: EwoksOptions,
    /// Whether classes are imported to know what they require.
    #[cfg(feature = "python")]
    imports: bool,
}

/// How long a command may take to end after it was told to, by default.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(2);

type Make = fn(&Tasks, &Node) -> Result<Arc<dyn Task>, TaskError>;

const KINDS: &[(&str, Make)] = &[
    #[cfg(feature = "simple")]
    ("simple", |_, node| crate::simple::resolve(node)),
    #[cfg(feature = "subprocess")]
    ("subprocess", |tasks, node| crate::subprocess::resolve(node, tasks.grace)),
    #[cfg(feature = "script")]
    ("script", |tasks, node| {
        tasks.by_ewoks(node, |node| crate::script::resolve(node, tasks.grace, tasks.interpreter_of(node)))
    }),
    ("ppfport", |tasks, node| tasks.by_ewoks(node, |_| Ok(Arc::new(crate::ppfport::PpfPort)))),
    #[cfg(feature = "python")]
    ("class", python),
    #[cfg(feature = "python")]
    ("method", python),
    #[cfg(feature = "python")]
    ("ppfmethod", python),
    #[cfg(feature = "python")]
    ("generated", python),
    #[cfg(feature = "python")]
    ("notebook", python),
];

#[cfg(feature = "python")]
fn python(tasks: &Tasks, node: &Node) -> Result<Arc<dyn Task>, TaskError> {
    Ok(crate::python::resolve(node, &tasks.environments.of(node)?, tasks.grace, &tasks.ewoks))
}

impl Tasks {
    /// Creates a resolver with the default grace.
    pub fn new() -> Tasks {
        Tasks {
            grace: DEFAULT_GRACE,
            #[cfg(feature = "python")]
            environments: Environments::default(),
            #[cfg(feature = "python")]
            ewoks: EwoksOptions::default(),
            #[cfg(feature = "python")]
            imports: false,
        }
    }

    /// Has classes imported, by the interpreter that would run them, when somebody wants to know what they require: for a workflow that
    /// is about to run. By default nothing is executed to know that, and nobody knows.
    #[cfg(feature = "python")]
    #[must_use]
    pub fn importing(mut self) -> Tasks {
        self.imports = true;
        self
    }

    /// Sets modules that every interpreter imports once for all workers which are forked from it.
    #[cfg(feature = "python")]
    #[must_use]
    pub fn pre_import(mut self, modules: Vec<String>) -> Tasks {
        self.environments.set_modules(modules);
        self
    }

    /// Has every interpreter import in addition, once for all its workers, what it runs tasks by; and with `functions` the modules that the
    /// functions and classes of its nodes are in.
    #[cfg(feature = "python")]
    #[must_use]
    pub fn pre_import_of(mut self, graph: &Graph, functions: bool) -> Tasks {
        let all_by_ewoks = !self.ewoks.is_empty();
        self.environments.add_modules(graph, |node| {
            let by_ewoks =
                all_by_ewoks || matches!(node.task_type, TaskType::Class | TaskType::Generated | TaskType::Notebook);
            let libraries = if by_ewoks { of_ewoks() } else { Vec::new() };
            libraries.into_iter().chain(module_of(node).filter(|_| functions))
        });
        self
    }

    /// Has nothing said about what cannot be imported in advance, or keeps workers from being forked then.
    #[cfg(feature = "python")]
    #[must_use]
    pub fn pre_import_quietly(mut self) -> Tasks {
        self.environments.be_quiet();
        self
    }

    /// Imports what the Python tasks of a workflow are, each once, and waits for that: for whoever wants to know before anything runs
    /// that something cannot be imported. The modules are those that are [imported in advance](Tasks::pre_import), if any.
    ///
    /// # Errors
    ///
    /// The first node whose function or class cannot be imported, and why.
    #[cfg(feature = "python")]
    pub fn import<'a>(&self, graph: &'a Graph) -> Result<(), (&'a Node, TaskError)> {
        let mut known = Vec::new();
        for node in &graph.nodes {
            let is_imported = matches!(node.task_type, TaskType::Class | TaskType::Method | TaskType::PpfMethod);
            let Some(name) = node.task_identifier.as_deref().filter(|_| is_imported) else { continue };
            let environment = self.environments.of(node).map_err(|error| (node, error))?;
            let one = (name, environment.interpreter().clone());
            if !known.contains(&one) {
                crate::python::import(&environment, name, self.grace).map_err(|error| (node, error))?;
                known.push(one);
            }
        }
        Ok(())
    }

    /// Sets what `ewokscore` is given beside the inputs of tasks.
    #[cfg(feature = "python")]
    #[must_use]
    pub fn ewoks(mut self, options: EwoksOptions) -> Tasks {
        self.ewoks = options;
        self
    }

    /// Sends the events that a job and its workflow start, when `execinfo` names whom to send events to; what is returned sends those of
    /// the end, and knows what to give the tasks instead. Waits for an interpreter to do so.
    ///
    /// # Errors
    ///
    /// When there is no interpreter with `ewokscore`, or a handler cannot be made, or fails.
    #[cfg(feature = "python")]
    pub fn announce(&self, graph: &Graph) -> Result<Option<Announced>, TaskError> {
        match &self.ewoks.execinfo {
            Value::Null | Value::Bool(false) => Ok(None),
            execinfo => {
                let execinfo = match execinfo {
                    Value::Str(_) => Value::map([("job_id", execinfo.clone())]),
                    Value::Bool(true) => Value::Map(Arc::default()),
                    other => other.clone(),
                };
                Announced::start(&self.environments.common()?, &execinfo, &graph.id, self.grace).map(Some)
            }
        }
    }

    /// The interpreter of a script in Python: that of Python tasks, if there is one.
    #[cfg(all(feature = "python", feature = "script"))]
    fn interpreter_of(&self, node: &Node) -> Option<String> {
        node.task_identifier.as_deref().filter(|name| name.ends_with(".py"))?;
        self.environments.of(node).ok()?.interpreter().path().to_str().map(str::to_owned)
    }

    #[cfg(all(not(feature = "python"), feature = "script"))]
    #[expect(clippy::unused_self, reason = "as in builds with Python")]
    fn interpreter_of(&self, _: &Node) -> Option<String> {
        None
    }

    /// Makes a task that `ewokscore` runs when it is given options, else one of this crate.
    #[cfg(feature = "python")]
    fn by_ewoks(
        &self,
        node: &Node,
        own: impl FnOnce(&Node) -> Result<Arc<dyn Task>, TaskError>,
    ) -> Result<Arc<dyn Task>, TaskError> {
        if self.ewoks.is_empty() { own(node) } else { python(self, node) }
    }

    #[cfg(not(feature = "python"))]
    #[expect(clippy::unused_self, reason = "as in builds with Python")]
    fn by_ewoks(
        &self,
        node: &Node,
        own: impl FnOnce(&Node) -> Result<Arc<dyn Task>, TaskError>,
    ) -> Result<Arc<dyn Task>, TaskError> {
        own(node)
    }

    /// Sets which interpreter runs Python tasks of nodes that name none; see [`Interpreter::choose`](crate::python::Interpreter::choose).
    #[cfg(feature = "python")]
    #[must_use]
    pub fn python(mut self, interpreter: Option<impl Into<OsString>>) -> Tasks {
        self.environments.set_python(interpreter.map(Into::into));
        self
    }

    /// Sets how long a command may take to end after it was told to, before it is killed; 2 seconds by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Tasks {
        self.grace = grace;
        self
    }

    /// Returns the kinds of tasks of this build, as workflow files spell them.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(kind, _)| *kind)
    }
}

impl Default for Tasks {
    fn default() -> Tasks {
        Tasks::new()
    }
}

impl TaskResolver for Tasks {
    fn resolve(&self, node: &Node) -> Result<Arc<dyn Task>, TaskError> {
        let kind = node.task_type.as_str();
        let task = match KINDS.iter().find(|(known, _)| *known == kind) {
            Some((_, make)) => make(self, node)?,
            None => return Err(unavailable(node)),
        };
        match node.settings.as_ref().and_then(|settings| settings.kind.as_ref()) {
            None => Ok(task),
            Some(kind) => nest(task, kind, node, self.grace),
        }
    }
}

#[cfg(feature = "nested")]
use crate::nested::resolve as nest;

#[cfg(not(feature = "nested"))]
fn nest(task: Arc<dyn Task>, kind: &KindSettings, node: &Node, _: Duration) -> Result<Arc<dyn Task>, TaskError> {
    if kind.name == "simple" {
        return Ok(task);
    }
    let message = format!("node '{}' has the kind '{}', which this build has not", node.label(), kind.name);
    Err(TaskError::new(ErrorKind::Unavailable, "ValueError", message))
}

impl Interfaces for Tasks {
    #[cfg(feature = "python")]
    fn required_inputs(&self, node: &Node) -> Option<Vec<Key>> {
        if !self.imports || node.task_type != TaskType::Class {
            return None;
        }
        // As it is for a workflow with classes.
        let environment = self.environments.of(node).ok()?.pre_import(of_ewoks()).quietly();
        crate::python::required_inputs(&environment, node.task_identifier.as_deref()?, self.grace)
    }

    fn outputs(&self, node: &Node) -> Option<Vec<Key>> {
        match node.task_type.as_str() {
            "subprocess" => Some(["return_code", "out", "err"].map(Key::from).into()),
            _ => TaskTypes.outputs(node),
        }
    }
}

/// What workers import that run tasks by `ewokscore`.
#[cfg(feature = "python")]
fn of_ewoks() -> Vec<String> {
    ["ewokscore.inittask", "ewokscore.progress"].map(str::to_owned).into()
}

fn unavailable(node: &Node) -> TaskError {
    match &node.task_type {
        TaskType::Class | TaskType::Method | TaskType::PpfMethod | TaskType::Notebook | TaskType::Generated => {
            let (label, kind) = (node.label(), &node.task_type);
            let identifier = node.task_identifier.as_deref().unwrap_or_default();
            let known = Tasks::kinds().collect::<Vec<_>>().join(", ");
            let message = format!(
                "node '{label}' is a Python task of type '{kind}' ({identifier}), and this build runs no Python tasks; \
                 it runs: {known}"
            );
            TaskError::new(ErrorKind::Unavailable, "NotImplementedError", message)
        }
        _ => {
            let message = format!(
                "Task '{}' requires the 'class', 'method', 'ppfmethod', 'ppfport', 'script', 'notebook', 'task' or \
                 'task_type' key",
                node.label()
            );
            TaskError::new(ErrorKind::Unavailable, "ValueError", message)
        }
    }
}
