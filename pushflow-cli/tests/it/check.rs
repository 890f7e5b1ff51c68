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
    let all = show("document");
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
        let first = stderr(&output).lines().next().unwrap_or_default().to_owned() + "\n";
        assert_eq!((output.status.code(), first), (Some(3), expected));
    }
}

#[test]
fn the_line_of_a_mistake_is_shown_and_what_was_meant() {
    let text = "{\"nodes\": [{\"id\": \"first\", \"task_type\": \"ppfport\"}],\n \"links\": [{\"source\": \"frist\", \"target\": \"first\"}]}";
    let directory = directory_with("w.json", text);
    let output = pushflow(directory.path()).args(["check", "w.json"]).output().unwrap();
    let said = stderr(&output);
    assert!(
        said.contains("    2 |  \"links\": [{\"source\": \"frist\"") && said.contains("      |            ^"),
        "{said}"
    );
    assert!(said.contains("there is no node 'frist'") && said.contains("did you mean 'first'?"), "{said}");
    let output = pushflow(directory.path()).args(["check", "w.json", "--output-format", "json"]).output().unwrap();
    let hint = answer(&output)["error"]["hint"].as_str().unwrap().to_owned();
    assert!(hint.ends_with("did you mean 'first'?"), "{hint}");
}

/// Two branches that exclude each other, joined; a loop without end; a misspelt key; an output that is not there.
#[test]
fn what_can_never_be_meant_is_warned_of() {
    let when = |value: i64| format!(r#""conditions": [{{"source_output": "return_code", "value": {value}}}]"#);
    let bad = r#""data_mapping": [{"source_output": "stdout", "target_input": "stdin"}]"#;
    let links = [
        format!(r#"{{"source": "a", "target": "b", {}}}"#, when(0)),
        format!(r#"{{"source": "a", "target": "c", {}}}"#, when(1)),
        r#"{"source": "b", "target": "d", "required": true}"#.to_owned(),
        r#"{"source": "c", "target": "d", "requried": true, "required": true}"#.to_owned(),
        r#"{"source": "a", "target": "e"}"#.to_owned(),
        format!(r#"{{"source": "e", "target": "e", "required": false, {bad}}}"#),
    ];
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let text = workflow(&["a", "b", "c", "d", "e"].map(|id| sh(id, "true")), &links);
    let directory = directory_with("w.json", &text);
    let check = |more: &[&str]| pushflow(directory.path()).args(["check", "w.json"]).args(more).output().unwrap();
    let verdict = answer(&check(&["--output-format", "json"]));
    let found: Vec<(&str, &serde_json::Value)> = verdict["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["kind"].as_str().unwrap(), &warning["node"]))
        .collect();
    let none = json!(null);
    let (d, e) = (json!("d"), json!("e"));
    let expected = [("unknown_key", &none), ("excluded", &d), ("endless_loop", &e), ("unknown_output", &e)];
    assert_eq!((verdict["valid"].as_bool(), found), (Some(true), expected.to_vec()), "{verdict}");
    let human = check(&[]);
    assert_eq!(human.status.code(), Some(0));
    assert!(stdout(&human).contains("valid, 5 nodes, 6 links, 4 warnings"), "{}", stdout(&human));
    assert!(stderr(&human).contains("  = did you mean 'required'?"), "{}", stderr(&human));
    assert_eq!(check(&["--strict"]).status.code(), Some(3));
}
