//! Inputs given from outside.

use super::*;

const WORKFLOW: &str = r#"{"nodes": [
    {"id": "a", "method": "m.Sum", "default_inputs": [{"name": "x", "value": 0}]},
    {"id": "b", "method": "m.Sum", "label": "the b"},
    {"id": "c", "method": "m.Product"}],
    "links": [{"source": "a", "target": "b"}, {"source": "a", "target": "c"}]}"#;

fn changed(input: &str) -> Vec<String> {
    let inputs = parse_inputs(&format!("[{input}]"), Format::Json).expect("inputs");
    let graph = load_with(WORKFLOW, inputs).expect("a workflow");
    let is_changed =
        |node: &&pushflow_core::graph::Node| node.default_inputs.iter().any(|(_, value)| *value == Value::Int(7));
    graph.nodes.iter().filter(is_changed).map(|node| node.id.to_string()).collect()
}

#[test]
fn selection_of_nodes() {
    for (selection, expected) in [
        (r#""id": "b","#, vec!["b"]),
        (r#""id": null, "label": "a","#, vec![]),
        (r#""label": "a","#, vec!["a"]),
        (r#""label": null,"#, vec![]),
        (r#""task_identifier": null, "label": "a","#, vec![]),
        (r#""label": "b","#, vec![]),
        (r#""label": "the b","#, vec!["b"]),
        (r#""task_identifier": "um","#, vec!["a", "b"]),
        (r#""task_identifier": "Sum", "label": "the b", "all": true,"#, vec!["b"]),
        (r#""all": true,"#, vec!["a", "b", "c"]),
        (r#""all": false,"#, vec!["a"]),
        ("", vec!["a"]),
    ] {
        assert_eq!(changed(&format!(r#"{{{selection} "name": "x", "value": 7}}"#)), expected, "{selection}");
    }
}

#[test]
fn replaced_or_appended() {
    let graph = load_with(WORKFLOW, vec![Input::of_node("a", "x", 1), Input::of_node("a", "y", 2)]).unwrap();
    assert_eq!(*graph.nodes[0].default_inputs, [("x".into(), 1.into()), ("y".into(), 2.into())]);
}

#[test]
fn what_is_refused() {
    let error = load_with(WORKFLOW, vec![Input::of_node("nope", "x", 1)]).unwrap_err();
    assert_eq!((error.type_name(), error.message()), ("KeyError", "'nope'"));
    let nested = load_with(&WORKFLOW.replace("\"c\"", "\"count\""), vec![Input::of_node("cuont", "x", 1)]).unwrap_err();
    assert_eq!(nested.hint(), Some("did you mean 'count'?"));
    let error = parse_inputs(r#"[{"id": "a", "name": "x"}]"#, Format::Json).unwrap_err();
    assert_eq!(error.type_name(), "ValueError");
    assert_eq!(error.message(), "Missing required keys {'value'} in input item: {'id': 'a', 'name': 'x'}.");
    let error = parse_inputs(r#"[{"nmae": "x", "vale": 1}]"#, Format::Json).unwrap_err();
    assert_eq!(
        error.message(),
        "Missing required keys {'name', 'value'} in input item: {'nmae': 'x', 'vale': 1}.\n  \
         @ You provided 'nmae'. Did you mean 'name'?\n  @ You provided 'vale'. Did you mean 'value'?"
    );
    assert_eq!(parse_inputs("{}", Format::Json).unwrap_err().kind(), GraphErrorKind::Type);
}
