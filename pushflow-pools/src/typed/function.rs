//! [`Function`]: a function that pools can run; [`Call`]: one with its arguments.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use pushflow_core::registry::Registered;
use pushflow_core::{Payload, Task, TaskError};

use super::arguments::{Arguments, no_value};

/// A function from arguments `A`, a tuple, to a result `R`, as [`task!`](crate::task) defines it.
///
/// Worker processes find it by its name.
pub struct Function<A, R> {
    registered: Registered,
    task: fn() -> &'static Arc<dyn Task>,
    types: PhantomData<fn(A) -> R>,
}

impl<A, R> Function<A, R> {
    /// For [`task!`](crate::task), which knows that the types are those of the function.
    #[doc(hidden)]
    pub const fn new(registered: Registered, task: fn() -> &'static Arc<dyn Task>) -> Function<A, R> {
        Function { registered, task, types: PhantomData }
    }

    /// Returns the name: the path of the module, and that of the function.
    pub fn name(self) -> &'static str {
        self.registered.name
    }

    /// Makes a call of the function with arguments that are together already.
    pub fn call_with(self, arguments: A) -> Call<R>
    where
        A: Arguments,
    {
        let name = self.name();
        let inputs = arguments.into_payload().map_err(|error| no_value(name, error));
        Call { name, task: (self.task)(), inputs, result: PhantomData }
    }

    pub(super) fn registered(self) -> Registered {
        self.registered
    }

    pub(super) fn task(self) -> &'static Arc<dyn Task> {
        (self.task)()
    }
}

impl<A, R> Clone for Function<A, R> {
    fn clone(&self) -> Function<A, R> {
        *self
    }
}

impl<A, R> Copy for Function<A, R> {}

impl<A, R> fmt::Debug for Function<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.registered.name).finish()
    }
}

/// A function and its arguments, to be submitted to a pool. Nothing is run by making one.
///
/// An argument that has no value is found when it is made, and told as the outcome of the call.
#[must_use = "a call does nothing until a pool runs it"]
pub struct Call<R> {
    pub(super) name: &'static str,
    pub(super) task: &'static Arc<dyn Task>,
    pub(super) inputs: Result<Payload, TaskError>,
    result: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("name", &self.name).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}
