//! Texts that are no documents, and where they go wrong.

use super::*;

/// Files that Python's `json` has written.
#[test]
fn numbers_beyond_json_are_read() {
    let text = r#"{"nodes": [{"id": "NaN", "method": "m.f", "default_inputs": [
        {"name": "Infinity\" NaN", "value": [NaN, -Infinity,Infinity , 1e999, {"x":NaN}]}, {"name": "y", "value": 1.5}]}]}"#;
    let graph = load(text).unwrap();
    let (name, value) = &graph.nodes[0].default_inputs[0];
    assert_eq!((graph.nodes[0].id.to_string(), name), ("NaN".to_owned(), &Key::from("Infinity\" NaN")));
    assert_eq!(value.python_repr(), "[nan, -inf, inf, inf, {'x': nan}]");
    assert_eq!(graph.nodes[0].default_inputs[1].1, Value::Float(1.5));
    assert_eq!(parse_value("-Infinity", Format::Json).unwrap(), Value::Float(f64::NEG_INFINITY));
    for wrong in [
        "NaN5",
        "-NaN",
        "5NaN",
        "{NaN: 1}",
        "+Infinity",
        "1e-Infinity",
        "1.Infinity",
        "Infinityx",
        "nan",
        "[NaN",
        "\"NaN",
    ] {
        assert_eq!(parse_value(wrong, Format::Json).unwrap_err().type_name(), "EwoksDecodeError", "{wrong}");
    }
    let place = parse_value("[NaN,\n NaN 1]", Format::Json).unwrap_err().place().cloned().unwrap();
    assert_eq!((place.line, place.column), (2, 6));
}

#[test]
fn a_mistake_in_json_has_line_and_column() {
    for (text, at, what) in [
        ("", (1, 1), "the end of the text"),
        ("{ this", (1, 3), "'t'"),
        ("{\n  \"nodes\": [1,\n  }", (3, 3), "'}'"),
        ("{\"nodes\": [}", (1, 12), "'}'"),
        ("[1] x", (1, 5), "'x'"),
    ] {
        let error = load(text).unwrap_err();
        assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::Syntax, "EwoksDecodeError"), "{text}");
        assert_eq!(place(&error), at, "{text}: {error}");
        assert!(error.message().contains(what), "{error}");
        assert!(error.message().contains(&format!("line {} column {}", at.0, at.1)), "{error}");
    }
}

#[test]
fn a_mistake_in_yaml_has_line_and_column() {
    let error = load_text("nodes:\n  - [a\n", Format::Yaml, &LoadOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::Syntax, "EwoksDecodeError"));
    assert!(place(&error).0 > 1, "{error:?}");
}

#[test]
fn a_document_is_an_object() {
    refused("[]", "TypeError", "graph must be a dictionary, found list");
    refused("{}", "ValueError", "the graph needs an 'id' for execution events");
    assert!(load(r#"{"nodes": []}"#).unwrap().nodes.is_empty());
    assert_eq!(load(r#"{"graph": {"id": "g"}}"#).unwrap().label, "g");
}

#[test]
fn wrong_types_name_place_and_both_types() {
    for (text, message, at) in [
        (r#"{"nodes": {}}"#, "'nodes': expected a list, found object", (1, 11)),
        (r#"{"links": 1}"#, "'links': expected a list, found integer", (1, 11)),
        (r#"{"graph": []}"#, "'graph': expected an object, found list", (1, 11)),
        ("{\"nodes\": [\n [1]]}", "a node: expected an object, found list", (2, 2)),
        (
            r#"{"nodes": [{"id": 1.5}]}"#,
            "'id' of a node: expected a text, an integer or a list of two ids, found number",
            (1, 19),
        ),
        (
            r#"{"nodes": [{"id": "a", "default_inputs": {}}]}"#,
            "'default_inputs' of a node: expected a list, found object",
            (1, 42),
        ),
        (
            r#"{"nodes": [{"id": "a", "default_inputs": [{"name": true, "value": 1}]}]}"#,
            "'name' of a default input: expected a text or an integer, found boolean",
            (1, 52),
        ),
        (
            r#"{"nodes": [{"id": "a", "force_start_node": "yes"}]}"#,
            "'force_start_node' of a node: expected true or false, found text",
            (1, 44),
        ),
        (
            r#"{"links": [{"source": "a", "target": "b", "data_mapping": "x"}]}"#,
            "'data_mapping' of a link: expected a list, found text",
            (1, 59),
        ),
        (
            r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": {}}]}"#,
            "'task_identifier' of a node: expected a text, found object",
            (1, 66),
        ),
    ] {
        let error = refused(text, "TypeError", message);
        assert_eq!(place(&error), at, "{text}");
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let graph = load(r#"{"nodes": [], "nodes": [{"id": "x", "id": "a", "method": "m.f", "method": "m.g"}]}"#).unwrap();
    assert_eq!(ids(&graph), ["a"]);
    assert_eq!(graph.nodes[0].task_identifier.as_deref(), Some("m.g"));
}

#[test]
fn numbers_keep_their_digits() {
    let text = nodes(
        r#"{"id": "a", "method": "m.f", "default_inputs": [
            {"name": "big", "value": 123456789012345678901234567890}, {"name": 0, "value": 1e400},
            {"name": "x", "value": [1, 1.0, true, {"k": -0.5}]}]}"#,
    );
    let graph = load(&text).unwrap();
    let inputs = &graph.nodes[0].default_inputs;
    assert_eq!(inputs[0].1.python_repr(), "123456789012345678901234567890");
    assert_eq!(inputs[1], (Key::Position(0), Value::Float(f64::INFINITY)));
    assert_eq!(inputs[2].1.python_repr(), "[1, 1.0, True, {'k': -0.5}]");
}

#[test]
fn hostile_nesting_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = load(&nodes(&format!(r#"{{"id": "a", "conditions_else_value": {deep}}}"#))).unwrap_err();
    assert!(matches!(error.kind(), GraphErrorKind::TooDeep | GraphErrorKind::Syntax), "{error}");
    let error = load(&nodes(&format!(r#"{{"id": {deep}}}"#))).unwrap_err();
    assert!(matches!(error.kind(), GraphErrorKind::TooDeep | GraphErrorKind::Syntax), "{error}");
    let graphs = format!("{}{}", r#"{"nodes":[{"id":"s","graph":"#.repeat(200), r#"{"nodes":[]}"#) + &"}]}".repeat(200);
    let error = load(&graphs).unwrap_err();
    assert!(matches!(error.kind(), GraphErrorKind::TooDeep | GraphErrorKind::Syntax), "{error}");
    let error = load_text(&deep, Format::Yaml, &LoadOptions::default()).unwrap_err();
    assert_eq!(error.kind(), GraphErrorKind::Syntax);
}

#[test]
fn yaml_says_the_same() {
    let text = "
graph: {id: g, schema_version: 1.1}
nodes:
  - &a {id: a, task_type: method, task_identifier: m.f}
  - id: b
    method: m.g
    default_inputs:
      - {name: x, value: [1, 2.5, null, text, 123456789012345678901234567890]}
      - name: 1
        value: !!python/object/apply:os.system [ls]
links:
  - source: a
    target: b
    map_all_data: True
";
    let graph = load_text(text, Format::Yaml, &LoadOptions::default()).unwrap();
    assert_eq!(links(&graph), ["a->b"]);
    let inputs = &graph.nodes[1].default_inputs;
    assert_eq!(inputs[0].1.python_repr(), "[1, 2.5, None, 'text', 123456789012345678901234567890]");
    assert_eq!(inputs[1], (Key::Position(1), Value::list(["ls"])));
    assert_eq!((graph.nodes[1].place.line, graph.links[0].place.line), (5, 12));
}

#[test]
fn a_document_executes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let command = format!("touch {}", trace.display());
    for tag in [
        "!!python/object/apply:os.system",
        "!!python/object/new:os.system",
        "!<tag:yaml.org,2002:python/object/apply:os.system>",
    ] {
        let text =
            format!("nodes:\n- {{id: a, method: m.f, default_inputs: [{{name: x, value: {tag} ['{command}']}}]}}\n");
        let graph = load_text(&text, Format::Yaml, &LoadOptions::default()).unwrap();
        assert_eq!(*graph.nodes[0].default_inputs, [(Key::from("x"), Value::list([command.as_str()]))], "{tag}");
    }
    let text = format!(
        r#"{{"nodes": [{{"id": "a", "method": "os.system", "__reduce__": ["os.system", ["{command}"]],
        "default_inputs": [{{"name": "x", "value": {{"py/reduce": [{{"py/function": "os.system"}}, ["{command}"]]}}}}]}}]}}"#
    );
    assert!(load(&text).unwrap().nodes[0].default_inputs[0].1.as_map().is_some());
    assert!(!trace.exists());
}

#[test]
fn yaml_aliases_have_a_budget() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    let error = load_text(&text, Format::Yaml, &LoadOptions::default()).unwrap_err();
    assert_eq!(error.kind(), GraphErrorKind::Syntax);
}

#[test]
fn a_large_yaml_document_loads() {
    let mut text = String::from("nodes:\n");
    for node in 0..100_000 {
        writeln!(text, "- {{id: {node}, method: m.f}}").unwrap();
    }
    let graph = load_text(&text, Format::Yaml, &LoadOptions::default()).unwrap();
    assert_eq!(graph.nodes.len(), 100_000);
    assert_eq!(graph.nodes[99_999].id, NodeId::Int(99_999));
}

/// As Python takes them.
#[test]
fn numbers_are_truths() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "m.f", "force_start_node": 1},
        {"id": "b", "task_type": "method", "task_identifier": "m.f", "force_start_node": 0}],
        "links": [{"source": "a", "target": "b", "map_all_data": 1, "on_error": 0.0, "required": 1}]}"#;
    let graph = load_text(text, Format::Json, &LoadOptions::default()).unwrap();
    let link = &graph.links[0];
    assert_eq!((link.map_all_data, link.on_error, link.required), (true, false, true));
    assert_eq!(graph.start_nodes, [0]);
}
