//! Processes and commands started from coroutines, whose stacks are small.

use may::go;
use pushflow_signals::{Command, Output, Process, StartMethod};

use crate::{Test, again, is_child, limit, tests};

pub(crate) const TESTS: &[Test] = tests![coroutines_start_processes_and_commands];

fn coroutines_start_processes_and_commands() {
    const TEST: &str = "coroutines::coroutines_start_processes_and_commands";
    if !is_child(TEST) {
        assert!(again(TEST).status().unwrap().success());
        return;
    }
    may::config().set_workers(2);
    let coroutines: Vec<_> = (0..30)
        .map(|number: usize| {
            go!(move || {
                let method = StartMethod::ALL[number % 3];
                let text = format!("coroutine {number}");
                let process = Process::builder("upper").method(method).daemonic().input(text.clone()).start().unwrap();
                assert_eq!(process.wait(limit()).unwrap().returned, Ok(text.to_uppercase().into_bytes()));
                let command = Command::new("echo").args([text.clone()]).stdout(Output::Capture).start().unwrap();
                assert_eq!(command.wait(limit()).unwrap().stdout.unwrap(), format!("{text}\n").into_bytes());
            })
        })
        .collect();
    for coroutine in coroutines {
        coroutine.join().unwrap();
    }
}
