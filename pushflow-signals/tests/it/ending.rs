//! Ending commands: by interruption, by a deadline, the hard way.

use std::time::{Duration, Instant};

use pushflow_signals::{Child, Command, Ended, Finished, Output};

use crate::{Test, limit, tests};

pub(crate) const TESTS: &[Test] = tests![
    an_interrupted_command_ends_by_sigint,
    an_interrupt_before_the_wait_counts,
    a_command_may_answer_an_interrupt_in_its_way,
    what_ignores_signals_is_killed,
    a_deadline_ends_a_command,
];

fn shell(script: &str) -> Child {
    let command = Command::new("sh").args(["-c", script]).stdout(Output::Stream).grace(Duration::from_millis(50));
    command.start().unwrap()
}

/// Interrupts a shell as soon as it has said something, and waits for its end.
fn interrupt_when_ready(child: Child, times: usize) -> Finished {
    let interrupter = child.interrupter();
    child.wait_with(limit(), |_, _| (0..times).for_each(|_| interrupter.interrupt())).unwrap()
}

fn an_interrupted_command_ends_by_sigint() {
    for times in [1, 5] {
        let child = shell("echo ready; exec sleep 1000");
        let interrupter = child.interrupter();
        let finished = interrupt_when_ready(child, times);
        assert_eq!(finished.ended, Ended::Interrupted);
        assert_eq!(finished.signal().unwrap().to_string(), "SIGINT");
        interrupter.interrupt();
    }
}

fn an_interrupt_before_the_wait_counts() {
    let child = shell("exec sleep 1000");
    child.interrupter().interrupt();
    assert_eq!(child.wait(limit()).unwrap().ended, Ended::Interrupted);
}

fn a_command_may_answer_an_interrupt_in_its_way() {
    let finished = interrupt_when_ready(shell("trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done"), 1);
    assert_eq!((finished.code(), finished.ended), (Some(3), Ended::Interrupted));
}

fn what_ignores_signals_is_killed() {
    let finished = interrupt_when_ready(shell("trap '' INT TERM; echo ready; while :; do sleep 1; done"), 1);
    assert_eq!(finished.signal().unwrap().to_string(), "SIGKILL");
}

fn a_deadline_ends_a_command() {
    let child = shell("exec sleep 1000");
    let finished = child.wait(Some(Instant::now() + Duration::from_millis(10))).unwrap();
    assert_eq!((finished.ended, finished.signal().unwrap().to_string().as_str()), (Ended::TimedOut, "SIGTERM"));
    let directory = tempfile::tempdir().unwrap();
    let trapped = directory.path().join("trapped");
    let child = shell(&format!("trap '' TERM; : > '{}'; while :; do sleep 1; done", trapped.display()));
    while !trapped.exists() {
        std::thread::yield_now();
    }
    let finished = child.wait(Some(Instant::now() + Duration::from_millis(10))).unwrap();
    assert_eq!((finished.ended, finished.signal().unwrap().to_string().as_str()), (Ended::TimedOut, "SIGKILL"));
}
