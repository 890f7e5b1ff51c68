//! What a node may say.

use super::*;

#[test]
fn every_way_to_name_a_task() {
    for (attributes, task_type, identifier) in [
        (r#""task_type": "class", "task_identifier": "m.C""#, "class", Some("m.C")),
        (r#""task_type": "ppfport""#, "ppfport", None),
        (r#""task_type": "simple", "task_identifier": "x""#, "simple", Some("x")),
        (r#""class": "m.C""#, "class", Some("m.C")),
        (r#""method": "m.f""#, "method", Some("m.f")),
        (r#""ppfmethod": "m.f""#, "ppfmethod", Some("m.f")),
        (r#""ppfport": "input""#, "ppfport", None),
        (r#""script": "s.sh""#, "script", Some("s.sh")),
        (r#""notebook": "n.ipynb""#, "notebook", Some("n.ipynb")),
        (r#""task": "t", "task_generator": "m.g""#, "generated", Some("t")),
    ] {
        let graph = load(&nodes(&format!(r#"{{"id": "a", {attributes}}}"#))).unwrap();
        let node = &graph.nodes[0];
        assert_eq!((node.task_type.as_str(), node.task_identifier.as_deref()), (task_type, identifier));
    }
}

#[test]
fn a_task_has_to_be_complete() {
    let missing = format!("Task 'a' {NO_TASK}");
    let error = refused("{\"nodes\": [\n  {\"id\": \"a\"}]}", "ValueError", &missing);
    assert_eq!(place(&error), (2, 3));
    refused(&nodes(r#"{"id": "a", "method": "m.f", "class": "m.C"}"#), "ValueError", &missing);
    refused(&nodes(r#"{"id": "a", "label": "the label"}"#), "ValueError", &format!("Task 'the label' {NO_TASK}"));
    refused(&nodes(r#"{"id": ["s", "n"]}"#), "ValueError", &format!("Task 's:n' {NO_TASK}"));
    refused(&document(&["a"], r#"{"source": "nope", "target": "a"}"#), "ValueError", &format!("Task 'nope' {NO_TASK}"));
    for (attributes, message) in [
        (r#""task_type": "method""#, "node attribute 'task_identifier' is missing"),
        (r#""task_type": "graph""#, "node attribute 'task_identifier' is missing"),
        (
            r#""task_type": "ppfport", "task_identifier": "x""#,
            "node attribute 'task_identifier' should not be used when 'task_type' is 'ppfport'",
        ),
        (r#""task_type": "generated", "task_identifier": "x""#, "node attribute 'task_generator' is missing"),
        (
            r#""task_type": "method", "task_identifier": "x", "task_generator": "g""#,
            "node attribute 'task_generator' should only be specified when 'task_type' is 'generated'",
        ),
    ] {
        refused(&nodes(&format!(r#"{{"id": "a", {attributes}}}"#)), "ValueError", message);
    }
    assert_eq!(load(&nodes(r#"{"method": "m.f"}"#)).unwrap_err().type_name(), "TypeError");
}

#[test]
fn a_second_definition_overwrites_key_by_key() {
    let text = nodes(
        r#"{"id": "a", "method": "m.f", "label": "one", "force_start_node": true},
           {"id": "b", "method": "m.f"}, {"id": "a", "label": "two"}"#,
    );
    let graph = load(&text).unwrap();
    assert_eq!(ids(&graph), ["a", "b"]);
    assert_eq!((graph.nodes[0].label().as_str(), graph.nodes[0].force_start_node), ("two", true));
}

#[test]
fn names_of_default_inputs() {
    let with = |entry: &str| nodes(&format!(r#"{{"id": "a", "method": "m.f", "default_inputs": [{entry}]}}"#));
    let graph = load(&with(r#"{"name": 0, "value": 1}, {"name": "0", "value": 2}"#)).unwrap();
    assert_eq!(*graph.nodes[0].default_inputs, [(Key::Position(0), 1.into()), (Key::from("0"), 2.into())]);
    refused(&with(r#"{"name": -1, "value": 1}"#), "ValueError", "Negative argument positions are not allowed");
    refused(&with(r#"{"name": "x"}"#), "KeyError", "'value'");
    refused(&with(r#"{"value": 1}"#), "KeyError", "'name'");
}

#[test]
fn settings_of_this_engine_are_kept() {
    let graph = load(&nodes(r#"{"id": "a", "method": "m.f", "pushflow": {"pool": "thread"}}"#)).unwrap();
    let settings = graph.nodes[0].settings.as_ref().unwrap();
    assert_eq!(settings.get("pool"), Some(&Value::from("thread")));
    assert_eq!(graph.nodes[0].task_type, TaskType::Method);
}
