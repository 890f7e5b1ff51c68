//! Tests of the command, which run the program itself; one file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the tests start the program")]

mod answer;
mod attempts;
mod bench;
mod check;
mod concurrency;
mod convert;
mod daemonic;
mod examples;
mod exit_codes;
mod human;
mod inputs;
mod matrix;
mod pools;
mod python;
mod settings;
mod show;
mod stopping;
mod terminal;
mod usage;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// The program, in a directory.
fn pushflow(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushflow"));
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// A directory with one file.
fn directory_with(name: &str, text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), text).unwrap();
    directory
}

/// Runs a workflow with options.
fn run(workflow: &str, options: &[&str]) -> Output {
    let directory = directory_with("w.json", workflow);
    pushflow(directory.path()).args(["run", "w.json"]).args(options).output().unwrap()
}

/// Runs a workflow and returns the exit code and the answer.
fn run_json(workflow: &str, options: &[&str]) -> (i32, Value) {
    let output = run(workflow, &[options, &["--output-format", "json"]].concat());
    (output.status.code().unwrap(), answer(&output))
}

/// The one object on standard output.
fn answer(output: &Output) -> Value {
    let text = stdout(output);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}; stderr: {}", stderr(output)))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A workflow of nodes without links.
fn nodes(nodes: &[String]) -> String {
    workflow(nodes, &[])
}

fn workflow(nodes: &[String], links: &[&str]) -> String {
    format!(r#"{{"graph": {{"id": "test"}}, "nodes": [{}], "links": [{}]}}"#, nodes.join(", "), links.join(", "))
}

/// A node that runs a shell script.
fn sh(id: &str, script: &str) -> String {
    node(id, script, "")
}

/// A node that runs a shell script, with more inputs.
fn node(id: &str, script: &str, inputs: &str) -> String {
    let script = serde_json::to_string(script).unwrap();
    format!(
        r#"{{"id": "{id}", "task_type": "subprocess", "task_identifier": "sh",
            "default_inputs": [{{"name": "argv", "value": ["-c", {script}]}}{inputs}]}}"#
    )
}

/// Waits until no process has a text among its arguments; they have got their signals, so it is for the kernel only.
fn assert_gone(mark: &str) {
    let limit = Instant::now() + LONG;
    while is_running(mark) {
        assert!(Instant::now() < limit, "a process with {mark} goes on");
        std::thread::yield_now();
    }
}

/// Waits until no process has a directory as its own.
fn assert_nobody_works_in(directory: &Path) {
    let directory = directory.canonicalize().unwrap();
    let limit = Instant::now() + LONG;
    let is_there = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.into_iter().any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory))
    };
    while is_there() {
        assert!(Instant::now() < limit, "a process works in {}", directory.display());
        std::thread::yield_now();
    }
}

fn is_running(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let name = process.file_name();
        name.to_string_lossy().bytes().all(|b| b.is_ascii_digit())
            && fs::read(process.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
    })
}
