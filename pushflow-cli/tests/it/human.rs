//! What people see.

use std::process::Stdio;

use crate::{directory_with, node, nodes, pushflow, run, sh, stderr, stdout};

#[test]
fn results_on_stdout_and_all_else_on_stderr() {
    let output = run(&nodes(&[sh("a", "echo one; echo two")]), &[]);
    assert_eq!(stdout(&output), "return_code: 0\nout:\n  one\n  two\nerr: \"\"\n");
    let said = stderr(&output);
    assert!(said.starts_with("finished: 1 execution, 0 failed, ") && said.ends_with(" s\n"), "{said}");
}

#[test]
fn failures_are_told_once_with_their_node() {
    let output = run(&nodes(&[sh("a", "echo why >&2; exit 1")]), &[]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(10)));
    let said = stderr(&output);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("failed: a: ") && lines[0].ends_with("exit code 1: why"), "{said}");
    assert!(lines[1].starts_with("  at ") && lines[1].contains("w.json:1:"), "{said}");
    assert!(lines[2].starts_with("failed: 1 execution, 1 failed"), "{said}");
    assert_eq!(lines.len(), 3, "{said}");
}

#[test]
fn quiet_says_errors_only() {
    let output = run(&nodes(&[sh("a", "echo one"), sh("b", "exit 1")]), &["--output-format", "quiet"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(11)));
    assert_eq!(stderr(&output).lines().count(), 1);
}

#[test]
fn verbose_says_what_starts_and_ends() {
    let said = stderr(&run(&nodes(&[sh("a", "true")]), &["-v"]));
    assert!(said.starts_with("started: a\nfinished: a\n"), "{said}");
}

#[test]
fn nothing_controls_the_terminal() {
    let script = r"printf '\033[2Jtext\007'; printf '\033[31mred' >&2; exit 1";
    for inputs in ["", r#", {"name": "stream", "value": true}"#, r#", {"name": "check", "value": false}"#] {
        let output = run(&nodes(&[node("a", script, inputs)]), &["-v"]);
        let all = stdout(&output) + &stderr(&output);
        assert!(!all.contains(|c: char| c.is_control() && c != '\n'), "{all:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let directory = directory_with("w.json", &nodes(&[sh("a", "seq 100000")]));
    for format in ["human", "json", "jsonl"] {
        let mut command = pushflow(directory.path());
        command.args(["run", "w.json", "--output-format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!stderr(&output).contains("panic") && !stderr(&output).contains("error"), "{}", stderr(&output));
    }
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    for format in ["human", "json", "jsonl"] {
        let directory = directory_with("w.json", &nodes(&[sh("a", "echo result")]));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = pushflow(directory.path());
        let output = command.args(["run", "w.json", "--output-format", format]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert_eq!(stderr(&output).matches("error: cannot write to standard output: No space left").count(), 1);
    }
}
