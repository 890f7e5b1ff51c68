//! The promises of `docs/concurrency.md`, and that the page shows what the commands print.

use std::path::Path;

use serde_json::{Value, json};

use crate::daemonic::daemonic;
use crate::matrix::{REFUSAL, matrix_json};
use crate::pools::POOLS;
use crate::{answer, pushflow, run_json, stderr, stdout};

const PAGE: &str = include_str!("../../../docs/concurrency.md");

/// Whether processes that are started in a way are daemonic; the same by each start method.
fn is_daemonic(way: &str) -> bool {
    let found = daemonic();
    let children = found["children"].as_array().unwrap().iter().filter(|child| child["way"] == way);
    let answers: Vec<bool> = children.map(|child| child["daemonic"].as_bool().unwrap()).collect();
    assert_eq!(answers.len(), 3, "{way}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{way}");
    answers[0]
}

/// What comes of a kind in a pool, in all runs of it.
fn verdict(pool: &str, kind: &str) -> String {
    let options = [format!("--pool={pool}"), format!("--kind={kind}"), "--environment=plain".to_owned()];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let (code, object) = matrix_json(&options);
    assert_eq!(code, 0, "{object}");
    let cells = object["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 3 * 3 * 2);
    let right = cells[0]["promised"].as_str().unwrap().to_owned();
    assert!(cells.iter().all(|cell| cell["counts"][&right] == 1), "{object}");
    right
}

#[test]
fn a_daemonic_process_is_not_allowed_to_create_children() {
    let found = daemonic();
    for child in found["children"].as_array().unwrap().iter().filter(|child| child["daemonic"] == true) {
        assert_eq!((&child["may_start"]["processes"], &child["refusal"]), (&false.into(), &REFUSAL.into()), "{child}");
    }
}

#[test]
fn a_pool_of_multiprocessing_is_daemonic_and_cannot_be_used_in_a_daemonic_process() {
    assert!(is_daemonic("mppool"));
    assert_eq!(verdict("multiprocessing", "mppool"), "refused");
}

#[test]
fn a_pool_of_billiard_is_daemonic_and_can_be_used_in_a_daemonic_process() {
    assert!(is_daemonic("bpool"));
    assert_eq!(verdict("multiprocessing", "bpool"), "ok");
}

#[test]
fn a_pool_of_concurrent_futures_is_non_daemonic() {
    assert!(!is_daemonic("cfpool"));
}

#[test]
fn single_processes_are_daemonic_if_requested() {
    for kind in ["mpprocess", "bprocess"] {
        assert_eq!((is_daemonic(kind), is_daemonic(&format!("daemonic {kind}"))), (false, true));
    }
}

#[test]
fn process_and_ndprocess_are_the_same() {
    assert_eq!(is_daemonic("cfpool"), is_daemonic("nd_cfpool"));
    let output = pushflow(Path::new(".")).args(["pools", "--output-format=json"]).output().unwrap();
    let pools = answer(&output);
    let of = |name: &str| -> Vec<Value> {
        let pool = pools["pools"].as_array().unwrap().iter().find(|pool| pool["name"] == name).unwrap();
        ["workers", "lost_worker", "has_start_methods"].map(|key| pool[key].clone()).to_vec()
    };
    assert_eq!(of("process"), of("ndprocess"));
}

/// A node that runs a command as a kind.
fn node(kind: &str) -> String {
    format!(
        r#"{{"graph": {{"id": "test"}}, "nodes": [{{"id": "a", "task_type": "subprocess", "task_identifier": "echo",
            "default_inputs": [{{"name": 0, "value": "hello"}}], "pushflow": {{"kind": {kind}}}}}]}}"#
    )
}

#[test]
fn each_pool_type_runs_tasks() {
    for pool in POOLS {
        let (code, answer) = run_json(&node("null"), &["--pool", pool]);
        assert_eq!((code, &answer["result"]["out"]), (0, &json!("hello\n")), "{pool}: {answer}");
    }
}

#[test]
fn each_kind_of_task_runs_in_a_workflow() {
    for kind in ["simple", "cfpool", "mppool", "mpprocess", "bpool", "bprocess"] {
        let written = if kind == "simple" { json!(kind) } else { json!({"name": kind, "start_method": "spawn"}) };
        for pool in ["thread", "process", "in_place"] {
            let (code, answer) = run_json(&node(&written.to_string()), &["--pool", pool]);
            assert_eq!((code, &answer["result"]["out"]), (0, &json!("hello\n")), "{kind} in {pool}: {answer}");
        }
    }
}

#[test]
fn a_refused_kind_is_a_failure_with_its_name() {
    for pool in ["multiprocessing", "billiard"] {
        for kind in ["cfpool", "mppool", "mpprocess"] {
            let (code, answer) = run_json(&node(&json!(kind).to_string()), &["--pool", pool]);
            assert_eq!((code, &answer["error"]["kind"]), (10, &json!("raised")), "{kind} in {pool}: {answer}");
            assert!(answer["error"]["message"].as_str().unwrap().ends_with(REFUSAL), "{answer}");
        }
    }
}

#[test]
fn an_unknown_kind_names_its_place() {
    let text = node(r#"{"name": "cfpool", "worker": 2}"#);
    let (code, answer) = run_json(&text, &[]);
    assert_eq!((code, &answer["error"]["line"]), (3, &json!(2)), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("unknown key 'worker' of the kind 'cfpool' of a node, expected one of: name, "),
        "{message}"
    );
}

#[test]
fn the_default_pool_is_gevent_with_coroutines_else_process() {
    for (variable, expected) in [("0", "process"), ("1", "gevent")] {
        let mut command = pushflow(Path::new("."));
        let output =
            command.args(["pools", "--output-format=json"]).env("PUSHFLOW_COROUTINES", variable).output().unwrap();
        let pools = answer(&output);
        let default = pools["pools"].as_array().unwrap().iter().find(|pool| pool["default"] == true).unwrap();
        assert_eq!(default["name"], expected);
    }
}

/// What the predecessor's page says of them: "hangs sometimes".
#[test]
fn nested_pools_of_billiard_never_hang() {
    let (code, object) = matrix_json(&[
        "--kind=bpool",
        "--pool=process,ndprocess,multiprocessing,ndmultiprocessing,billiard",
        "--start-method=forkserver",
        "--nested-start-method=forkserver",
        "--repeat=20",
    ]);
    assert_eq!(
        (code, &object["totals"]["ok"], &object["totals"]["hung"]),
        (0, &(5 * 4 * 20).into(), &0.into()),
        "{object}"
    );
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let blocks = PAGE.split("```console\n$ pushflow ").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let mut count = 0;
    for block in blocks {
        let (command, expected) = block.split_once('\n').unwrap();
        let directory = tempfile::tempdir().unwrap();
        let output = pushflow(directory.path()).args(command.split(' ')).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{command}");
        assert_eq!(stdout(&output).trim_end(), expected, "{command}");
        count += 1;
    }
    assert_eq!(count, 3);
}
