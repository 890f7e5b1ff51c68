//! Interrupting what a process does.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use pushflow_signals::{Ended, Process, ProcessBuilder, ProcessEnd, StartMethod};

use crate::{Test, limit, tests};

pub(crate) const TESTS: &[Test] =
    tests![a_blocking_call_of_ours_ends_early, what_does_not_listen_is_terminated_then_killed, early_late_and_twice,];

/// Starts a process, waits until it is ready, interrupts it.
fn interrupted(builder: ProcessBuilder) -> ProcessEnd {
    let mut process = builder.grace(Duration::from_millis(50)).start().unwrap();
    let mut link = process.take_link().unwrap();
    link.read_exact(&mut [0]).unwrap();
    process.interrupter().interrupt();
    let end = process.wait(limit()).unwrap();
    let mut said = Vec::new();
    let _ = link.read_to_end(&mut said);
    if end.status.success() {
        assert!(said.ends_with(b"woken"));
    }
    end
}

fn a_blocking_call_of_ours_ends_early() {
    for method in StartMethod::ALL {
        let end = interrupted(Process::builder("sleep").method(method));
        assert_eq!((end.ended, end.status.code()), (Ended::Interrupted, Some(0)), "{method}");
    }
}

fn what_does_not_listen_is_terminated_then_killed() {
    for method in StartMethod::ALL {
        let end = interrupted(Process::builder("stubborn").method(method));
        assert_eq!((end.ended, end.status.signal()), (Ended::Interrupted, Some(15)), "{method}");
        let end = interrupted(Process::builder("stubborn").method(method).input("deaf"));
        assert_eq!((end.ended, end.status.signal()), (Ended::Interrupted, Some(9)), "{method}");
    }
}

fn early_late_and_twice() {
    for method in StartMethod::ALL {
        let process = Process::builder("sleep").method(method).grace(Duration::from_millis(500)).start().unwrap();
        let interrupter = process.interrupter();
        interrupter.interrupt();
        interrupter.interrupt();
        let end = process.wait(limit()).unwrap();
        assert_eq!(end.ended, Ended::Interrupted, "{method}");
        interrupter.interrupt();
    }
}
