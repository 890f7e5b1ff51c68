//! Processes that run another program: they are started and kept as those that run a function, and have the same link.
//!
//! The process begins as one of this program, with its group, its place in the tree and, if it ends with its parent, its
//! parent-death signal; then it executes the other program, which keeps all of that. That one finds the number of the
//! link's descriptor in the variable [`LINK`].
//!
//! What it prints before it knows what is to become of that goes to standard error, since standard output may be for results.
//! The number of a descriptor of standard output is in the variable [`STDOUT`].

use std::ffi::{OsStr, OsString};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;

use rustix::io::{FdFlags, dup, fcntl_setfd};
use rustix::stdio;

use crate::entry::{Inside, Returned};
use crate::error::Error;
use crate::process::{Process, ProcessBuilder};
use crate::signal::Signal;
use crate::{sys, tree};

/// The variable that tells a program which of its descriptors is the link with its parent.
pub const LINK: &str = "PUSHFLOW_LINK";
/// The variable that tells a program which of its descriptors is standard output; not there where there is none.
pub const STDOUT: &str = "PUSHFLOW_STDOUT";

/// The name of the body, among those that programs register.
pub(crate) const NAME: &str = "pushflow-signals program";

/// Another program, as a process with a link.
#[derive(Clone, Debug)]
pub struct Program {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Program {
    /// Names a program: a path, or a name that is looked for on the search path.
    pub fn new(program: impl Into<OsString>) -> Program {
        Program { program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Program {
        self.args.push(argument.into());
        self
    }

    /// Sets a variable of its environment, which is that of this process otherwise.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Describes the process that runs it. Its input is taken.
    ///
    /// A program that cannot be executed is one that ends at once, with exit code 1.
    ///
    /// # Errors
    ///
    /// [`Error::Nul`] for an argument or variable with a NUL byte.
    pub fn process(self) -> Result<ProcessBuilder, Error> {
        let count = OsString::from(self.args.len().to_string());
        let variables = self.env.into_iter().flat_map(|(name, value)| [name, value]);
        let mut input = Vec::new();
        for text in [self.program, count].into_iter().chain(self.args).chain(variables) {
            if text.as_bytes().contains(&0) {
                return Err(Error::Nul { argument: text });
            }
            input.extend_from_slice(text.as_bytes());
            input.push(0);
        }
        Ok(Process::builder(NAME).input(input))
    }
}

/// The body of the process.
pub(crate) fn become_program(inside: &mut Inside) -> Returned {
    let mut texts = inside.input.split(|byte| *byte == 0).map(|text| OsString::from_vec(text.to_vec()));
    let missing = || "what to execute is incomplete";
    let program = texts.next().ok_or_else(missing)?;
    let count: usize = texts.next().and_then(|text| text.to_str()?.parse().ok()).ok_or_else(missing)?;
    #[expect(clippy::disallowed_methods, reason = "it takes the place of this process, which this crate has started")]
    let mut command = std::process::Command::new(&program);
    command.args(texts.by_ref().take(count));
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        command.env(name, value);
    }
    command.env(tree::VARIABLE, tree::own());
    command.env(LINK, inside.link.as_raw_fd().to_string());
    fcntl_setfd(&inside.link, FdFlags::empty())?;
    command.env_remove(STDOUT);
    // It stays open, until this process is that program.
    let aside = dup(stdio::stdout()).ok();
    if let Some(aside) = &aside
        && stdio::dup2_stdout(stdio::stderr()).is_ok()
    {
        command.env(STDOUT, aside.as_raw_fd().to_string());
    }
    // Until the program has said what an interruption does, it does nothing: it may come before it has a handler. The mask
    // and the other dispositions are those of any program.
    sys::signal::ignore(Signal::INTERRUPT.number());
    let error = command.exec();
    Err(format!("cannot execute {}: {error}", OsStr::to_string_lossy(&program)).into())
}
