//! What the command line and nodes say about how executions go: tries, times, pools, priorities, limits.

use serde_json::json;

use crate::{directory_with, nodes, pushflow, run, run_json, sh, stderr, stdout, workflow};

fn with(node: &str, settings: &str) -> String {
    node.replacen('{', &format!(r#"{{"pushflow": {settings}, "#), 1)
}

#[test]
fn retries_of_the_command_line_are_for_nodes_that_say_nothing() {
    let text = nodes(&[sh("a", "exit 1"), with(&sh("b", "exit 1"), r#"{"retries": 0}"#)]);
    let (code, answer) = run_json(&text, &["--retries", "2", "--retry-delay", "0.01"]);
    let mut attempts: Vec<(String, i64)> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| (failure["node"].as_str().unwrap().to_owned(), failure["attempt"].as_i64().unwrap()))
        .collect();
    attempts.sort();
    assert_eq!((code, attempts), (10, vec![("a".to_owned(), 3), ("b".to_owned(), 1)]));
}

#[test]
fn the_time_of_a_task_bounds_nodes_that_say_nothing() {
    let text = nodes(&[sh("a", "sleep 3602.5"), with(&sh("b", "sleep 0.3"), r#"{"timeout": 60}"#)]);
    let (code, answer) = run_json(&text, &["--task-timeout", "0.1"]);
    assert_eq!((code, answer["failures"].as_array().unwrap().len()), (11, 1), "{answer}");
    assert_eq!((&answer["failures"][0]["node"], &answer["failures"][0]["kind"]), (&json!("a"), &json!("timed_out")));
}

#[test]
fn a_node_runs_in_the_pool_that_it_asks_for() {
    let text = workflow(&[with(&sh("here", "echo $PPID"), r#"{"pool": "thread"}"#), sh("there", "echo $PPID")], &[]);
    let (code, answer) = run_json(&text, &["--outputs", "all", "--workers", "1"]);
    assert_eq!(code, 0, "{answer}");
    assert_ne!(answer["nodes"]["here"]["out"], answer["nodes"]["there"]["out"], "threads of pushflow, and a worker");
    let (_, answer) = run_json(&text, &["--outputs", "all", "--pool", "thread"]);
    assert_eq!(answer["nodes"]["here"]["out"], answer["nodes"]["there"]["out"]);
}

#[test]
fn a_pool_that_is_not_known_is_told_at_its_node() {
    let text = nodes(&[with(&sh("a", "true"), r#"{"pool": "thraed"}"#)]);
    for arguments in [&["run", "w.json"][..], &["run", "w.json", "--dry-run"], &["check", "w.json"]] {
        let directory = directory_with("w.json", &text);
        let output = pushflow(directory.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains("w.json:1:") && said.contains("did you mean `thread`?"), "{said}");
    }
}

#[test]
fn priorities_order_what_waits_for_the_only_worker() {
    let directory = directory_with("w.json", "");
    let log = directory.path().join("order");
    let write = |id: &str| sh(id, &format!("echo {id} >> {}", log.display()));
    let first = sh("s", "true");
    let nodes =
        [first, write("low"), with(&write("high"), r#"{"priority": 5}"#), with(&write("mid"), r#"{"priority": 2}"#)];
    let links = ["low", "high", "mid"].map(|target| format!(r#"{{"source": "s", "target": "{target}"}}"#));
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    for pool in ["thread", "process", "multiprocessing", "in_place"] {
        let _ = std::fs::remove_file(&log);
        let workers: &[&str] = if pool == "in_place" { &[] } else { &["--workers", "1"] };
        let (code, answer) = run_json(&workflow(&nodes, &links), &[&["--pool", pool], workers].concat());
        assert_eq!(code, 0, "{answer}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "high\nmid\nlow\n", "{pool}");
    }
}

#[test]
fn fail_fast_starts_nothing_more_and_the_default_goes_on() {
    let text =
        workflow(&[sh("a", "exit 1"), sh("b", "echo b"), sh("c", "echo c")], &[r#"{"source": "b", "target": "c"}"#]);
    let (code, answer) = run_json(&text, &["--pool", "in_place", "--fail-fast"]);
    assert_eq!((code, &answer["status"], &answer["error"]["node"]), (10, &json!("failed"), &json!("a")), "{answer}");
    for flags in [&[][..], &["--fail-fast", "--keep-going"]] {
        let (code, answer) = run_json(&text, &[&["--pool", "in_place"], flags].concat());
        assert_eq!((code, &answer["result"]["out"]), (11, &json!("c\n")), "{flags:?}");
    }
}

#[test]
fn a_loop_ends_at_its_bound() {
    let node = sh("a", "echo x").replacen('{', r#"{"force_start_node": true, "#, 1);
    let back = r#"{"source": "a", "target": "a", "conditions": [{"source_output": "return_code", "value": null}]}"#;
    let (code, answer) = run_json(&workflow(&[node, sh("b", "echo b")], &[back]), &["--max-iterations", "3"]);
    assert_eq!((code, &answer["failures"][0]["kind"]), (11, &json!("limit")), "{answer}");
}

#[test]
fn outputs_are_merged_on_request() {
    let text = workflow(&[sh("a", "echo a"), sh("b", "echo b >&2")], &[r#"{"source": "a", "target": "b"}"#]);
    let (_, answer) = run_json(&text, &["--outputs", "all", "--merge-outputs"]);
    assert_eq!(answer["result"]["err"], "b\n", "{answer}");
    let names: Vec<&String> = answer["nodes"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_dry_run_runs_nothing() {
    let directory = directory_with("unused", "");
    let mark = directory.path().join("mark");
    let text = nodes(&[with(&sh("a", &format!("touch {}", mark.display())), r#"{"retries": 2}"#)]);
    let output = run(&text, &["--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stdout(&output);
    assert!(said.contains("start, end") && said.contains("retries=2") && said.contains("process"), "{said}");
    assert!(!mark.exists());
    let (code, answer) = run_json(&text, &["--dry-run"]);
    assert_eq!((code, &answer["status"], &answer["result"]), (0, &json!("valid"), &json!(null)));
    assert_eq!(run(&text, &["--dry-run", "--pool", "nope"]).status.code(), Some(2));
    assert!(!mark.exists());
}

#[test]
fn resources_are_read() {
    let text = nodes(&[with(&sh("a", "echo a"), r#"{"resources": {"gpu": 1}}"#)]);
    let (code, answer) = run_json(&text, &["--resource", "gpu=1"]);
    assert_eq!((code, &answer["result"]["out"]), (0, &json!("a\n")));
    assert_eq!(run(&text, &["--resource", "gpu"]).status.code(), Some(2));
    assert_eq!(run(&text, &["--resource", "gpu=-1"]).status.code(), Some(2));
}
