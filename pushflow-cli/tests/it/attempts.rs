//! What nodes say under their key `pushflow`: tries, and the time of each.

use std::time::Instant;

use serde_json::json;

use crate::{LONG, assert_gone, directory_with, nodes, run, run_json, sh, stderr, workflow};

const POOLS: [&str; 5] = ["thread", "gevent", "in_place", "process", "multiprocessing"];

fn with(node: &str, settings: &str) -> String {
    node.replacen('{', &format!(r#"{{"pushflow": {settings}, "#), 1)
}

/// A script that succeeds in its third try.
fn third_try(name: &str) -> (tempfile::TempDir, String) {
    let directory = directory_with("unused", "");
    let file = directory.path().join(name);
    let script = format!("echo x >> {0}; [ $(wc -l < {0}) -ge 3 ] && echo done", file.display());
    (directory, script)
}

#[test]
fn a_failure_is_tried_again_as_often_as_the_node_says() {
    for pool in POOLS {
        let (_directory, script) = third_try("tries");
        let (code, answer) = run_json(&nodes(&[with(&sh("a", &script), r#"{"retries": 1}"#)]), &["--pool", pool]);
        assert_eq!((code, &answer["failures"][0]["attempt"]), (10, &json!(2)), "{answer}");
        assert_eq!(answer["failures"].as_array().unwrap().len(), 1);

        let (_directory, script) = third_try("tries");
        let (code, answer) = run_json(&nodes(&[with(&sh("a", &script), r#"{"retries": 2}"#)]), &["--pool", pool]);
        assert_eq!(
            (code, &answer["result"]["out"], &answer["failures"]),
            (0, &json!("done\n"), &json!([])),
            "{answer}"
        );
    }
}

#[test]
fn retry_on_chooses_the_failures() {
    for (retry_on, attempt) in [("CalledProcessError", 3), ("raised", 3), ("lost", 1)] {
        let settings = format!(r#"{{"retries": 2, "retry_on": ["{retry_on}"]}}"#);
        let (_, answer) = run_json(&nodes(&[with(&sh("a", "exit 1"), &settings)]), &[]);
        assert_eq!(answer["failures"][0]["attempt"], attempt, "{retry_on}");
    }
}

#[test]
fn the_time_of_a_node_bounds_each_try() {
    for pool in POOLS {
        let begin = Instant::now();
        let node = with(&sh("a", "sleep 3601.25"), r#"{"timeout": 0.05, "retries": 1}"#);
        let (code, answer) = run_json(&nodes(&[node]), &["--pool", pool]);
        assert!(begin.elapsed() < LONG);
        assert_eq!((code, &answer["status"]), (10, &json!("failed")), "{answer}");
        let failure = &answer["failures"][0];
        assert_eq!((&failure["kind"], &failure["type"]), (&json!("timed_out"), &json!("TimeoutError")), "{answer}");
        assert_eq!(failure["attempt"], 2);
        assert_gone("3601.25");
    }
}

#[test]
fn a_link_handles_what_took_too_long() {
    let slow = with(&sh("slow", "sleep 3601.5"), r#"{"timeout": 0.05}"#);
    let text = workflow(
        &[slow, sh("rescue", "printf fine")],
        &[r#"{"source": "slow", "target": "rescue", "on_error": true}"#],
    );
    for pool in POOLS {
        let (code, answer) = run_json(&text, &["--pool", pool]);
        assert_eq!((code, &answer["result"]["out"], &answer["failures"]), (0, &json!("fine"), &json!([])), "{answer}");
    }
}

#[test]
fn people_are_told_of_tries() {
    let output = run(&nodes(&[with(&sh("a", "exit 1"), r#"{"retries": 1}"#)]), &[]);
    let text = stderr(&output);
    assert!(text.contains("failed (try 1, trying again): a: "), "{text}");
}
