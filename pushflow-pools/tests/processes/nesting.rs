//! Pools in workers of pools in workers of pools.

use libtest_mimic::Trial;
use pushflow_core::{Payload, Value};
use pushflow_signals::leaks::Snapshot;

use crate::backends::{BACKENDS, Setup};
use crate::gates::start;

/// Names the part of the test that is alone in its process.
pub(crate) const PART: &str = "nesting";
const DEPTH: i64 = 4;

pub(crate) fn trials() -> Vec<Trial> {
    let nesting = || {
        let directory = tempfile::tempdir().unwrap();
        let mut part = crate::program(PART);
        part.env("TMPDIR", directory.path());
        assert!(part.status().unwrap().success(), "see above");
        Ok(())
    };
    vec![Trial::test("nesting::pools_nest_to_any_depth_and_leave_nothing", nesting)]
}

/// Plays a parent whose pools have pools.
pub(crate) fn play() -> std::process::ExitCode {
    pushflow_signals::warm_up().unwrap();
    for setup in Setup::all().filter(|setup| setup.backend.may_nest) {
        let before = Snapshot::take().unwrap();
        let pool = setup.make();
        for inner in BACKENDS.iter().filter(|inner| inner.may_nest) {
            let inputs = Payload::from([
                ("depth", Value::from(DEPTH)),
                ("method", Value::from(setup.method.to_string())),
                ("pool", Value::from(inner.name)),
            ]);
            let outputs = start(&pool, "nest", inputs).wait();
            let outputs = outputs.unwrap_or_else(|error| panic!("{} in {}: {error:?}", inner.name, setup.name()));
            let mut pids: Vec<i64> =
                (1..=DEPTH).map(|depth| outputs.get(&format!("pid{depth}")).and_then(Value::as_int).unwrap()).collect();
            pids.sort_unstable();
            pids.dedup();
            assert_eq!(pids.len(), usize::try_from(DEPTH).unwrap(), "each level is a process of its own");
        }
        drop(pool);
        let left = before.compare().unwrap();
        assert!(left.is_empty(), "{} left:\n{left}", setup.name());
    }
    std::process::ExitCode::SUCCESS
}
