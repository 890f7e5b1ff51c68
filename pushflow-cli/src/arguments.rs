//! The command line.

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use crate::answer::Answer;
use crate::command::{Command, EXIT_CODES};
use crate::display::out;
use crate::exit_code;
use crate::problem::Problem;

/// Runs workflows: graphs of tasks, cyclic or not, in which finished tasks trigger what is downstream.
#[derive(Debug, Parser)]
#[command(name = "pushflow", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Arguments that clap refuses, or answers itself: help, version.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: clap::Error,
    json: bool,
}

/// Reads the arguments of the program.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, Refusal> {
    let arguments: Vec<OsString> = arguments.map(spell_out).collect();
    let format_is = |json: &str| arguments.windows(2).any(|pair| pair[0] == "--output-format" && pair[1] == json);
    let json = format_is("json") || arguments.iter().any(|argument| argument == "--output-format=json");
    Arguments::try_parse_from(&arguments).map_err(|error| Refusal { error, json })
}

/// Spells out the options of ewoks that have one dash and two letters, which clap does not know.
fn spell_out(argument: OsString) -> OsString {
    let long = match argument.to_str() {
        Some("-pn") => "--parameter-node",
        Some("-pl") => "--parameter-label",
        Some("-pt") => "--parameter-task",
        Some("-ps") => "--parameter-start",
        Some("-pa") => "--parameter-all",
        _ => return argument,
    };
    long.into()
}

impl Refusal {
    /// What is wrong, in one line: the first paragraph of what people are shown.
    fn message(&self) -> String {
        let text = self.error.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let message = lines.join(" ");
        message.strip_prefix("error: ").map(str::to_owned).unwrap_or(message)
    }

    /// Shows help or what is wrong; returns the exit code.
    pub(crate) fn show(&self) -> u8 {
        // Nobody reads on a closed pipe.
        let _ = self.error.print();
        if matches!(self.error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return exit_code::OK;
        }
        if self.json {
            out::json_line(&Answer::of_problem(&Problem::usage(self.message())));
        }
        exit_code::USAGE
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
