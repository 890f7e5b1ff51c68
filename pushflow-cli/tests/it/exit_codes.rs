//! How a run went, as an exit code.

use std::time::Instant;

use serde_json::json;

use crate::{LONG, assert_gone, node, nodes, run_json, sh, workflow};

#[test]
fn a_result_in_spite_of_a_failure_is_11() {
    let (code, answer) = run_json(&nodes(&[sh("bad", "exit 1"), sh("good", "printf fine")]), &[]);
    assert_eq!((code, &answer["status"], &answer["error"]), (11, &json!("failed"), &json!(null)));
    assert_eq!(answer["result"]["out"], "fine");
    assert_eq!(answer["failures"].as_array().unwrap().len(), 1);
}

#[test]
fn every_failure_is_in_the_answer() {
    let all: Vec<String> = (0..20).map(|number| sh(&format!("bad{number}"), "exit 1")).collect();
    for options in [&[][..], &["--pool", "in_place"], &["--workers", "1"], &["-o", "raise_on_error=false"]] {
        let (code, answer) = run_json(&nodes(&all), options);
        let failures = answer["failures"].as_array().unwrap();
        let mut failed: Vec<_> = failures.iter().map(|failure| failure["node"].as_str().unwrap()).collect();
        failed.sort_unstable();
        failed.dedup();
        assert_eq!((code, failures.len(), failed.len()), (10, 20, 20), "{answer}");
    }
}

#[test]
fn a_handled_failure_is_0() {
    let text = workflow(
        &[sh("bad", "exit 1"), sh("rescue", "printf fine")],
        &[r#"{"source": "bad", "target": "rescue", "on_error": true}"#],
    );
    let (code, answer) = run_json(&text, &[]);
    assert_eq!((code, &answer["result"]["out"], &answer["failures"]), (0, &json!("fine"), &json!([])));
}

#[test]
fn a_loop_without_end_is_12_when_the_time_is_over() {
    let text = workflow(
        &[sh("a", "true"), sh("b", "true"), sh("end", "true")],
        &[
            r#"{"source": "a", "target": "b"}"#,
            r#"{"source": "b", "target": "a", "conditions": [{"source_output": "return_code", "value": 0}]}"#,
            r#"{"source": "b", "target": "end", "conditions": [{"source_output": "return_code", "value": 1}]}"#,
        ],
    );
    let text = text.replacen(r#""id": "a""#, r#""id": "a", "force_start_node": true"#, 1);
    for pool in ["thread", "in_place", "process", "multiprocessing", "scaling"] {
        let begin = Instant::now();
        let (code, answer) = run_json(&text, &["--timeout", "0.3", "--pool", pool]);
        let expected = (12, &json!("timed_out"), &json!({}), &json!(null));
        assert_eq!((code, &answer["status"], &answer["result"], &answer["error"]), expected, "{pool}: {answer}");
        assert!(begin.elapsed() < LONG);
    }
}

#[test]
fn nothing_is_left_running_after_the_time() {
    let mark = format!("{}.25", 40_000 + std::process::id());
    for script in [format!("sleep {mark} & sleep {mark}"), format!("trap '' INT TERM; sleep {mark} & sleep {mark}")] {
        for pool in ["thread", "in_place", "process", "multiprocessing", "scaling"] {
            let begin = Instant::now();
            let options = ["-o", "timeout=0.3", "--grace", "0.2", "--pool", pool];
            let (code, answer) = run_json(&nodes(&[sh("a", &script)]), &options);
            assert_eq!((code, &answer["status"]), (12, &json!("timed_out")), "{pool}: {answer}");
            assert!(begin.elapsed() < LONG);
            assert_gone(&mark);
        }
    }
}

#[test]
fn a_million_bytes_of_arguments_fail_the_node_only() {
    let inputs = format!(r#", {{"name": 0, "value": "{}"}}"#, "x".repeat(1_000_000));
    let (code, answer) = run_json(&nodes(&[node("a", "true", &inputs)]), &[]);
    assert_eq!(code, 10);
    assert!(answer["error"]["message"].as_str().unwrap().ends_with("[Errno 7] Argument list too long: 'sh'"));
}
