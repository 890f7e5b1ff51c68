//! What arguments of several commands can say.

use std::time::Duration;

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outputs {
    /// Nothing; errors are shown all the same.
    None,
    /// The result.
    End,
    /// The result, and the last outputs of every node.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text to read: results on standard output, all else on standard error.
    Human,
    /// One JSON object on standard output, on failure too.
    Json,
    /// One JSON object per event, a line each; the last one is the answer.
    Jsonl,
    /// Errors only.
    Quiet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// Text to read.
    Human,
    /// One JSON object on standard output, on failure too.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// On a terminal, unless the output is for programs or quiet.
    Auto,
    /// Also where standard error is no terminal.
    Always,
    /// Never.
    Never,
}

/// Reads a number of seconds above 0.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    positive_seconds(number).ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// Returns the duration; `None` when it is not above 0, or beyond all bounds.
pub(crate) fn positive_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}
