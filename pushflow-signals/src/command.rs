//! [`Command`]: what is to be started, and how.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Pid;

use crate::child::{Child, Interrupter, Pipes};
use crate::error::Error;
use crate::family;
use crate::fork_local::{PrivateFd, no_fork};
use crate::kin::Kin;
use crate::start::forkserver;
use crate::sys;
use crate::tree;

/// A command to be started: a program with an argument vector, without any shell.
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    clear_env: bool,
    env: Vec<(OsString, Option<OsString>)>,
    directory: Option<PathBuf>,
    stdin: Stdin,
    stdout: Output,
    stderr: Output,
    grace: Duration,
}

/// Bytes that are shared with others.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where a command's standard input comes from.
#[derive(Clone, Default)]
pub enum Stdin {
    /// The null device.
    #[default]
    Null,
    /// The parent's.
    Inherit,
    /// These bytes, then the end.
    Bytes(SharedBytes),
}

/// Where a command's standard output or error goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// The null device.
    Null,
    /// The parent's.
    #[default]
    Inherit,
    /// Into memory.
    Capture,
    /// To who [waits](Child::wait_with), in pieces as they come.
    Stream,
    /// For standard error only: to where standard output goes, in the order of writing.
    Merge,
}

impl Command {
    /// Names a program: a path, or a name that is looked for on the search path.
    pub fn new(program: impl Into<OsString>) -> Command {
        Command {
            program: program.into(),
            args: Vec::new(),
            clear_env: false,
            env: Vec::new(),
            directory: None,
            stdin: Stdin::Null,
            stdout: Output::Inherit,
            stderr: Output::Inherit,
            grace: Duration::from_secs(5),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes a variable from the environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Command {
        self.env.push((name.into(), None));
        self
    }

    /// Starts from an empty environment instead of the parent's.
    #[must_use]
    pub fn env_clear(mut self) -> Command {
        self.clear_env = true;
        self
    }

    /// Sets the working directory; the parent's by default.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Command {
        self.directory = Some(directory.into());
        self
    }

    /// Sets where the input comes from; from the null device by default.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Command {
        self.stdin = stdin;
        self
    }

    /// Sets where the output goes; to the parent's by default.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Command {
        self.stdout = stdout;
        self
    }

    /// Sets where the error output goes; to the parent's by default.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Command {
        self.stderr = stderr;
        self
    }

    /// Sets how long a command that is ended may take before the next, harder signal; 5 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Command {
        self.grace = grace;
        self
    }

    /// Starts the command.
    ///
    /// It ends with the calling *thread* (the parent-death signal follows threads), with the [`Child`], or by itself.
    ///
    /// # Errors
    ///
    /// Why it could not be started, told apart: see [`Error`].
    pub fn start(self) -> Result<Child, Error> {
        self.refuse_nul()?;
        let _starting = family::starting()?;
        family::look_after()?;
        forkserver::guard();
        let wake = Interrupter::event()?;
        // Others must not fork while the command's ends of the pipes exist.
        let gate = no_fork();
        #[expect(clippy::disallowed_methods, reason = "this is the place where commands start")]
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).process_group(0);
        if self.clear_env {
            command.env_clear();
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env(tree::VARIABLE, tree::own());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let (stdin, input) = match &self.stdin {
            Stdin::Null => (Stdio::null(), None),
            Stdin::Inherit => (Stdio::inherit(), None),
            Stdin::Bytes(bytes) => {
                let (reader, writer) = pipe()?;
                (reader.into(), Some((PrivateFd::new(writer), Arc::clone(bytes))))
            }
        };
        let (stdout, from_stdout, merged) = self.stdout.connect(None)?;
        let (stderr, from_stderr, _) = self.stderr.connect(merged)?;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let started = sys::spawn_with_parent(&mut command).map_err(|source| self.explain(source))?;
        // The parent's copies of the child's ends go with the command, so that the end of a pipe is seen.
        drop(command);
        drop(gate);
        let from_stdout = from_stdout.map(|reader| (reader, self.stdout));
        let from_stderr = from_stderr.map(|reader| (reader, self.stderr));
        let kin = Kin::new(Pid::from_child(&started)).map_err(Error::system("watch a process"))?;
        Child::new(kin, wake, Pipes { input, from_stdout, from_stderr }, self.grace)
    }

    fn refuse_nul(&self) -> Result<(), Error> {
        let variables = self.env.iter().flat_map(|(name, value)| std::iter::once(name).chain(value));
        let mut all = std::iter::once(&self.program).chain(&self.args).chain(variables);
        match all.find(|text| text.as_bytes().contains(&0)) {
            Some(argument) => Err(Error::Nul { argument: argument.clone() }),
            None => Ok(()),
        }
    }

    /// Tells a missing program from a missing directory, which the system reports alike.
    fn explain(&self, source: io::Error) -> Error {
        if let Some(directory) = self.directory.as_deref().filter(|directory| !Path::is_dir(directory)) {
            return Error::WorkingDirectory { directory: directory.to_owned(), source };
        }
        let program = self.program.clone();
        match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { program, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => Error::NotExecutable { program, source },
            _ if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                Error::NotExecutable { program, source }
            }
            _ => Error::System { action: "start a process", source },
        }
    }
}

type Connected = (Stdio, Option<PrivateFd>, Option<PipeWriter>);

impl Output {
    /// Returns the child's end, the parent's end, and for what merges into it one more of the child's end.
    fn connect(&self, stdout: Option<PipeWriter>) -> Result<Connected, Error> {
        Ok(match self {
            Output::Null => (Stdio::null(), None, None),
            Output::Inherit => (Stdio::inherit(), None, None),
            Output::Merge => match stdout {
                Some(writer) => (writer.into(), None, None),
                None => (Stdio::from(io::stdout()), None, None),
            },
            Output::Capture | Output::Stream => {
                let (reader, writer) = pipe()?;
                let copy = writer.try_clone().map_err(Error::system("duplicate a pipe"))?;
                (writer.into(), Some(PrivateFd::new(reader)), Some(copy))
            }
        })
    }
}

fn pipe() -> Result<(PipeReader, PipeWriter), Error> {
    io::pipe().map_err(Error::system("create a pipe"))
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<&OsStr> = self.args.iter().map(OsString::as_os_str).collect();
        f.debug_struct("Command").field("program", &self.program).field("args", &args).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stdin::Null => f.write_str("Null"),
            Stdin::Inherit => f.write_str("Inherit"),
            Stdin::Bytes(bytes) => write!(f, "Bytes({})", (**bytes).as_ref().len()),
        }
    }
}
