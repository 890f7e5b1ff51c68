//! `subprocess` nodes: commands, with arguments, environment, working directory and standard input.
//!
//! A node's `task_identifier` is the program. Its inputs:
//!
//! | input | meaning | default |
//! | --- | --- | --- |
//! | `argv` | list of arguments: texts, numbers, bytes | none |
//! | positions `0`, `1`, ... | arguments after those of `argv` | none |
//! | `env` | object of variables, added to the environment; null removes one | that of this process |
//! | `cwd` | working directory | that of this process |
//! | `stdin` | text or bytes | nothing to read |
//! | `capture` | whether output is kept, for `out` and `err` | true |
//! | `stream` | whether lines of output are [told](pushflow_core::Context::message) as they come | only without `capture` |
//! | `check` | whether an exit code other than 0 is an error | true |
//!
//! Its outputs: `return_code` (negative: ended by that signal), `out` and `err` (text, or bytes when they are not UTF-8;
//! null when they are not kept).
//!
//! From Rust, a [`Subprocess`] is a task with settings of its own, which inputs of the same names overwrite.

mod argument;
mod command;
mod error;
mod inputs;
mod process;
mod recipe;
mod stream;

#[cfg(feature = "script")]
pub(crate) use argument::python_text;
pub use command::{Completed, Output, Subprocess, resolve};
pub use error::SubprocessError;
#[cfg(feature = "script")]
pub(crate) use inputs::position;
