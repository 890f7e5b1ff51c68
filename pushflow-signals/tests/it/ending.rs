//! Ending commands: by interruption, by a deadline, the hard way.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pushflow_signals::{Child, Command, Ended, Interrupter, Output};

use crate::LONG;

/// Starts a shell that says when it is ready; what it says goes to the channel.
fn ready(script: &str) -> (Child, mpsc::Receiver<Vec<u8>>) {
    let (says, said) = mpsc::channel();
    let stream = Output::Stream(Arc::new(move |bytes: &[u8]| drop(says.send(bytes.to_vec()))));
    let command = Command::new("sh").args(["-c", script]).stdout(stream).grace(Duration::from_millis(50));
    (command.start().unwrap(), said)
}

fn limit() -> Option<Instant> {
    Instant::now().checked_add(LONG)
}

/// Interrupts when the command has said something.
fn when_ready(said: mpsc::Receiver<Vec<u8>>, interrupter: &Interrupter, times: usize) {
    said.recv_timeout(LONG).unwrap();
    (0..times).for_each(|_| interrupter.interrupt());
}

#[test]
fn an_interrupted_command_ends_by_sigint() {
    for times in [1, 5] {
        let (child, said) = ready("echo ready; exec sleep 1000");
        let interrupter = &child.interrupter();
        let finished = std::thread::scope(|scope| {
            scope.spawn(move || when_ready(said, interrupter, times));
            child.wait(limit()).unwrap()
        });
        assert_eq!(finished.ended, Ended::Interrupted);
        assert_eq!(finished.signal().unwrap().to_string(), "SIGINT");
        interrupter.interrupt();
    }
}

#[test]
fn an_interrupt_before_the_wait_counts() {
    let (child, _said) = ready("exec sleep 1000");
    child.interrupter().interrupt();
    assert_eq!(child.wait(limit()).unwrap().ended, Ended::Interrupted);
}

#[test]
fn a_command_may_answer_an_interrupt_in_its_way() {
    let (child, said) = ready("trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done");
    let interrupter = &child.interrupter();
    let finished = std::thread::scope(|scope| {
        scope.spawn(move || when_ready(said, interrupter, 1));
        child.wait(limit()).unwrap()
    });
    assert_eq!((finished.code(), finished.ended), (Some(3), Ended::Interrupted));
}

#[test]
fn what_ignores_signals_is_killed() {
    let (child, said) = ready("trap '' INT TERM; echo ready; while :; do sleep 1; done");
    let interrupter = &child.interrupter();
    let finished = std::thread::scope(|scope| {
        scope.spawn(move || when_ready(said, interrupter, 1));
        child.wait(limit()).unwrap()
    });
    assert_eq!(finished.signal().unwrap().to_string(), "SIGKILL");
}

#[test]
fn a_deadline_ends_a_command() {
    let (child, _said) = ready("exec sleep 1000");
    let finished = child.wait(Some(Instant::now() + Duration::from_millis(10))).unwrap();
    assert_eq!((finished.ended, finished.signal().unwrap().to_string().as_str()), (Ended::TimedOut, "SIGTERM"));
    let directory = tempfile::tempdir().unwrap();
    let trapped = directory.path().join("trapped");
    let (child, _said) = ready(&format!("trap '' TERM; : > '{}'; while :; do sleep 1; done", trapped.display()));
    while !trapped.exists() {
        std::thread::yield_now();
    }
    let finished = child.wait(Some(Instant::now() + Duration::from_millis(10))).unwrap();
    assert_eq!((finished.ended, finished.signal().unwrap().to_string().as_str()), (Ended::TimedOut, "SIGKILL"));
}
