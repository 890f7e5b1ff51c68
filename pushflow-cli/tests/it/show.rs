//! Showing a workflow: its inputs, how it is executed.

use serde_json::json;

use crate::{answer, directory_with, pushflow, sh, stdout, workflow};

const LINK: &str = r#"{"source": "a", "target": "b", "data_mapping": [{"source_output": "out", "target_input": "stdin"}],
    "conditions": [{"source_output": "return_code", "value": 0}]}"#;

#[test]
fn the_inputs_that_can_be_given_are_a_table() {
    let directory = directory_with("w.json", &workflow(&[sh("a", "true"), sh("b", "cat")], &[LINK]));
    let show = |more: &[&str]| pushflow(directory.path()).args(["show", "w.json"]).args(more).output().unwrap();
    let table = stdout(&show(&["-pn", "b:text=x"]));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("node  input  value") && lines[0].ends_with("option"), "{table}");
    assert!(lines[1].starts_with("a     argv   [\"-c\",\"true\"]") && lines[1].ends_with("-pn a:argv="), "{table}");
    assert!(lines[3].starts_with("b     text   \"x\""), "{table}");
    let view = answer(&show(&["--output-format", "json"]));
    let expected = json!({"id": "a", "label": "a", "name": "argv", "required": false, "value": ["-c", "true"],
        "task_type": "subprocess", "task_identifier": "sh"});
    assert_eq!(view["inputs"][0], expected);
    let empty = directory_with("w.json", r#"{"nodes": [{"id": "p", "task_type": "ppfport"}]}"#);
    let output = pushflow(empty.path()).args(["show", "w.json"]).output().unwrap();
    assert_eq!(stdout(&output), "notspecified: takes no inputs\n");
}

#[test]
fn nodes_and_links_as_they_are_executed_are_tables() {
    let directory = directory_with("w.json", &workflow(&[sh("a", "true"), sh("b", "cat")], &[LINK]));
    let output = pushflow(directory.path()).args(["show", "w.json", "--resolved"]).output().unwrap();
    let text = stdout(&output);
    let link = text.lines().last().unwrap();
    let cells: Vec<&str> = link.split_whitespace().collect();
    assert_eq!(cells, ["a", "b", "return_code=0", "no", "out->stdin"], "{text}");
    assert!(text.contains("subprocess sh  start"), "{text}");
}

/// Two nodes that lead to each other, and nothing to them: it can be looked at, not run.
#[test]
fn what_nothing_starts_is_shown_with_a_warning() {
    let when = r#""conditions": [{"source_output": "x", "value": 1}]"#;
    let links = [
        format!(r#"{{"source": "a", "target": "b", {when}}}"#),
        format!(r#"{{"source": "b", "target": "a", {when}}}"#),
    ];
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let directory = directory_with("w.json", &workflow(&[sh("a", "true"), sh("b", "true")], &links));
    let pushflow = |arguments: &[&str]| pushflow(directory.path()).args(arguments).output().unwrap();
    let output = pushflow(&["show", "w.json", "--resolved", "--output-format", "json"]);
    assert_eq!((output.status.code(), &answer(&output)["start_nodes"]), (Some(0), &json!([])));
    assert!(crate::stderr(&output).contains("has no start node"), "{}", crate::stderr(&output));
    assert_eq!(pushflow(&["graph", "w.json"]).status.code(), Some(0));
    assert_eq!(pushflow(&["check", "w.json"]).status.code(), Some(3));
    assert_eq!(pushflow(&["run", "w.json"]).status.code(), Some(3));
}
