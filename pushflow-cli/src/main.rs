//! The command `pushflow`: runs, checks and shows workflow files.

#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod bench;
mod command;
mod display;
mod ewoks;
mod exit_code;
mod inputs;
mod matrix;
mod options;
mod outcome;
mod pool;
mod problem;
mod stop;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    // What guards the commands, should this process be killed, is this program too.
    pushflow_signals::init();
    let code = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => command::run(&arguments.command),
        Err(refusal) => refusal.show(),
    };
    let is_lost = code == exit_code::OK && display::out::has_lost();
    ExitCode::from(if is_lost { exit_code::INTERNAL } else { code })
}
