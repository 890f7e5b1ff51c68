//! `pushflow check` and `pushflow show`.

use std::fs;

use serde_json::json;

use crate::{answer, directory_with, nodes, pushflow, sh, stderr, stdout, workflow};

#[test]
fn a_good_workflow_is_valid() {
    let text = workflow(&[sh("a", "true"), sh("b", "true")], &[r#"{"source": "a", "target": "b"}"#]);
    let directory = directory_with("w.json", &text);
    let output = pushflow(directory.path()).args(["check", "w.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "w.json: valid, 2 nodes, 1 links, 0 warnings\n");
    let output = pushflow(directory.path()).args(["check", "w.json", "--output-format", "json"]).output().unwrap();
    assert_eq!(answer(&output), json!({"valid": true, "error": null, "warnings": []}));
}

#[test]
fn a_bad_workflow_is_refused_at_its_place() {
    let cases = [
        ("{\n \"nodes\": [,]}", ":2:12: "),
        (
            "{\"nodes\": [\n {\"id\": \"a\", \"task_type\": \"nope\", \"task_identifier\": \"x\"}]}",
            ":2:2: Task 'a' requires",
        ),
        (
            "{\"nodes\": [\n\n {\"id\": \"a\", \"task_type\": \"simple\", \"task_identifier\": \"x\"}]}",
            ":3:2: no task is registered as `x`",
        ),
    ];
    for (text, part) in cases {
        let directory = directory_with("w.json", text);
        let output = pushflow(directory.path()).args(["check", "w.json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let said = stderr(&output);
        assert!(said.starts_with("error: ") && said.contains(&format!("w.json{part}")), "{said}");
        let output = pushflow(directory.path()).args(["check", "w.json", "--output-format", "json"]).output().unwrap();
        assert_eq!((output.status.code(), &answer(&output)["valid"]), (Some(3), &json!(false)));
    }
}

#[test]
fn a_loop_that_would_wait_for_ever_is_refused() {
    let links = [r#"{"source": "a", "target": "b"}"#, r#"{"source": "b", "target": "a"}"#];
    let directory = directory_with("w.json", &workflow(&[sh("a", "true"), sh("b", "true")], &links));
    let output = pushflow(directory.path()).args(["check", "w.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
}

#[test]
fn the_workflow_as_it_is_executed() {
    let directory = directory_with("w.json", &nodes(&[sh("a", "true")]));
    let arguments = ["show", "--resolved", "w.json", "-p", "x=1", "--output-format", "json"];
    let output = pushflow(directory.path()).args(arguments).output().unwrap();
    let shown = answer(&output);
    assert_eq!((output.status.code(), &shown["start_nodes"]), (Some(0), &json!(["a"])));
    assert_eq!(shown["nodes"][0]["default_inputs"][1], json!({"name": "x", "value": 1}));
}

/// `b -> s/n`, `b -> a`: sorted, nested ids last, and nothing but the shape. People see all, in the order of the file.
#[test]
fn the_shape_of_a_workflow_can_be_compared() {
    let directory = directory_with("sub.json", &nodes(&[sh("n", "true")]));
    let sub = r#"{"id": "s", "task_type": "graph", "task_identifier": "sub.json"}"#;
    let text = workflow(
        &[sub.into(), r#"{"id": "b", "task_type": "ppfport"}"#.into(), sh("a", "true")],
        &[
            r#"{"source": "b", "target": "s", "sub_target": "n"}"#,
            r#"{"source": "b", "target": "a", "conditions": [{"source_output": "x", "value": 1}]}"#,
        ],
    );
    fs::write(directory.path().join("w.json"), text).unwrap();
    let show = |format| {
        let arguments = ["show", "--resolved", "w.json", "--output-format", format];
        answer(&pushflow(directory.path()).args(arguments).output().unwrap())
    };
    let argv = json!([{"name": "argv", "value": ["-c", "true"]}]);
    let condition = json!([{"source_output": "x", "value": 1}]);
    let expected = json!({
        "nodes": [
            {"id": "a", "label": "a", "default_inputs": argv},
            {"id": "b", "label": "b"},
            {"id": ["s", "n"], "label": "s:n", "default_inputs": argv},
        ],
        "links": [
            {"source": "b", "target": "a", "conditions": condition, "is_required": false},
            {"source": "b", "target": ["s", "n"], "is_required": true},
        ],
        "start_nodes": ["b"],
        "end_nodes": ["a", ["s", "n"]],
    });
    assert_eq!(show("json"), expected);
    let all = show("human");
    assert_eq!((&all["graph"]["id"], &all["nodes"][1]["task_type"]), (&json!("test"), &json!("subprocess")));
}

#[test]
fn every_error_names_the_file_and_what_is_wrong_in_it() {
    let directory = directory_with("outer.json", r#"{"nodes": [{"id": "s", "graph": "none.json"}]}"#);
    let path = |name: &str| directory.path().canonicalize().unwrap().join(name).display().to_string();
    fs::write(directory.path().join("link.json"), r#"{"nodes": [], "links": [{"target": "a"}]}"#).unwrap();
    let node = r#"{"id": "a", "task_type": "ppfport"}"#;
    let link = r#"{"source": "a", "target": "a", "required": false}"#;
    fs::write(directory.path().join("loop.json"), format!(r#"{{"nodes": [{node}], "links": [{link}]}}"#)).unwrap();
    fs::create_dir(directory.path().join("folder.json")).unwrap();
    for (file, expected) in [
        ("none.json", format!("error: {}: there is no such file\n", path("none.json"))),
        ("outer.json", format!("error: {}:1:12: {}: there is no such file\n", path("outer.json"), path("none.json"))),
        ("link.json", format!("error: {}:1:25: the key 'source' is missing\n", path("link.json"))),
        ("loop.json", format!("error: {}:1:1: notspecified has no start node\n", path("loop.json"))),
        ("folder.json", format!("error: Is a directory (os error 21): {}\n", path("folder.json"))),
    ] {
        let output = pushflow(&directory.path().canonicalize().unwrap()).args(["check", file]).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(3), expected));
    }
}
