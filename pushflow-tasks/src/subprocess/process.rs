//! Runs a command to its end, or to the end of its time.

use std::io;
use std::sync::Arc;

use pushflow_core::Context;
use pushflow_core::interrupt::Cause;
use pushflow_signals::{Child, Command, Ended, Error, Finished, Output as Sink, Stdin, Stream};

use super::command::{Completed, Output, Subprocess};
use super::error::SubprocessError;
use super::stream::Lines;

/// Runs a command. Ends it with its whole process group when the task is interrupted or its time is over.
pub(super) fn run(command: &Subprocess, ctx: &Context<'_>) -> Result<Completed, SubprocessError> {
    if let Some(cause) = ctx.interruption() {
        return Err(broken_off(command, cause));
    }
    match command.output {
        Output::Capture => start(command, Sink::Capture).and_then(|child| end(command, child, ctx, |_, _| {})),
        Output::Inherit => start(command, Sink::Inherit).and_then(|child| end(command, child, ctx, |_, _| {})),
        Output::Null => start(command, Sink::Null).and_then(|child| end(command, child, ctx, |_, _| {})),
        Output::Stream => stream(command, ctx, false),
        Output::CaptureAndStream => stream(command, ctx, true),
    }
}

fn stream(command: &Subprocess, ctx: &Context<'_>, keep: bool) -> Result<Completed, SubprocessError> {
    let mut lines = Lines::new(keep);
    let child = start(command, Sink::Stream)?;
    let completed = end(command, child, ctx, |stream, bytes| lines.take(stream, bytes, ctx));
    // What it said last is told also when it was broken off.
    let (out, err) = lines.end(ctx);
    Ok(Completed { out, err: err.filter(|_| !command.merge_stderr), ..completed? })
}

fn start(command: &Subprocess, out: Sink) -> Result<Child, SubprocessError> {
    let err = if command.merge_stderr && out != Sink::Null { Sink::Merge } else { out };
    let stdin = command.stdin.as_ref().map_or(Stdin::Null, |bytes| Stdin::Bytes(Arc::new(bytes.clone())));
    let mut child = Command::new(&command.program).args(&command.args).grace(command.grace);
    child = child.stdin(stdin).stdout(out).stderr(err);
    for (name, value) in &command.env {
        child = match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    if let Some(directory) = &command.cwd {
        child = child.current_dir(directory);
    }
    child.start().map_err(|error| explain(command, error))
}

fn end(
    command: &Subprocess,
    child: Child,
    ctx: &Context<'_>,
    take: impl FnMut(Stream, &[u8]),
) -> Result<Completed, SubprocessError> {
    let interrupter = child.interrupter();
    let _subscription = ctx.on_interrupt(move || interrupter.interrupt());
    let finished = child.wait_with(ctx.deadline(), take).map_err(|error| {
        let source = system_error(error);
        SubprocessError::Wait { command: command.display(), source }
    })?;
    match finished.ended {
        Ended::ByItself => Ok(completed(finished)),
        Ended::TimedOut => Err(broken_off(command, Cause::TimedOut)),
        _ => Err(broken_off(command, ctx.interruption().unwrap_or(Cause::Interrupted))),
    }
}

fn completed(finished: Finished) -> Completed {
    let signal = finished.signal().map(|signal| -signal.number());
    let return_code = finished.code().or(signal).unwrap_or(-1);
    Completed { return_code, out: finished.stdout, err: finished.stderr }
}

fn broken_off(command: &Subprocess, cause: Cause) -> SubprocessError {
    SubprocessError::BrokenOff { command: command.display(), cause }
}

fn explain(command: &Subprocess, error: Error) -> SubprocessError {
    let program = match &error {
        Error::Nul { .. } => return SubprocessError::Nul { what: command.display() },
        Error::WorkingDirectory { directory, .. } => directory.as_os_str(),
        _ => &command.program,
    };
    let program = program.to_string_lossy().into_owned();
    SubprocessError::Start { program, source: system_error(error) }
}

fn system_error(error: Error) -> io::Error {
    error.errno().map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error)
}
