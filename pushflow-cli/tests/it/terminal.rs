//! What is shown on a terminal: `script` is one.

use std::fs;
use std::process::Command;

use crate::{directory_with, nodes, sh};

/// Runs in a terminal; `shown` is the file with what it shows, while it does.
fn in_terminal(workflow: &str, options: &str) -> String {
    let directory = directory_with("w.json", workflow);
    let program = env!("CARGO_BIN_EXE_pushflow");
    let command = format!("{program} run w.json --timeout 30 --pool thread {options}");
    let mut terminal = Command::new("script");
    let status = terminal.args(["-qfec", &command, "shown"]).current_dir(directory.path()).output().unwrap().status;
    let shown = fs::read_to_string(directory.path().join("shown")).unwrap();
    assert!(status.success(), "{shown}");
    shown
}

/// The task ends when it sees that it is shown as running.
#[test]
fn a_line_says_how_far_the_run_is_and_a_table_what_was_run() {
    let shown =
        in_terminal(&nodes(&[sh("waiting", "until grep -q 'running.*waiting' shown; do sleep 0.02; done")]), "");
    assert!(shown.contains("0 done, 1 running, 0:0"), "{shown}");
    let end = shown.rsplit("return_code: 0").next().unwrap();
    assert!(end.contains("node     done  seconds") && end.contains("finished: 1 execution"), "{end}");
    assert!(!end.contains("running"), "the line is taken away: {end}");
}

#[test]
fn without_the_line_nothing_is_rewritten() {
    for options in ["--progress never", "--quiet", "--output-format json"] {
        let shown = in_terminal(&nodes(&[sh("a", "true")]), options);
        assert!(!shown.contains("running") && !shown.contains('\u{1b}'), "{shown:?}");
    }
}
