//! Ctrl-C and its kin.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{LONG, assert_gone, assert_nobody_works_in, directory_with, node, pushflow, sh, workflow};

/// What stops in the same stages.
const POOLS: [&str; 7] = ["thread", "gevent", "in_place", "process", "multiprocessing", "billiard", "scaling"];

/// A run that can be signalled.
struct Running {
    child: Child,
    said: BufReader<ChildStderr>,
    begin: Instant,
    directory: TempDir,
}

impl Running {
    /// Starts node `a`, whose script says `ready`, with a node `b` after it.
    fn start(script: &str, options: &[&str]) -> Running {
        let a = node("a", script, r#", {"name": "stream", "value": true}"#);
        let text = workflow(&[a, sh("b", "true")], &[r#"{"source": "a", "target": "b"}"#]);
        let directory = directory_with("w.json", &text);
        let mut command = pushflow(directory.path());
        command.args(["run", "w.json", "--output-format", "json"]).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut running = Running { child, said, begin: Instant::now(), directory };
        running.wait_for("ready");
        running
    }

    fn wait_for(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "it ended without saying {part:?}");
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end: exit code, signal, and the answer.
    fn end(mut self) -> (Option<i32>, Option<i32>, Value) {
        let mut answer = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        let status = self.child.wait().unwrap();
        assert!(self.begin.elapsed() < LONG, "{:?}", self.begin.elapsed());
        (status.code(), status.signal(), serde_json::from_str(&answer).unwrap_or_default())
    }
}

/// Each signal that stops, with its number, on each pool.
fn signals() -> impl Iterator<Item = (&'static str, &'static str, i32)> {
    POOLS.into_iter().flat_map(|pool| [(pool, "INT", 2), (pool, "TERM", 15)])
}

#[test]
fn the_first_signal_lets_tasks_finish() {
    for (pool, name, number) in signals() {
        let options = ["--outputs", "all", "--pool", pool];
        let mut running = Running::start("echo ready; sleep 0.5; echo finished", &options);
        running.signal(name);
        running.wait_for("stopping");
        running.wait_for("finished");
        let (code, signal, answer) = running.end();
        assert_eq!((code, signal, &answer["status"]), (Some(13), None, &json!("stopped")), "{answer}");
        assert_eq!(answer["error"]["message"], format!("stop workflow due to signal {number}"));
        assert_eq!(answer["error"]["type"], "StopPypushflowWorkflow");
        assert_eq!(answer["nodes"]["a"]["return_code"], 0);
    }
}

#[test]
fn the_second_signal_breaks_tasks_off() {
    let mark = format!("{}.5", 50_000 + std::process::id());
    for pool in POOLS {
        let mut running = Running::start(&format!("echo ready; sleep {mark}"), &["--pool", pool]);
        running.signal("INT");
        running.wait_for("stopping");
        running.signal("INT");
        running.wait_for("breaking off");
        let (code, signal, answer) = running.end();
        assert_eq!((code, signal, &answer["status"]), (Some(13), None, &json!("stopped")), "{answer}");
        assert_eq!(answer["failures"][0]["kind"], "interrupted");
        assert_gone(&mark);
    }
}

#[test]
fn the_third_signal_ends_the_program() {
    let mark = format!("{}.75", 55_000 + std::process::id());
    for (pool, name, number) in signals() {
        let options = ["--grace", "60", "--pool", pool];
        let mut running = Running::start(&format!("trap '' INT TERM; echo ready; sleep {mark}"), &options);
        for stage in ["stopping", "breaking off", "ending at once"] {
            running.signal(name);
            running.wait_for(stage);
        }
        let (code, signal, _) = running.end();
        assert_eq!((code, signal), (None, Some(number)));
        assert_gone(&mark);
    }
}

/// Neither the command, nor what it has in the background, nor what has left its group and session.
#[test]
fn a_killed_program_leaves_nothing() {
    let mark = format!("{}.25", 60_000 + std::process::id());
    for pool in ["thread", "in_place", "multiprocessing", "billiard"] {
        let script = format!("sleep {mark} & setsid sleep {mark} & echo ready; exec sleep {mark}");
        let running = Running::start(&script, &["--pool", pool]);
        running.signal("KILL");
        let (code, signal, _) = running.end();
        assert_eq!((code, signal), (None, Some(9)));
        assert_gone(&mark);
    }
}

/// Workers that are not daemonic finish the task that they are running, and begin nothing more.
#[test]
fn a_killed_program_lets_its_other_workers_finish() {
    let mark = format!("{}.125", 60_000 + std::process::id());
    for pool in ["process", "ndprocess", "ndmultiprocessing", "scaling"] {
        let script = format!("mkfifo pipe; sleep {mark} & setsid sleep {mark} & echo ready; cat pipe; echo > finished");
        let mut running = Running::start(&script, &["--pool", pool]);
        running.signal("KILL");
        assert_eq!(running.child.wait().unwrap().signal(), Some(9));
        // The task ends when its pipe has been opened and closed.
        drop(fs::File::options().write(true).open(running.directory.path().join("pipe")).unwrap());
        assert_gone(&mark);
        assert_nobody_works_in(running.directory.path());
        assert!(running.directory.path().join("finished").exists(), "{pool}");
    }
}
