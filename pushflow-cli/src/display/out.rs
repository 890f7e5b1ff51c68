//! Writing to standard output and standard error, which may be closed.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::ProgressBar;
use serde::Serialize;

use super::excerpt;
use super::harmless::harmless;
use crate::problem::Problem;

/// Writes a text to standard output.
pub(crate) fn result(text: &str) {
    let mut written = Ok(());
    above(|| {
        let mut stdout = io::stdout().lock();
        written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    });
    note(written);
}

/// Writes one JSON document, on a line of its own, to standard output.
pub(crate) fn json_line(document: &impl Serialize) {
    write_json(serde_json::to_string(document));
}

/// Writes one indented JSON document to standard output.
pub(crate) fn json_indented(document: &impl Serialize) {
    write_json(serde_json::to_string_pretty(document));
}

/// The line that stays below all others, on a terminal.
static BELOW: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets the line that stays below all others.
pub(crate) fn keep_below(line: Option<ProgressBar>) {
    *BELOW.lock().unwrap_or_else(PoisonError::into_inner) = line;
}

/// Writes something while the line below is away.
fn above(write: impl FnOnce()) {
    let line = BELOW.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match line {
        Some(line) => line.suspend(write),
        None => write(),
    }
}

/// Returns how wide the terminal is that standard error is; `None` when it is none.
pub(crate) fn room() -> Option<usize> {
    Term::stderr().size_checked().map(|(_, columns)| columns.into())
}

/// Writes a line to standard error, without characters that could control a terminal.
pub(crate) fn say(text: &str) {
    let line = format!("{}\n", harmless(text));
    above(|| {
        // There is nobody to tell that nobody listens.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    });
}

/// Shows a line on a terminal that the next one takes the place of; nothing, to take it away.
pub(crate) fn status(text: &str) {
    let _ = io::stderr().lock().write_all(format!("\r\x1b[2K{}", harmless(text)).as_bytes());
}

/// Writes lines to standard error.
pub(crate) fn say_all(lines: &[String]) {
    lines.iter().for_each(|line| say(line));
}

/// Writes why there was no run to standard error, with the line that it is about.
pub(crate) fn problem(problem: &Problem) {
    say(&format!("error: {}", problem.text()));
    problem.place.iter().for_each(|place| say_all(&excerpt::of(place)));
    problem.hint.iter().for_each(|hint| say(&format!("  = {hint}")));
}

fn write_json(text: serde_json::Result<String>) {
    match text {
        Ok(text) => result(&(text + "\n")),
        Err(error) => note(Err(error.into())),
    }
}

/// Whether something of a result could not be written, which the exit code has to say.
pub(crate) fn has_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

static LOST: AtomicBool = AtomicBool::new(false);

/// A reader that has gone, as `head` does, is no error.
fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        say(&format!("error: cannot write to standard output: {error}"));
    }
}
