//! `pushflow completions`: for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::display::out;
use crate::exit_code;

pub(super) fn run(shell: Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pushflow", &mut script);
    out::result(&String::from_utf8_lossy(&script));
    exit_code::OK
}
