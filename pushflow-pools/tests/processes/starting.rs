//! How workers start: what they run first, and what becomes of a pool whose workers do not start.

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::{Payload, PoolError, Value};
use pushflow_pools::process::Output;
use pushflow_signals::{Error, StartMethod};

use crate::LONG;
use crate::backends::{BACKENDS, Setup, WORKERS};
use crate::gates::{Gate, start};
use crate::suite::wait;

/// Names the part that does not call `init`.
pub(crate) const PART: &str = "starting without init";
/// How many failures in a row are the end of what waits.
const STARTS: usize = 3;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_initializer_runs_first_in_each_worker,
        a_failing_initializer_fails_what_waits,
        an_initializer_that_ends_its_worker_fails_what_waits,
        a_pool_recovers_when_its_initializer_does,
        what_waits_is_for_the_worker_that_is_ready,
        an_unknown_initializer_is_refused,
        an_initializer_that_cannot_be_sent_is_refused,
        a_pool_is_closed_while_its_workers_start,
        a_program_without_init_is_refused,
        daemonic_workers_may_build_what_they_may,
    ]
}

/// Every pool type by every start method.
fn all() -> impl Iterator<Item = Setup> {
    Setup::all().filter(|setup| !setup.scaling)
}

fn the_initializer_runs_first_in_each_worker() {
    for setup in all() {
        let pool = setup.with(|builder| builder.initializer("remember", Payload::single("x", 7))).unwrap();
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
        let handles: Vec<Handle> = (0..20).map(|_| start(&pool, "recall", Payload::new())).collect();
        drop(held);
        for handle in busy.into_iter().chain(handles) {
            let outputs = wait(handle).unwrap_or_else(|error| panic!("{}: {error:?}", setup.name()));
            assert!(outputs.get("socket").is_some() || outputs.get("x") == Some(&Value::Int(7)), "{outputs:?}");
        }
    }
}

/// What waits fails with an error that says all of this, and not many workers were started for that.
fn fails(setup: Setup, inputs: &Payload, says: &[&str], most: usize) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("starts");
    let inputs = inputs.clone().with("file", file.to_str().unwrap());
    let count = || std::fs::metadata(&file).map_or(0, |file| usize::try_from(file.len()).unwrap());
    let pool = setup.with(move |builder| builder.initializer("count", inputs.clone()).output(Output::Capture)).unwrap();
    let handles: Vec<Handle> = (0..100).map(|_| start(&pool, "echo", Payload::new())).collect();
    for handle in handles {
        let error = wait(handle).unwrap_err();
        assert_eq!((error.kind(), &**error.type_name()), (ErrorKind::Lost, "BrokenProcessPool"), "{error:?}");
        for wanted in says {
            assert!(error.text().contains(wanted), "{}: no `{wanted}` in {error}", setup.name());
        }
    }
    // What is submitted later is one more try.
    let before = count();
    assert!((1..=most).contains(&before), "{}: {before} starts", setup.name());
    assert!(wait(start(&pool, "echo", Payload::new())).is_err());
    pool.close();
    pool.join(Some(LONG)).unwrap();
    assert!(count() <= most + WORKERS, "{}: {} starts", setup.name(), count());
}

fn a_failing_initializer_fails_what_waits() {
    for setup in all() {
        // Each submission may be one more try.
        fails(setup, &Payload::single("then", "raise"), &["before they are ready", "RuntimeError: no"], STARTS + 101);
    }
    for setup in all() {
        fails(setup, &Payload::single("then", "panic_quietly"), &["PanicException: as expected"], STARTS + 101);
    }
}

fn an_initializer_that_ends_its_worker_fails_what_waits() {
    for setup in all() {
        let exit = Payload::from([("then", Value::from("exit")), ("code", Value::from(3))]);
        fails(setup, &exit, &["exited with code 3"], STARTS + 101);
        let kill = Payload::from([("then", Value::from("kill")), ("signal", Value::from(9))]);
        fails(setup, &kill, &["was killed by SIGKILL"], 10 * STARTS + 101);
    }
}

fn a_pool_recovers_when_its_initializer_does() {
    for setup in all() {
        let gate = Gate::new();
        let inputs = gate.inputs();
        let pool = setup.with(move |builder| builder.workers(1).initializer("gate", inputs.clone())).unwrap();
        let handle = start(&pool, "echo", Payload::new());
        for _ in 0..STARTS - 1 {
            let held = gate.wait();
            held.kill();
        }
        drop(gate.wait());
        assert!(wait(handle).is_ok(), "{}", setup.name());
    }
}

/// Only one worker ever becomes ready.
fn what_waits_is_for_the_worker_that_is_ready() {
    for setup in all() {
        let directory = tempfile::tempdir().unwrap();
        let inputs = Payload::single("file", directory.path().join("first").to_str().unwrap());
        let pool = setup.with(move |builder| builder.initializer("first", inputs.clone())).unwrap();
        let gate = Gate::new();
        let (mut busy, held) = gate.occupy(&pool, "gate", 1);
        for _ in 0..20 {
            // Each is one more try for another worker, while the one that is ready has something to do.
            let waiting: Vec<Handle> = (0..5).map(|_| start(&pool, "echo", Payload::new())).collect();
            let failed = waiting.into_iter().map(|handle| handle.wait_timeout(Duration::from_millis(5)));
            failed.for_each(|failed| assert!(failed.is_err(), "{}: {failed:?}", setup.name()));
        }
        drop(held);
        assert!(wait(busy.remove(0)).is_ok());
        pool.close();
        pool.join(Some(LONG)).unwrap();
    }
}

fn an_unknown_initializer_is_refused() {
    for setup in all() {
        let refused = setup.with(|builder| builder.initializer("nowhere", Payload::new()));
        let Err(PoolError::Setting { setting: "initializer", problem }) = refused else { panic!("{refused:?}") };
        assert!(problem.contains("nowhere"), "{problem}");
    }
}

fn an_initializer_that_cannot_be_sent_is_refused() {
    for setup in all() {
        let deep = || (0..2000).fold(Value::Null, |value, _| Value::list([value]));
        let refused = setup.with(move |builder| builder.initializer("echo", Payload::single("deep", deep())));
        let Err(PoolError::Setting { setting: "initializer", problem }) = refused else { panic!("{refused:?}") };
        assert!(problem.contains("256"), "{problem}");
    }
}

fn a_pool_is_closed_while_its_workers_start() {
    for setup in all() {
        for executions in [0, 1, 5] {
            let pool = setup.make();
            let handles: Vec<Handle> = (0..executions).map(|_| start(&pool, "echo", Payload::new())).collect();
            pool.close();
            pool.join(Some(LONG)).unwrap();
            handles.into_iter().for_each(|handle| assert!(handle.is_done() && handle.wait().is_ok()));
        }
    }
}

fn a_program_without_init_is_refused() {
    assert!(crate::program(PART).status().unwrap().success(), "see above");
}

pub(crate) fn play() -> ExitCode {
    for setup in Setup::all() {
        if setup.method == StartMethod::Fork {
            let pool = setup.make();
            assert!(wait(start(&pool, "echo", Payload::new())).is_ok(), "{}", setup.name());
            continue;
        }
        let Err(PoolError::Start { source }) = setup.with(|builder| builder) else {
            panic!("{} was built", setup.name())
        };
        let found = source.downcast_ref::<Error>();
        assert!(matches!(found, Some(Error::NotInitialized { method }) if *method == setup.method), "{source:?}");
    }
    ExitCode::SUCCESS
}

fn daemonic_workers_may_build_what_they_may() {
    for setup in all().filter(|setup| setup.backend.daemonic) {
        let pool = setup.make();
        for inner in BACKENDS {
            let inputs = Payload::single("pool", inner.name).with("method", setup.method.to_string());
            let outcome = wait(start(&pool, "build", inputs));
            if setup.backend.may_nest || inner.name == "billiard" {
                assert!(outcome.is_ok(), "{} in {}: {outcome:?}", inner.name, setup.name());
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(error.text(), "daemonic processes are not allowed to have children", "{}", inner.name);
            }
        }
    }
}
