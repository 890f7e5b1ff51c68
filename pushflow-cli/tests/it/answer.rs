//! The one JSON object, on success and on failure.

use serde_json::json;

use crate::pools::POOLS;
use crate::{answer, directory_with, node, nodes, pushflow, run, run_json, sh, stdout, workflow};

#[test]
fn a_result_and_the_outputs_of_end_nodes() {
    let script = r#"{"graph": {"id": "g"}, "nodes": [{"id": "a", "task_type": "script", "task_identifier": "echo hello",
        "default_inputs": [{"name": "_capture_output", "value": true}]}]}"#;
    let outputs = json!({"return_code": 0, "out": "hello\n", "err": ""});
    let expected = json!({
        "status": "finished", "result": outputs, "nodes": {"a": outputs}, "failures": [], "error": null
    });
    for pool in POOLS {
        assert_eq!(run_json(script, &["--pool", pool]), (0, expected.clone()));
    }
    let (code, answer) = run_json(script, &["--outputs", "none"]);
    assert_eq!((code, &answer["result"], &answer["nodes"]), (0, &json!({}), &json!({})));
}

#[test]
fn outputs_of_all_nodes_by_label_or_id() {
    let labelled = sh("b", "printf 2").replacen('{', r#"{"label": "two", "#, 1);
    let twice = ["c", "d"].map(|id| sh(id, "printf 3").replacen('{', r#"{"label": "same", "#, 1));
    let text = workflow(
        &[sh("a", "printf 1"), labelled, twice[0].clone(), twice[1].clone()],
        &[
            r#"{"source": "a", "target": "b"}"#,
            r#"{"source": "b", "target": "c"}"#,
            r#"{"source": "c", "target": "d"}"#,
        ],
    );
    let (code, answer) = run_json(&text, &["--outputs", "all"]);
    assert_eq!(code, 0);
    let outs = ["a", "two", "c", "d"].map(|name| answer["nodes"][name]["out"].clone());
    assert_eq!(outs, ["1", "2", "3", "3"].map(|text| json!(text)));
}

#[test]
fn numbers_that_json_lacks_are_no_null() {
    let text = "nodes: [{id: a, task_type: ppfport, default_inputs: [{name: x, value: [.nan, -.inf, 1.0]}]}]\n";
    let directory = directory_with("w.yaml", text);
    let arguments = ["run", "w.yaml", "-p", "y=1e999", "--output-format", "json"];
    let answer = answer(&pushflow(directory.path()).args(arguments).output().unwrap());
    let expected = json!({"x": [{"__float__": "nan"}, {"__float__": "-inf"}, 1.0], "y": {"__float__": "inf"}});
    assert_eq!(answer["result"]["_ppfdict"], expected, "{answer}");
}

#[test]
fn a_failure_has_type_message_and_node() {
    let (code, answer) = run_json(&nodes(&[sh("a", "exit 3")]), &[]);
    let message =
        "Execution failed for ewoks task 'a' (id: 'a', task: 'sh'): command `sh -c exit 3` ended with exit code 3";
    let failure = json!({"node": "a", "attempt": 1, "kind": "raised", "type": "TaskExecutionError",
        "message": message, "traceback": []});
    let error = json!({"type": "TaskExecutionError", "message": message, "kind": "raised", "node": "a",
        "file": null, "line": null, "column": null});
    assert_eq!(code, 10);
    let expected = json!({"status": "failed", "result": null, "nodes": {}, "failures": [failure], "error": error});
    assert_eq!(answer, expected);
}

#[test]
fn without_raise_on_error_the_payload_is_the_result() {
    let (code, answer) = run_json(&nodes(&[sh("a", "exit 3")]), &["-o", "raise_on_error=false"]);
    assert_eq!((code, &answer["status"], &answer["error"]), (10, &json!("failed"), &json!(null)));
    let message = answer["result"]["WorkflowException"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("exit code 3"), "{message}");
}

#[test]
fn a_malformed_file_has_line_and_column() {
    let cases = [("w.json", "{\"nodes\": [\n  {\"id\": ]}", 2), ("w.yaml", "nodes:\n  - id: a\n   task_type: [\n", 3)];
    for (name, text, line) in cases {
        let directory = directory_with(name, text);
        let output = pushflow(directory.path()).args(["run", name, "--output-format", "json"]).output().unwrap();
        let answer = answer(&output);
        assert_eq!((output.status.code(), &answer["status"]), (Some(3), &json!("invalid")), "{answer}");
        let error = &answer["error"];
        assert_eq!((&error["line"], error["column"].is_u64()), (&json!(line), true), "{answer}");
        assert!(error["file"].as_str().unwrap().ends_with(name), "{answer}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output = pushflow(directory.path()).args(["run", "none.json", "--output-format=json"]).output().unwrap();
    let answer = answer(&output);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(answer["error"]["type"], "FileNotFoundError");
    assert!(answer["error"]["message"].as_str().unwrap().ends_with("/none.json"), "{answer}");
}

#[test]
fn an_unknown_kind_of_task_is_invalid_with_its_place() {
    let (code, answer) = run_json(&nodes(&[r#"{"id": "a", "task_type": "nope", "task_identifier": "x"}"#.into()]), &[]);
    assert_eq!((code, &answer["error"]["type"], &answer["error"]["line"]), (3, &json!("ValueError"), &json!(1)));
    assert_eq!(answer["error"]["node"], "a");
}

#[test]
fn a_missing_command_is_the_failure_that_users_know() {
    let text = nodes(&[r#"{"id": "a", "task_type": "script", "task_identifier": "no-such-command"}"#.into()]);
    let (code, answer) = run_json(&text, &[]);
    let expected = "Execution failed for ewoks task 'a' (id: 'a', task: 'no-such-command'): \
                    [Errno 2] No such file or directory: 'no-such-command'";
    assert_eq!((code, &answer["error"]["message"]), (10, &json!(expected)));
}

#[test]
fn what_tasks_print_does_not_mix_with_the_answer() {
    let script = r#"{"id": "a", "task_type": "script", "task_identifier": "echo noise"}"#;
    for pool in POOLS {
        let output = run(&nodes(&[script.into()]), &["--output-format", "json", "--pool", pool]);
        assert_eq!(answer(&output)["result"]["out"], json!(null));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "a: noise\n", "{pool}");
    }
}

#[test]
fn events_are_lines_and_the_last_is_the_answer() {
    let text = nodes(&[node("a", "echo told; exit 1", r#", {"name": "stream", "value": true}"#)]);
    let output = run(&text, &["--output-format", "jsonl"]);
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["started", "message", "failed", "ended"]);
    assert_eq!(lines[3]["status"], "failed");
}
