//! Workflows in workflows.

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
    let graph = load(&outer("", r#"{"source": "s", "target": "b", "sub_source": "out", "conditions": []}"#)).unwrap();
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

/// Between two sub-graphs, a link is of the first of them: what the second hands down comes later.
#[test]
fn later_sub_graphs_overwrite_attributes_of_links() {
    let inner = r#"{"graph": {"input_nodes": [{"id": "in", "node": "n"}]}, "nodes": [{"id": "n", "method": "m.f"}]}"#;
    let link = r#""sub_source": "n", "sub_target": "in", "sub_target_attributes": {"conditions_else_value": "link"}"#;
    for (source, target, expected) in [("s", "t", "node"), ("a", "t", "link"), ("t", "s", "link")] {
        let link = link.replace(r#""sub_source": "n", "#, if source == "a" { "" } else { r#""sub_source": "n", "# });
        let text = format!(
            r#"{{"nodes": [{{"id": "a", "method": "m.f"}},
                           {{"id": "s", "graph": {inner}, "conditions_else_value": "node"}},
                           {{"id": "t", "graph": {inner}, "conditions_else_value": "node"}}],
                 "links": [{{"source": "{source}", "target": "{target}", {link}}}]}}"#
        );
        let graph = load(&text).unwrap();
        let id = NodeId::nested(target.into(), "n".into());
        let node = graph.nodes.iter().find(|node| node.id == id).unwrap();
        assert_eq!(node.conditions_else_value, Value::from(expected), "{source} -> {target}");
    }
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
    refused(&nodes(r#"{"id": "s", "graph": {"nodes": [{"id": "a"}]}}"#), "ValueError", &format!("Task 'a' {NO_TASK}"));
}
