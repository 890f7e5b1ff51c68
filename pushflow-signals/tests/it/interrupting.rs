//! Interrupting what a process does.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use pushflow_signals::{Ended, Process, ProcessBuilder, ProcessEnd, StartMethod};

use crate::{Test, limit, tests, wait_for};

pub(crate) const TESTS: &[Test] = tests![
    a_blocking_call_of_ours_ends_early,
    what_does_not_listen_is_terminated_then_killed,
    early_late_and_twice,
    a_sigint_that_comes_early_is_for_what_runs_then,
    who_waits_passes_sigint_on_once,
    idle_it_is_ignored,
    runs_keep_their_marks_apart,
    one_that_is_waited_for_does_not_hit_what_runs_next,
    one_that_is_passed_on_late_does_not_hit_the_next_command,
];

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

fn a_sigint_that_comes_early_is_for_what_runs_then() {
    for method in StartMethod::ALL {
        for _ in 0..20 {
            let process = Process::builder("sleep").method(method).start().unwrap();
            kill(process.pid(), Signal::INT);
            let mut process = process;
            let mut said = Vec::new();
            process.take_link().unwrap().read_to_end(&mut said).unwrap();
            let end = process.wait(limit()).unwrap();
            assert_eq!(end.status.code(), Some(0), "{method}");
            assert!(said.ends_with(b"woken"), "{method}");
        }
    }
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// It gets SIGINT, passes it on to what it waits for, and so on down: each once.
fn who_waits_passes_sigint_on_once() {
    for method in StartMethod::ALL {
        for depth in 1..=3 {
            for last in ["process", "command"] {
                let directory = tempfile::tempdir().unwrap();
                let ready = directory.path().join("ready");
                let input = format!("{method} {depth} {last} {}", ready.display());
                let process = Process::builder("waits").method(method).input(input).start().unwrap();
                if last == "command" {
                    wait_for("a command", || ready.exists());
                }
                kill(process.pid(), Signal::INT);
                let returned = process.wait(limit()).unwrap().returned;
                assert_eq!(returned, Ok(b"interrupted once".to_vec()), "{method} {depth} {last}");
            }
        }
    }
}

fn idle_it_is_ignored() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("idle").method(method).start().unwrap();
        let mut link = process.take_link().unwrap();
        link.read_exact(&mut [0]).unwrap();
        kill(process.pid(), Signal::INT);
        // What comes after it has been seen to come.
        kill(process.pid(), Signal::USR1);
        let mut said = Vec::new();
        link.read_to_end(&mut said).unwrap();
        assert!(said.ends_with(b"false"), "{method}: {said:?}");
        assert!(process.wait(limit()).unwrap().status.success());
    }
}

fn runs_keep_their_marks_apart() {
    for method in StartMethod::ALL {
        let end = Process::builder("runs").method(method).start().unwrap().wait(limit()).unwrap();
        assert_eq!(end.returned, Ok(b"nested true, outer true, later false".to_vec()), "{method}");
    }
}

fn one_that_is_waited_for_does_not_hit_what_runs_next() {
    for method in StartMethod::ALL {
        let mut process = Process::builder("awaits SIGINT").method(method).start().unwrap();
        let mut link = process.take_link().unwrap();
        for _ in 0..500 {
            link.read_exact(&mut [0]).unwrap();
            process.interrupt_now();
        }
        let mut said = Vec::new();
        link.read_to_end(&mut said).unwrap();
        assert!(said.ends_with(b"0 hit, 0 missed, 500 received"), "{method}: {}", said.escape_ascii());
        assert!(process.wait(limit()).unwrap().status.success(), "{method}");
    }
}

fn one_that_is_passed_on_late_does_not_hit_the_next_command() {
    let end = Process::builder("goes on").start().unwrap().wait(limit()).unwrap();
    assert_eq!(end.returned, Ok(b"0 hit".to_vec()));
}
