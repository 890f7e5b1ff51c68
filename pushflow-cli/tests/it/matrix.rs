//! `pushflow matrix`: the table, and what it says of what goes wrong.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{LONG, answer, assert_gone, is_running, pushflow, stderr, stdout};

pub(crate) const REFUSAL: &str = "daemonic processes are not allowed to have children";

fn matrix(directory: &Path, options: &[&str]) -> Command {
    let mut command = pushflow(directory);
    command.arg("matrix").args(options).env("TMPDIR", directory);
    command
}

/// Runs it and returns the exit code and the object.
pub(crate) fn matrix_json(options: &[&str]) -> (i32, Value) {
    let directory = tempfile::tempdir().unwrap();
    let output = matrix(directory.path(), &[options, &["--output-format", "json"]].concat()).output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left there");
    (output.status.code().unwrap(), answer(&output))
}

/// Asserts that all runs of all cells came out as the table has it.
fn assert_table(object: &Value, pools: usize, kinds: usize) {
    let cells = object["cells"].as_array().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cell in cells {
        let (pool, kind) = (cell["pool"].as_str().unwrap(), cell["kind"].as_str().unwrap());
        let is_refused =
            ["multiprocessing", "billiard"].contains(&pool) && ["cfpool", "mppool", "mpprocess"].contains(&kind);
        let (right, refusal) = if is_refused { ("refused", Value::from(REFUSAL)) } else { ("ok", Value::Null) };
        assert_eq!((&cell["promised"], &cell["refusal"]), (&right.into(), &refusal), "{cell}");
        let counts = cell["counts"].as_object().unwrap();
        for (name, count) in counts {
            let wanted = if name == right { object["repeat"].clone() } else { 0.into() };
            assert_eq!(count, &wanted, "{cell}");
        }
        seen.insert((pool, kind));
    }
    assert_eq!(seen.len(), pools * kinds);
}

const DEFAULT: [&str; 4] = ["--start-method", "forkserver", "--nested-start-method", "forkserver"];

#[test]
fn the_whole_table_is_as_promised_by_the_default_start_method() {
    for environment in ["plain", "coroutines"] {
        let (code, object) = matrix_json(&[&DEFAULT[..], &["--environment", environment]].concat());
        assert_eq!((code, &object["as_promised"]), (0, &true.into()), "{object}");
        assert_table(&object, pools().len(), 7);
    }
}

#[test]
fn a_sample_of_the_other_start_methods_is_as_promised() {
    for options in [
        ["--pool=process,multiprocessing", "--start-method=fork", "--nested-start-method=fork,spawn"],
        ["--pool=process,billiard", "--start-method=spawn", "--nested-start-method=spawn,fork"],
        ["--pool=ndmultiprocessing,thread", "--start-method=forkserver", "--nested-start-method=fork,spawn"],
    ] {
        let (code, object) = matrix_json(&options);
        assert_eq!(code, 0, "{object}");
        assert_table(&object, 2, 7);
    }
}

/// The pools of this build, as it says itself.
fn pools() -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let output = matrix(directory.path(), &["--pool", "none"]).output().unwrap();
    let said = stderr(&output);
    let known = said.trim_end().strip_prefix("error: unknown pool `none`, this build has: ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_table_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let options = [
        "--pool=thread,multiprocessing",
        "--kind=simple,cfpool",
        "--repeat=3",
        "--scaling=without",
        "--environment=plain",
    ];
    let output = matrix(directory.path(), &[&DEFAULT[..], &options].concat()).output().unwrap();
    let expected = format!(
        "Workflow tasks in each pool type (plain environment)\n\n\
         pool             simple  cfpool\n\
         thread           ok 3    ok 3\n\
         multiprocessing  ok 3    refused 3\n\n\
         refused: {REFUSAL}\n\
         4 cells, 3 runs of each: 9 ok, 3 refused, 0 failed, 0 hung, 0 leaked: as promised\n"
    );
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), expected));
}

#[test]
fn a_hung_cell_tells_where_it_waits_and_is_ended() {
    let options = ["--pool=process", "--kind=hang,simple", "--scaling=without", "--timeout=2", "--environment=plain"];
    let (code, object) = matrix_json(&[&DEFAULT[..], &options].concat());
    assert_eq!((code, &object["as_promised"], &object["totals"]["hung"]), (10, &false.into(), &1.into()), "{object}");
    assert_eq!(object["totals"]["ok"], 1);
    let report = object["cells"][0]["troubles"][0].as_str().unwrap();
    assert!(report.starts_with("hung:\nprocess "), "{report}");
    // The process of the cell waits for its workers, and these sleep.
    assert!(report.contains("process/hang/forkserver/-/fixed/plain"), "{report}");
    assert!(report.contains("nanosleep") && report.matches("\nprocess ").count() >= 2, "{report}");
    assert_gone("process/hang/forkserver/-/fixed/plain");
}

#[test]
fn a_cell_that_always_hangs_is_given_up() {
    let options =
        ["--pool=thread", "--kind=hang", "--scaling=without", "--timeout=0.2", "--repeat=50", "--environment=plain"];
    let (code, object) = matrix_json(&options);
    assert_eq!((code, &object["totals"]["hung"], &object["totals"]["skipped"]), (10, &3.into(), &47.into()));
}

#[test]
fn what_is_left_is_named() {
    let options = ["--pool=thread", "--kind=leak", "--scaling=without", "--environment=plain"];
    let (code, object) = matrix_json(&options);
    assert_eq!((code, &object["totals"]["leaked"], &object["totals"]["ok"]), (10, &1.into(), &0.into()), "{object}");
    let trouble = object["cells"][0]["troubles"][0].as_str().unwrap();
    assert!(trouble.contains("sleep 100000") && trouble.contains("/left (0 bytes)"), "{trouble}");
}

#[test]
fn a_task_that_fails_is_told() {
    let options = ["--pool=thread", "--kind=fail", "--scaling=without", "--environment=plain"];
    let (code, object) = matrix_json(&options);
    assert_eq!((code, &object["totals"]["failed"]), (10, &1.into()), "{object}");
    let trouble = object["cells"][0]["troubles"][0].as_str().unwrap();
    assert!(trouble.contains("command `false` ended with exit code 1"), "{trouble}");
}

/// Cells of other pools than in other tests, so that their processes are told apart.
const ENDLESS: [&str; 7] = [
    "--pool=billiard,ndprocess",
    "--kind=hang",
    "--scaling=with",
    "--timeout=600",
    "--start-method=fork",
    "--jobs=1",
    "--environment=plain",
];

#[test]
fn a_signal_ends_it_with_all_its_cells() {
    for (signal, options) in [("-INT", ENDLESS), ("-TERM", ENDLESS)] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = matrix(directory.path(), &[&options[..], &["--output-format=json"]].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_a_worker("billiard/hang/fork/-/scaling/plain");
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let object = answer(&output);
        assert_eq!(
            (output.status.code(), &object["stopped"], &object["as_promised"]),
            (Some(13), &true.into(), &false.into())
        );
        assert_gone("billiard/hang/fork/-/scaling/plain");
    }
}

#[test]
fn killed_it_takes_its_cells_along() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = ENDLESS;
    options[0] = "--pool=ndmultiprocessing";
    let mut child = matrix(directory.path(), &options).stdout(Stdio::null()).spawn().unwrap();
    wait_for_a_worker("ndmultiprocessing/hang/fork/-/scaling/plain");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_gone("ndmultiprocessing/hang/fork/-/scaling/plain");
}

/// Waits until a process with a text among its arguments runs; that of a forked worker is that of its parent.
fn wait_for_a_worker(mark: &str) {
    let limit = std::time::Instant::now() + LONG;
    while !is_running(mark) {
        assert!(std::time::Instant::now() < limit, "no process with {mark}");
        std::thread::yield_now();
    }
}

#[test]
fn arguments_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    for (options, expected) in [
        (&["--pool", "threads"][..], "error: unknown pool `threads`, this build has: gevent, thread, "),
        (&["--kind", "pool"], "error: unknown kind `pool`, this build has: simple, subprocess, cfpool, mppool, "),
        (
            &["--start-method", "clone"],
            "error: invalid value 'clone' for '--start-method <METHOD>': unknown start method",
        ),
        (&["--repeat", "0"], "error: invalid value '0' for '--repeat <N>'"),
        (&["--jobs", "0"], "error: invalid value '0' for '--jobs <N>'"),
        (&["--timeout", "-1"], "error: invalid value '-1' for '--timeout <SECONDS>'"),
        (&["--cell", "thread"], "error: expected POOL/KIND/"),
    ] {
        let output = matrix(directory.path(), options).output().unwrap();
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{options:?}");
        assert!(stderr(&output).starts_with(expected), "{options:?}: {}", stderr(&output));
    }
}
