//! Documents that are written again with the keys of the newest schema.

use pushflow_core::graph::{newest, parse_value, write};

use super::*;

const OLD: &str = r#"{"graph": {"id": "old", "schema_version": "1.0", "tool": {"x": 1}}, "zoom": 2,
    "nodes": [
        {"id": "a", "position": [1, 2], "method": "m.f", "default_inputs": [{"name": 0, "value": 123456789012345678901}]},
        {"id": "b", "ppfport": null, "task_identifier": "ignored"},
        {"id": "c", "task": "m.C", "task_generator": "m.g"},
        {"id": "a", "label": "later", "task_identifier": "ignored"},
        {"id": "s", "graph": {"nodes": [{"id": "n", "script": "echo"}], "links": []}},
        {"id": "t", "task_type": "graph", "task_identifier": {"nodes": [{"id": "n", "class": "m.C"}]}}],
    "links": [{"source": "a", "target": "b", "map_all_data": true, "color": "red"}]}"#;

fn shape(text: &str, format: Format) -> serde_json::Value {
    let graph = load_text(text, format, &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    resolved(&graph)
}

#[test]
fn deprecated_keys_become_new_ones_and_all_else_is_kept() {
    let new = newest(&parse_value(OLD, Format::Json).unwrap());
    let text = write(&new, Format::Json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!({"id": "old", "schema_version": "1.2", "tool": {"x": 1}});
    assert_eq!((&json["graph"], &json["zoom"]), (&expected, &2.into()));
    let nodes = json["nodes"].as_array().unwrap();
    let places = ["\"a\"", "position", "task_type", "task_identifier", "default_inputs"].map(|key| text.find(key));
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
    assert_eq!(nodes[1], serde_json::json!({"id": "b", "task_type": "ppfport"}));
    assert_eq!(
        (&nodes[2]["task_type"], &nodes[3]),
        (&"generated".into(), &serde_json::json!({"id": "a", "label": "later"}))
    );
    for inner in [&nodes[4], &nodes[5]] {
        assert_eq!(inner["task_identifier"]["graph"]["schema_version"], "1.2");
        assert!(inner["task_identifier"]["nodes"][0]["task_type"].is_string(), "{inner}");
    }
    assert!(text.contains("123456789012345678901"), "digits are kept");
}

#[test]
fn what_is_written_means_the_same() {
    let before = shape(OLD, Format::Json);
    let new = newest(&parse_value(OLD, Format::Json).unwrap());
    for format in [Format::Json, Format::Yaml] {
        let text = write(&new, format).unwrap();
        assert_eq!(shape(&text, format), before, "{text}");
        let again = newest(&parse_value(&text, format).unwrap());
        assert_eq!(write(&again, format).unwrap(), text, "once is enough");
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    let yaml =
        parse_value("nodes: [{id: a, method: m.f, default_inputs: [{name: x, value: .inf}]}]", Format::Yaml).unwrap();
    let error = write(&yaml, Format::Json).unwrap_err();
    assert_eq!(error.message(), "cannot be written as JSON, which has no inf");
    assert!(write(&yaml, Format::Yaml).unwrap().contains(".inf"));
    let huge = parse_value(&"9".repeat(50), Format::Json).unwrap();
    assert!(write(&huge, Format::Json).unwrap().contains(&"9".repeat(50)));
    assert!(write(&huge, Format::Yaml).unwrap_err().message().contains("at most 128 bits"));
}

/// In YAML `yes` is a truth value where one is expected; JSON has no such text.
#[test]
fn truth_values_of_yaml_are_written_as_such() {
    let yaml = "graph: {input_nodes: [{id: in, node: a, link_attributes: {required: no}}]}\n\
                nodes: [{id: a, method: m.f, force_start_node: yes}, {id: b, method: m.g, label: yes}]\n\
                links: [{source: a, target: b, map_all_data: On}]\n";
    let new = newest(&parse_value(yaml, Format::Yaml).unwrap());
    let text = write(&new, Format::Json).unwrap();
    assert_eq!(shape(&text, Format::Json), shape(yaml, Format::Yaml));
    assert!(text.contains("\"label\": \"yes\"") && text.contains("\"required\": false"), "{text}");
}
