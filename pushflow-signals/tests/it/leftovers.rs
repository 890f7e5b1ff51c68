//! Nothing is left behind: no process, no zombie, no descriptor.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use pushflow_signals::leaks::Snapshot;
use pushflow_signals::{Command, Output};

use crate::{LONG, Test, again, is_child, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![
    a_process_in_the_background_ends_with_its_command,
    grandchildren_end_with_an_interrupted_command,
    a_dropped_child_is_killed_and_reaped,
    many_commands_leave_no_zombie_and_no_descriptor,
    a_command_does_not_outlive_a_killed_parent,
];

/// Waits until a process has ended. It has got its signal, so the wait is for the kernel only.
fn assert_ends(pid: &str) {
    wait_for(pid, || !lives(pid));
}

fn lives(pid: &str) -> bool {
    crate::lives(pid.trim().parse().unwrap())
}

fn capture(script: &str) -> Command {
    Command::new("sh").args(["-c", script]).stdout(Output::Capture).grace(Duration::from_millis(50))
}

fn a_process_in_the_background_ends_with_its_command() {
    let finished = capture("sleep 1000 & echo $!").start().unwrap().wait(Some(Instant::now() + LONG)).unwrap();
    assert_eq!(finished.code(), Some(0), "the open pipe did not hold up the wait");
    assert_ends(std::str::from_utf8(&finished.stdout.unwrap()).unwrap());
}

fn grandchildren_end_with_an_interrupted_command() {
    let (says, said) = mpsc::channel();
    let script = "sh -c 'sleep 1000 & echo $!; wait' & trap '' INT TERM; while :; do sleep 1; done";
    let child = Command::new("sh")
        .args(["-c", script])
        .stdout(Output::Stream)
        .grace(Duration::from_millis(20))
        .start()
        .unwrap();
    let interrupter = child.interrupter();
    let wait = move || child.wait_with(None, |_, bytes| drop(says.send(bytes.to_vec()))).unwrap();
    let waiter = std::thread::spawn(wait);
    let grandchild = String::from_utf8(said.recv_timeout(LONG).unwrap()).unwrap();
    assert!(lives(&grandchild));
    interrupter.interrupt();
    waiter.join().unwrap();
    assert_ends(&grandchild);
}

fn a_dropped_child_is_killed_and_reaped() {
    let child = capture("exec sleep 1000").start().unwrap();
    let pid = child.pid().to_string();
    assert!(lives(&pid));
    drop(child);
    assert!(!Path::new("/proc").join(pid).exists());
}

fn many_commands_leave_no_zombie_and_no_descriptor() {
    const TEST: &str = "leftovers::many_commands_leave_no_zombie_and_no_descriptor";
    if !is_child(TEST) {
        assert!(again(TEST).status().unwrap().success());
        return;
    }
    let run = |script: &str| drop(capture(script).start().unwrap().wait(Some(Instant::now() + LONG)).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let before = Snapshot::of_directory(directory.path()).unwrap();
    for _ in 0..100 {
        run("echo x; exit 1");
        drop(capture("exec sleep 1000").start().unwrap());
        assert!(Command::new("/nonexistent").stdout(Output::Capture).start().is_err());
    }
    let left = before.compare().unwrap();
    assert!(left.is_empty(), "{left}");
}

fn a_command_does_not_outlive_a_killed_parent() {
    const TEST: &str = "leftovers::a_command_does_not_outlive_a_killed_parent";
    if is_child(TEST) {
        let child = Command::new("sleep").args(["1000"]).start().unwrap();
        println!("pid {}", child.pid());
        child.wait(None).unwrap();
        return;
    }
    let mut parent = again(TEST).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    // The test harness writes before the part does, on the same line.
    let found = lines.map(Result::unwrap).find_map(|line| line.split_once("pid ").map(|(_, pid)| pid.to_owned()));
    let command = found.unwrap();
    assert!(lives(&command));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_ends(&command);
}
