//! [`Environments`]: which interpreter runs which node, and what each has imported beforehand.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, PoisonError};

use pushflow_core::TaskError;
use pushflow_core::graph::{Graph, Node, TaskType};

use super::environment::Environment;
use super::interpreter::Interpreter;

/// What nodes name as their interpreter; `None` for those that name none.
type Named = Option<String>;

/// The interpreters of the nodes of workflows, each found for the first node that needs it.
#[derive(Clone, Debug)]
pub(crate) struct Environments {
    /// The interpreter of nodes that name none, if somebody names it.
    python: Option<OsString>,
    /// What all of them import.
    everywhere: Vec<String>,
    /// What those import that nodes name.
    modules: BTreeMap<Named, Vec<String>>,
    /// Whether they say what they cannot import.
    tells: bool,
    found: Arc<Mutex<BTreeMap<Named, Result<Environment, TaskError>>>>,
}

impl Default for Environments {
    fn default() -> Environments {
        let (everywhere, modules) = (Vec::new(), BTreeMap::new());
        Environments { python: None, everywhere, modules, tells: true, found: Arc::default() }
    }
}

impl Environments {
    /// Sets the interpreter of nodes that name none.
    pub(crate) fn set_python(&mut self, python: Option<OsString>) {
        (self.python, self.found) = (python, Arc::default());
    }

    /// Sets what all of them import.
    pub(crate) fn set_modules(&mut self, modules: Vec<String>) {
        (self.everywhere, self.modules, self.found) = (modules, BTreeMap::new(), Arc::default());
    }

    /// Has each import what its nodes need, as `needed` tells.
    pub(crate) fn add_modules<I: IntoIterator<Item = String>>(&mut self, graph: &Graph, needed: impl Fn(&Node) -> I) {
        for node in &graph.nodes {
            let known = self.modules.entry(named_by(node)).or_default();
            for module in needed(node) {
                if !known.contains(&module) {
                    known.push(module);
                }
            }
        }
        self.found = Arc::default();
    }

    /// Has none of them say what it cannot import.
    pub(crate) fn be_quiet(&mut self) {
        (self.tells, self.found) = (false, Arc::default());
    }

    /// Returns that of nodes that name none.
    ///
    /// # Errors
    ///
    /// When there is no such interpreter.
    pub(crate) fn common(&self) -> Result<Environment, TaskError> {
        self.find(None, || Interpreter::choose(self.python.as_deref()))
    }

    /// Returns that of a node.
    ///
    /// # Errors
    ///
    /// When there is no such interpreter.
    pub(crate) fn of(&self, node: &Node) -> Result<Environment, TaskError> {
        match named_by(node) {
            None => self.common(),
            Some(name) => {
                let choose = || Interpreter::of_node(&node.label(), OsStr::new(&name));
                self.find(Some(name.clone()), choose)
            }
        }
    }

    fn find(
        &self,
        named: Named,
        choose: impl FnOnce() -> Result<Interpreter, TaskError>,
    ) -> Result<Environment, TaskError> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let modules = self.modules.get(&named).into_iter().flatten();
        let make = || {
            let environment = Environment::new(choose()?);
            let environment = environment.pre_import(self.everywhere.iter().chain(modules).cloned().collect());
            Ok(if self.tells { environment } else { environment.quietly() })
        };
        found.entry(named).or_insert_with(make).clone()
    }
}

fn named_by(node: &Node) -> Named {
    node.settings.as_ref()?.python.as_ref().map(ToString::to_string)
}

/// Returns the module, or file, that a task of Python is in; `None` for other tasks.
pub(crate) fn module_of(node: &Node) -> Option<String> {
    let identifier = match node.task_type {
        TaskType::Class | TaskType::Method | TaskType::PpfMethod => node.task_identifier.as_deref()?,
        TaskType::Generated => node.task_generator.as_deref()?,
        _ => return None,
    };
    let (module, _) = identifier.rsplit_once("::").or_else(|| identifier.rsplit_once('.'))?;
    Some(module.to_owned())
}
