//! A program that forgot `init`.

use std::process::{ExitCode, Stdio};

use pushflow_signals::{Command, Error, Process, StartMethod, warm_up};

use crate::{Test, limit, program, tests};

pub(crate) const PART: &str = "a program without init";
pub(crate) const TESTS: &[Test] = tests![forgetting_init_is_a_clear_error];

fn forgetting_init_is_a_clear_error() {
    assert!(program(PART).stdout(Stdio::null()).status().unwrap().success());
}

pub(crate) fn play() -> ExitCode {
    for method in [StartMethod::Forkserver, StartMethod::Spawn] {
        let error = Process::builder("upper").method(method).start().unwrap_err();
        assert!(matches!(error, Error::NotInitialized { .. }));
        assert_eq!(
            error.to_string(),
            format!(
                "pushflow_signals::init() has to be called first in main, before processes are started by {method}"
            )
        );
    }
    assert!(matches!(warm_up(), Err(Error::NotInitialized { .. })));
    // What needs no second execution of the program works.
    let end = Process::builder("upper").method(StartMethod::Fork).input("x").start().unwrap().wait(limit()).unwrap();
    assert_eq!(end.returned, Ok(b"X".to_vec()));
    assert!(Command::new("true").start().unwrap().wait(limit()).unwrap().status.success());
    ExitCode::SUCCESS
}
