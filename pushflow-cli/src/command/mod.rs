//! The commands, one file each.

pub(crate) mod bench;
mod check;
mod completions;
mod convert;
pub(crate) mod daemonic;
mod graph;
mod man;
pub(crate) mod matrix;
pub(crate) mod pools;
mod run;
mod show;
mod workflow;

use crate::arguments::Command;

/// Runs a command; returns the exit code.
pub(crate) fn run(command: &Command) -> u8 {
    match command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Show(args) => show::run(args),
        Command::Matrix(args) => matrix::run(args),
        Command::Daemonic(args) => daemonic::run(args),
        Command::Pools(args) => pools::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Completions { shell } => completions::run(*shell),
        Command::Man { directory } => man::run(directory.as_deref()),
    }
}
