//! Loading of workflow documents: what they may contain, what is refused, and where the mistake is.

use std::fmt::Write;
use std::path::Path;

use pushflow_core::graph::{
    Format, Graph, GraphError, GraphErrorKind, Input, LoadOptions, NodeId, Resolved, TaskType, load_file, load_inputs,
    load_text, parse_inputs,
};
use pushflow_core::{Key, Value};

fn load(text: &str) -> Result<Graph, GraphError> {
    load_text(text, Format::Json, &LoadOptions::default())
}

fn load_with(text: &str, inputs: Vec<Input>) -> Result<Graph, GraphError> {
    load_text(text, Format::Json, &LoadOptions { inputs, ..LoadOptions::default() })
}

/// A document with method nodes `ids` and the links of a JSON text.
fn document(ids: &[&str], links: &str) -> String {
    let nodes: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id": "{id}", "task_type": "method", "task_identifier": "m.f"}}"#)).collect();
    format!(r#"{{"nodes": [{}], "links": [{links}]}}"#, nodes.join(", "))
}

/// A document of a list of nodes.
fn nodes(nodes: &str) -> String {
    format!(r#"{{"nodes": [{nodes}]}}"#)
}

#[track_caller]
fn refused(text: &str, type_name: &str, message: &str) -> GraphError {
    let error = load(text).expect_err(text);
    assert_eq!((error.type_name(), error.message()), (type_name, message), "{text}");
    assert_eq!(error.to_string(), message);
    error
}

fn place(error: &GraphError) -> (u32, u32) {
    let place = error.place().expect("the error has a place");
    (place.line, place.column)
}

fn links(graph: &Graph) -> Vec<String> {
    let end = |node: usize| graph.nodes[node].id.to_string();
    graph.links.iter().map(|link| format!("{}->{}", end(link.source), end(link.target))).collect()
}

fn ids(graph: &Graph) -> Vec<String> {
    graph.nodes.iter().map(|node| node.id.to_string()).collect()
}

fn resolved(graph: &Graph) -> serde_json::Value {
    serde_json::to_value(Resolved(graph)).expect("a graph is plain data")
}

const NO_TASK: &str =
    "requires the 'class', 'method', 'ppfmethod', 'ppfport', 'script', 'notebook', 'task', 'task_type' or 'graph' key";

mod syntax {
    use super::*;

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
        let graph =
            load(r#"{"nodes": [], "nodes": [{"id": "x", "id": "a", "method": "m.f", "method": "m.g"}]}"#).unwrap();
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
        let graphs =
            format!("{}{}", r#"{"nodes":[{"id":"s","graph":"#.repeat(200), r#"{"nodes":[]}"#) + &"}]}".repeat(200);
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
}

mod node {
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
        refused(
            &document(&["a"], r#"{"source": "nope", "target": "a"}"#),
            "ValueError",
            &format!("Task 'nope' {NO_TASK}"),
        );
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
}

mod link {
    use super::*;

    fn refused_link(attributes: &str, type_name: &str, message: &str) {
        let text = document(&["a", "b"], &format!(r#"{{"source": "a", "target": "b", {attributes}}}"#));
        let error = refused(&text, type_name, message);
        assert_eq!(place(&error).0, 1);
    }

    #[test]
    fn attributes_that_are_refused() {
        refused(&document(&["a"], r#"{"target": "a"}"#), "KeyError", "'source'");
        refused(&document(&["a"], r#"{"source": "a"}"#), "KeyError", "'target'");
        refused_link(
            r#""map_all_data": true, "data_mapping": [{"source_output": "x", "target_input": "y"}]"#,
            "ValueError",
            "Link a->b: 'map_all_data' and 'data_mapping' cannot be used together",
        );
        refused_link(
            r#""on_error": true, "conditions": [{"source_output": "x", "value": 1}]"#,
            "ValueError",
            "Link a->b: 'on_error' and 'conditions' cannot be used together",
        );
        refused_link(
            r#""data_mapping": [{"source_output": "x"}]"#,
            "KeyError",
            r#""Argument '{'source_output': 'x'}' of link 'a' -> 'b' is missing a 'target_input' key""#,
        );
        refused_link(r#""required": false, "data_mapping": [{"source_output": "x"}]"#, "KeyError", "'target_input'");
        refused_link(r#""data_mapping": [{"target_input": "x"}]"#, "KeyError", "'source_output'");
        refused_link(r#""conditions": [{"source_output": "x"}]"#, "KeyError", "'value'");
        refused_link(r#""conditions": [{"value": 1}]"#, "KeyError", "'source_output'");
        refused_link(r#""conditions": [{"source_output": "x", "value": []}]"#, "TypeError", "unhashable type: 'list'");
        refused_link(r#""conditions": [{"source_output": "x", "value": {}}]"#, "TypeError", "unhashable type: 'dict'");
    }

    #[test]
    fn two_required_links_to_one_input() {
        let mapped = |source: &str| {
            format!(
                r#"{{"source": "{source}", "target": "b", "data_mapping": [{{"source_output": "r", "target_input": "x"}}]}}"#
            )
        };
        refused(
            &document(&["a", "c", "b"], &format!("{}, {}", mapped("a"), mapped("c"))),
            "ValueError",
            "Node 'c' and 'a' both connect to the input 'x' of 'b'",
        );
        let twice = r#"{"source": "a", "target": "b", "data_mapping":
            [{"source_output": "r", "target_input": 0}, {"source_output": "s", "target_input": 0}]}"#;
        refused(&document(&["a", "b"], twice), "ValueError", "Node 'a' and 'a' both connect to the input 0 of 'b'");
        let optional = mapped("c").replace(r#""target""#, r#""required": false, "target""#);
        assert!(load(&document(&["a", "c", "b"], &format!("{}, {optional}", mapped("a")))).is_ok());
    }

    #[test]
    fn negative_positions_carry_nothing() {
        let text = r#"{"source": "a", "target": "b", "data_mapping":
            [{"source_output": "r", "target_input": -1}, {"source_output": "r", "target_input": 1}]}"#;
        let graph = load(&document(&["a", "b"], text)).unwrap();
        assert_eq!(graph.links[0].data_mapping.len(), 1);
        assert_eq!(graph.links[0].data_mapping[0].target_input, Key::Position(1));
    }

    #[test]
    fn parallel_links_are_one() {
        let graph = load(&document(
            &["a", "b"],
            r#"{"source": "a", "target": "b", "comment": {"k": {"x": 1}},
                "data_mapping": [{"source_output": "r", "target_input": "x"}]},
               {"source": "a", "target": "b", "comment": {"k": {"y": 1}},
                "data_mapping": [{"source_output": "r", "target_input": "y"}], "on_error": true},
               {"source": "a", "target": "b", "data_mapping": [{"source_output": "s", "target_input": "z"}]}"#,
        ))
        .unwrap();
        assert_eq!(graph.links.len(), 1);
        let link = &graph.links[0];
        assert_eq!((link.data_mapping.len(), link.on_error, link.required), (3, true, false));
        let twice = r#"{"source": "a", "target": "b", "data_mapping": [{"source_output": "r", "target_input": "x"}]}"#;
        let graph = load(&document(&["a", "b"], &format!("{twice}, {twice}"))).unwrap();
        assert_eq!(graph.links[0].data_mapping.len(), 1);
    }

    #[test]
    fn parallel_links_that_disagree() {
        for (one, other, at) in [
            (r#""required": true"#, r#""required": false"#, "required"),
            (r#""required": true, "on_error": true"#, r#""on_error": true, "required": null"#, "on_error.required"),
            (r#""map_all_data": true, "x": 1"#, r#""map_all_data": true, "x": 2"#, "map_all_data.x"),
            (r#""x": {"k": {"l": 1}}"#, r#""x": {"k": {"l": 2}}"#, "x.k.l"),
        ] {
            let text = format!(
                "{{\"source\": \"a\", \"target\": \"b\", {one}}},\n{{\"source\": \"a\", \"target\": \"b\", {other}}}"
            );
            let error = refused(&document(&["a", "b"], &text), "ValueError", &format!("Conflict at {at}"));
            assert_eq!(place(&error), (2, 1));
        }
    }
}

mod graph_attributes {
    use super::*;

    #[test]
    fn versions_and_direction() {
        for version in ["1.0", "1.1", "1.2"] {
            load(&format!(r#"{{"graph": {{"schema_version": "{version}"}}}}"#)).unwrap();
        }
        let error = refused(
            "{\"graph\":\n {\"schema_version\": \"99.0\"}}",
            "GraphSchemaError",
            "Graph schema version \"99.0\" is either invalid or requires a newer library version: python3 -m pip install --upgrade ewokscore",
        );
        assert_eq!(place(&error), (2, 21));
        refused(r#"{"graph": {"schema_version": "abc"}}"#, "InvalidVersion", "Invalid version: 'abc'");
        assert_eq!(load(r#"{"directed": false, "nodes": []}"#).unwrap_err().type_name(), "TypeError");
    }

    #[test]
    fn names() {
        let graph = load(r#"{"nodes": []}"#).unwrap();
        assert_eq!((graph.id.as_str(), graph.label.as_str()), ("notspecified", "notspecified"));
        let graph = load(r#"{"graph": {"id": "g", "label": "the graph"}}"#).unwrap();
        assert_eq!((graph.id.as_str(), graph.label.as_str()), ("g", "the graph"));
    }
}

mod files {
    use super::*;

    fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path
    }

    fn options(dir: &Path) -> LoadOptions {
        LoadOptions { root_dir: Some(dir.to_owned()), ..LoadOptions::default() }
    }

    #[test]
    fn names_with_and_without_ending() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "w.json", document(&["a"], ""));
        write(dir.path(), "y.yml", "nodes: [{id: b, method: m.f}]");
        write(dir.path(), "plain", document(&["c"], ""));
        for (name, id) in [("w.json", "a"), ("w", "a"), ("y", "b"), ("y.yml", "b"), ("plain", "c")] {
            assert_eq!(ids(&load_file(name, &options(dir.path())).unwrap()), [id]);
        }
    }

    #[test]
    fn files_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let fails = |name: &str| load_file(name, &options(dir.path())).unwrap_err();
        let error = fails("none.json");
        assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::FileNotFound, "FileNotFoundError"));
        assert_eq!(error.message(), dir.path().join("none.json").display().to_string());
        std::fs::create_dir(dir.path().join("d.json")).unwrap();
        assert_eq!(fails("d.json").type_name(), "IsADirectoryError");
        write(dir.path(), "empty.json", "");
        assert_eq!(fails("empty.json").type_name(), "EwoksDecodeError");
        let path = write(dir.path(), "latin.json", b"{\n \"\xff\": 1}");
        let error = fails("latin.json");
        assert_eq!((error.type_name(), place(&error)), ("EwoksDecodeError", (2, 3)));
        assert_eq!(error.place().unwrap().to_string(), format!("{}:2:3", path.display()));
    }

    #[test]
    fn a_file_that_contains_itself() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.json", nodes(r#"{"id": "s", "graph": "b.json"}"#));
        write(dir.path(), "b.json", nodes(r#"{"id": "s", "graph": "a.json"}"#));
        let error = load_file("a.json", &options(dir.path())).unwrap_err();
        assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::TooDeep, "RecursionError"));
        assert!(error.message().contains("b.json -> "), "{error}");
    }

    #[test]
    fn a_missing_sub_graph_is_reported_where_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.json", "{\"nodes\": [\n{\"id\": \"s\", \"graph\": \"none.json\"}]}");
        let error = load_file("a.json", &options(dir.path())).unwrap_err();
        assert_eq!(error.message(), dir.path().join("none.json").display().to_string());
        assert_eq!(place(&error), (2, 1));
    }

    #[test]
    fn one_file_for_several_nodes() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.json", nodes(r#"{"id": "s", "graph": "sub/b.json"}, {"id": "t", "graph": "sub/b"}"#));
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        write(dir.path(), "sub/b.json", document(&["n"], ""));
        let graph = load_file("a.json", &options(dir.path())).unwrap();
        assert_eq!(ids(&graph), ["s:n", "t:n"]);
        assert!(graph.nodes[0].place.path().unwrap().ends_with("sub/b.json"));
    }

    #[test]
    fn inputs_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "inputs.yaml", "- {id: [s, n], name: x, value: 1}");
        let expected = Input::of_node(NodeId::nested("s".into(), "n".into()), "x", 1);
        assert_eq!(load_inputs(path).unwrap(), [expected]);
    }
}

mod inputs {
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
        let error = parse_inputs(r#"[{"id": "a", "name": "x"}]"#, Format::Json).unwrap_err();
        assert_eq!(error.type_name(), "ValueError");
        assert_eq!(error.message(), "Missing required keys {'value'} in input item: {'id': 'a', 'name': 'x'}.");
        assert_eq!(parse_inputs("{}", Format::Json).unwrap_err().kind(), GraphErrorKind::Type);
    }
}

mod sub_graphs {
    use super::*;

    const INNER: &str = r#"{"graph": {"id": "inner",
        "input_nodes": [{"id": "in", "node": "n"}, {"id": "in", "node": "m"}],
        "output_nodes": [{"id": "out", "node": "m",
            "link_attributes": {"conditions": [{"source_output": "r", "value": 1}]}}]},
        "nodes": [{"id": "n", "method": "m.f", "default_inputs": [{"name": "p", "value": 1}, {"name": "q", "value": 2}]},
                  {"id": "m", "method": "m.f"}],
        "links": [{"source": "n", "target": "m"}]}"#;

    fn outer(attributes: &str, links: &str) -> String {
        format!(
            r#"{{"nodes": [{{"id": "s", "task_type": "graph", "task_identifier": {INNER}{attributes}}},
                {{"id": "a", "method": "m.f"}}, {{"id": "b", "method": "m.f"}}], "links": [{links}]}}"#
        )
    }

    #[test]
    fn expansion_order_and_ids() {
        let graph = load(&outer(
            "",
            r#"{"source": "a", "target": "s", "sub_target": "n"}, {"source": "a", "target": "b"},
               {"source": "s", "target": "b", "sub_source": "m"}"#,
        ))
        .unwrap();
        assert_eq!(ids(&graph), ["a", "b", "s:n", "s:m"]);
        assert_eq!(links(&graph), ["a->b", "s:n->s:m", "a->s:n", "s:m->b"]);
        assert_eq!(resolved(&graph)["nodes"][2]["id"], serde_json::json!(["s", "n"]));
        assert!(graph.warnings.is_empty());
    }

    #[test]
    fn aliases_fan_out_and_bring_attributes() {
        let graph = load(&outer(
            "",
            r#"{"source": "a", "target": "s", "sub_target": "in"}, {"source": "s", "target": "b", "sub_source": "out"}"#,
        ))
        .unwrap();
        assert_eq!(links(&graph), ["s:n->s:m", "a->s:n", "a->s:m", "s:m->b"]);
        assert_eq!(graph.links[3].conditions.len(), 1);
        let graph =
            load(&outer("", r#"{"source": "s", "target": "b", "sub_source": "out", "conditions": []}"#)).unwrap();
        assert!(graph.links[1].conditions.is_empty());
    }

    #[test]
    fn attributes_reach_all_input_nodes() {
        let graph =
            load(&outer(r#", "default_inputs": [{"name": "q", "value": 20}], "force_start_node": true"#, "")).unwrap();
        for node in &graph.nodes[2..] {
            assert_eq!(*node.default_inputs, [("q".into(), 20.into())]);
            assert!(node.force_start_node);
        }
        let link = r#"{"source": "a", "target": "s", "sub_target": "n",
            "sub_target_attributes": {"conditions_else_value": 5}}"#;
        let graph = load(&outer("", link)).unwrap();
        assert_eq!(graph.nodes[2].conditions_else_value, Value::Int(5));
        assert_eq!(graph.nodes[3].conditions_else_value, Value::Null);
    }

    #[test]
    fn a_link_without_inner_node_is_dropped_with_a_warning() {
        let graph = load(&outer("", "\n{\"source\": \"a\", \"target\": \"s\"}")).unwrap();
        assert_eq!(links(&graph), ["s:n->s:m"]);
        assert!(graph.warnings[0].message.contains("a->s"), "{}", graph.warnings[0]);
        assert_eq!(graph.warnings[0].place.column, 1);
    }

    #[test]
    fn links_that_are_refused() {
        for (link, message) in [
            (
                r#"{"source": "a", "target": "s", "sub_target": "x"}"#,
                "Target node ('s', 'x') of link |'a' -> ('s', 'x')| does not exist",
            ),
            (
                r#"{"source": "s", "target": "a", "sub_source": "x"}"#,
                "Source node ('s', 'x') of link |('s', 'x') -> 'a'| does not exist",
            ),
            (
                r#"{"source": "a", "target": "s", "sub_source": "x", "sub_target": "n"}"#,
                "'a' is not a graph so 'sub_source' should not be specified",
            ),
            (
                r#"{"source": "s", "target": "a", "sub_source": "n", "sub_target": "n"}"#,
                "'a' is not a graph so 'sub_source' should not be specified",
            ),
            (
                r#"{"source": "s", "target": "a", "sub_source": "n", "sub_target_attributes": {"label": "x"}}"#,
                "'a' is not a graph so 'sub_target_attributes' should not be specified",
            ),
            (
                r#"{"source": "s", "target": "s", "sub_source": "n"}"#,
                "the 'sub_target' attribute to specify a node in subgraph 's' is missing",
            ),
        ] {
            refused(&outer("", link), "ValueError", message);
        }
        let ignored = r#"{"source": "a", "target": "b", "sub_source": "x"}"#;
        assert!(load(&outer("", ignored)).is_ok());
    }

    #[test]
    fn sub_graphs_in_sub_graphs() {
        let middle = format!(
            r#"{{"graph": {{"input_nodes": [{{"id": "in", "node": "t", "sub_node": "in"}}],
                 "output_nodes": [{{"id": "out", "node": "t", "sub_node": "out", "link_attributes": {{"required": true}}}}]}},
                "nodes": [{{"id": "t", "graph": {INNER}}}, {{"id": "k", "method": "m.f"}}],
                "links": [{{"source": "t", "sub_source": "n", "target": "k"}}]}}"#
        );
        let text = format!(
            r#"{{"nodes": [{{"id": "s", "label": "labelled", "graph": {middle}, "default_inputs": [{{"name": "z", "value": 1}}]}},
                {{"id": "a", "method": "m.f"}}, {{"id": "b", "method": "m.f"}}],
               "links": [{{"source": "a", "target": "s", "sub_target": ["t", "m"]}},
                         {{"source": "s", "target": "b", "sub_source": "out"}}]}}"#
        );
        let graph = load(&text).unwrap();
        assert_eq!(ids(&graph), ["a", "b", "s:k", "s:t:n", "s:t:m"]);
        assert_eq!(links(&graph), ["s:t:n->s:t:m", "s:t:n->s:k", "a->s:t:m", "s:t:m->b"]);
        let out = &graph.links[3];
        assert!(out.required && out.conditions.len() == 1);
        assert_eq!(graph.nodes[3].id.python_repr(), "('s', ('t', 'n'))");
        assert_eq!(*graph.nodes[4].default_inputs, [("z".into(), 1.into())]);
    }

    #[test]
    fn parallel_links_to_a_sub_graph_are_joined() {
        let link = |name: &str| {
            format!(
                r#"{{"source": "a", "target": "s", "sub_target": "n", "data_mapping": [{{"source_output": "r", "target_input": "{name}"}}]}}"#
            )
        };
        let graph = load(&outer("", &format!("{}, {}", link("x"), link("y")))).unwrap();
        assert_eq!(links(&graph), ["s:n->s:m", "a->s:n"]);
        assert_eq!(graph.links[1].data_mapping.len(), 2);
    }

    #[test]
    fn a_sub_graph_is_checked_by_itself() {
        let text = nodes(r#"{"id": "s", "graph": {"graph": {"schema_version": "3"}}}"#);
        assert_eq!(load(&text).unwrap_err().type_name(), "GraphSchemaError");
        refused(
            &nodes(r#"{"id": "s", "graph": {"nodes": [{"id": "a"}]}}"#),
            "ValueError",
            &format!("Task 'a' {NO_TASK}"),
        );
    }
}

mod default_error_handlers {
    use super::*;

    /// `a -> b`, and handlers.
    fn workflow(handlers: &str, links: &str) -> String {
        format!(
            r#"{{"nodes": [{{"id": "a", "method": "m.f"}}, {{"id": "b", "method": "m.f"}}, {handlers}],
                "links": [{{"source": "a", "target": "b"}} {links}]}}"#
        )
    }

    const HANDLER: &str = r#"{"id": "h", "method": "m.h", "default_error_node": true}"#;

    #[test]
    fn connected_to_all_others() {
        let graph = load(&workflow(HANDLER, "")).unwrap();
        assert_eq!(links(&graph), ["a->b", "a->h", "b->h"]);
        assert!(graph.links[1..].iter().all(|link| link.on_error && link.map_all_data && !link.required));
        assert_eq!((graph.start_nodes, graph.end_nodes), (vec![0], vec![1, 2]));
    }

    #[test]
    fn nodes_with_a_handler_and_nodes_downstream_are_left_out() {
        let graph = load(&workflow(
            &format!(r#"{HANDLER}, {{"id": "after", "method": "m.f"}}, {{"id": "own", "method": "m.f"}}"#),
            r#", {"source": "h", "target": "after"}, {"source": "a", "target": "own", "on_error": true}"#,
        ))
        .unwrap();
        assert_eq!(links(&graph), ["a->b", "h->after", "a->own", "b->h", "own->h"]);
    }

    #[test]
    fn an_existing_link_turns_into_an_error_link() {
        let graph = load(&workflow(HANDLER, r#", {"source": "b", "target": "h"}"#)).unwrap();
        assert_eq!(links(&graph), ["a->b", "b->h", "a->h"]);
        assert!(graph.links[1].on_error && graph.links[1].map_all_data);
        refused(
            &workflow(
                HANDLER,
                r#", {"source": "b", "target": "h", "data_mapping": [{"source_output": "r", "target_input": "x"}]}"#,
            ),
            "ValueError",
            "Link b->h: 'map_all_data' and 'data_mapping' cannot be used together",
        );
    }

    #[test]
    fn attributes_of_the_handler() {
        let handler = HANDLER.replace(
            "true",
            r#"true, "default_error_attributes": {"data_mapping": [{"source_output": "WorkflowException", "target_input": "e"}]}"#,
        );
        let graph = load(&workflow(&handler, "")).unwrap();
        assert!(!graph.links[1].map_all_data && graph.links[1].data_mapping.len() == 1 && graph.links[1].on_error);
    }

    #[test]
    fn nothing_to_connect() {
        let text = format!(
            r#"{{"nodes": [{{"id": "a", "method": "m.f"}}, {HANDLER}], "links": [{{"source": "a", "target": "h", "on_error": true}}]}}"#
        );
        assert_eq!(links(&load(&text).unwrap()), ["a->h"]);
    }

    #[test]
    fn a_sub_graph_as_handler() {
        let sub = |aliases: &str| {
            format!(
                r#"{{"id": "s", "default_error_node": true, "graph": {{"graph": {{{aliases}}}, "nodes": [{{"id": "n", "method": "m.f"}}]}}}}"#
            )
        };
        let graph = load(&workflow(&sub(r#""input_nodes": [{"id": "in", "node": "n"}]"#), "")).unwrap();
        assert_eq!(links(&graph), ["a->b", "a->s:n", "b->s:n"]);
        assert_eq!(load(&workflow(&sub(""), "")).unwrap_err().kind(), GraphErrorKind::Conflict);
    }

    #[test]
    fn nodes_reached_through_outer_links_are_downstream() {
        let sub = r#"{"id": "s", "graph": {"nodes": [{"id": "n", "method": "m.f"}, {"id": "m", "method": "m.f"}],
                      "links": [{"source": "n", "target": "m"}]}}"#;
        let link = r#", {"source": "h", "target": "s", "sub_target": "n"}"#;
        let graph = load(&workflow(&format!("{HANDLER}, {sub}"), link)).unwrap();
        assert_eq!(links(&graph), ["a->b", "s:n->s:m", "h->s:n", "a->h", "b->h"]);
    }

    #[test]
    fn inner_handlers_come_first() {
        let sub = format!(r#"{{"id": "s", "graph": {{"nodes": [{{"id": "n", "method": "m.f"}}, {HANDLER}]}}}}"#);
        let graph = load(&workflow(&format!("{HANDLER}, {sub}"), "")).unwrap();
        assert_eq!(links(&graph), ["a->b", "s:n->s:h", "a->h", "b->h", "s:h->h"]);
    }
}
