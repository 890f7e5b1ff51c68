//! Workflows for people: their inputs, and how they are executed.

use std::collections::HashSet;
use std::fmt::Write;

use pushflow_core::graph::{FreeInput, Graph, Link, NodeId};
use pushflow_core::{Key, Value};
use serde::Serialize;

use super::harmless::harmless;
use super::plan::task;
use super::table::Table;

/// The table of the inputs that can be given.
pub(crate) fn inputs(graph: &Graph, inputs: &[FreeInput]) -> String {
    let label = harmless(&graph.label);
    if inputs.is_empty() {
        return format!("{label}: takes no inputs\n");
    }
    let mut table = Table::new(["node", "input", "value", "task", "option"]);
    for FreeInput { node, name, value } in inputs {
        let node = &graph.nodes[*node];
        let value = value.as_ref().map_or("(required)".to_owned(), json);
        let option = match &node.id {
            NodeId::Text(id) if !id.contains([':', '=']) => format!("-pn {}", quoted(&format!("{id}:{name}="))),
            _ => format!("-pl {}", quoted(&format!("{}:{name}=", node.label()))),
        };
        table.row([node.label().to_string(), name.to_string(), value, task(node), option]);
    }
    table.to_string()
}

/// A text as a shell takes it: with a value behind it, as one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The inputs for programs.
#[derive(Serialize)]
pub(crate) struct InputsView<'a> {
    id: &'a str,
    label: &'a str,
    inputs: Vec<InputView<'a>>,
}

#[derive(Serialize)]
struct InputView<'a> {
    id: &'a NodeId,
    label: String,
    name: NameView<'a>,
    required: bool,
    value: Option<&'a Value>,
    task_type: &'a str,
    task_identifier: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum NameView<'a> {
    Name(&'a str),
    Position(u64),
}

impl<'a> InputsView<'a> {
    pub(crate) fn new(graph: &'a Graph, inputs: &'a [FreeInput]) -> InputsView<'a> {
        let view = |input: &'a FreeInput| {
            let node = &graph.nodes[input.node];
            InputView {
                id: &node.id,
                label: node.label().to_string(),
                name: match &input.name {
                    Key::Name(name) => NameView::Name(name),
                    Key::Position(position) => NameView::Position(*position),
                },
                required: input.value.is_none(),
                value: input.value.as_ref(),
                task_type: node.task_type.as_str(),
                task_identifier: node.task_identifier.as_deref(),
            }
        };
        InputsView { id: &graph.id, label: &graph.label, inputs: inputs.iter().map(view).collect() }
    }
}

/// Nodes and links as they are executed.
pub(crate) fn resolved(graph: &Graph) -> String {
    let starts: HashSet<usize> = graph.start_nodes.iter().copied().collect();
    let ends: HashSet<usize> = graph.end_nodes.iter().copied().collect();
    let mut nodes = Table::new(["node", "label", "task", "start/end", "default inputs", "else"]);
    for (index, node) in graph.nodes.iter().enumerate() {
        let roles = [("start", starts.contains(&index)), ("end", ends.contains(&index))];
        let roles: Vec<&str> = roles.iter().filter(|(_, has)| *has).map(|(role, _)| *role).collect();
        let inputs: Vec<String> =
            node.default_inputs.iter().map(|(name, value)| format!("{name}={}", json(value))).collect();
        let otherwise =
            if node.conditions_else_value == Value::Null { String::new() } else { json(&node.conditions_else_value) };
        let label = node.label.as_deref().unwrap_or_default().to_owned();
        nodes.row([node.id.to_string(), label, task(node), roles.join(", "), inputs.join(" "), otherwise]);
    }
    let mut links = Table::new(["from", "to", "used", "waited for", "data"]);
    for link in &graph.links {
        let id = |node: usize| graph.nodes[node].id.to_string();
        let waited = if link.required {
            "yes"
        } else if link.cache_if_optional {
            "no, kept"
        } else {
            "no"
        };
        links.row([id(link.source), id(link.target), used(link), waited.to_owned(), data(link)]);
    }
    let mut text = nodes.to_string();
    if !graph.links.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{links}");
    }
    text
}

/// When a link is used.
pub(crate) fn used(link: &Link) -> String {
    if link.on_error {
        return "on error".to_owned();
    }
    let conditions = link.conditions.iter();
    let wanted = conditions.map(|condition| format!("{}={}", condition.source_output, json(&condition.value)));
    let wanted: Vec<String> = wanted.collect();
    if wanted.is_empty() { "always".to_owned() } else { wanted.join(" and ") }
}

/// What a link hands over.
fn data(link: &Link) -> String {
    if link.map_all_data {
        return "all".to_owned();
    }
    let mapping = link.data_mapping.iter().map(|map| format!("{}->{}", map.source_output, map.target_input));
    mapping.collect::<Vec<_>>().join(" ")
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pushflow_core::graph::{Format, LoadOptions, load_text};

    use super::*;

    fn load(nodes: &str, links: &str) -> Graph {
        let text = format!(r#"{{"graph": {{"id": "w"}}, "nodes": [{nodes}], "links": [{links}]}}"#);
        load_text(&text, Format::Json, &LoadOptions::default()).unwrap()
    }

    #[test]
    fn each_input_has_the_option_that_sets_it() {
        let nodes =
            r#"{"id": "a", "method": "m.f"}, {"id": "b:c", "label": "B", "method": "m.g"}, {"id": 3, "method": "m.h"}"#;
        let graph = load(nodes, "");
        let input = |node, name: Key, value| FreeInput { node, name, value };
        let free = [
            input(0, "x".into(), None),
            input(1, Key::Position(0), Some(Value::list([1]))),
            input(2, "y".into(), Some(Value::Null)),
        ];
        let expected = "\
node  input  value       task        option
a     x      (required)  method m.f  -pn a:x=
B     0      [1]         method m.g  -pl B:0=
3     y      null        method m.h  -pl 3:y=
";
        assert_eq!(inputs(&graph, &free), expected);
        assert_eq!(inputs(&graph, &[]), "w: takes no inputs\n");
    }

    #[test]
    fn an_option_is_one_word_for_a_shell() {
        assert_eq!(quoted("s:n:x="), "s:n:x=");
        assert_eq!(quoted("it's $HOME:x="), r"'it'\''s $HOME:x='");
    }

    #[test]
    fn nodes_and_links_are_shown_as_they_are_executed() {
        let nodes = r#"{"id": "a", "method": "m.f", "conditions_else_value": "*", "default_inputs": [{"name": "x", "value": "y"}]},
            {"id": "b", "label": "B", "method": "m.g"}, {"id": "c", "method": "m.h"}"#;
        let links = r#"
            {"source": "a", "target": "b", "map_all_data": true, "cache_if_optional": true,
             "conditions": [{"source_output": "o", "value": 1}, {"source_output": "p", "value": "*"}]},
            {"source": "a", "target": "c", "on_error": true},
            {"source": "b", "target": "c", "required": true, "data_mapping": [{"source_output": "o", "target_input": 0}]}"#;
        let expected = "\
node  label  task        start/end  default inputs  else
a            method m.f  start      x=\"y\"           \"*\"
b     B      method m.g
c            method m.h  end

from  to  used           waited for  data
a     b   o=1 and p=\"*\"  no, kept    all
a     c   on error       no
b     c   always         yes         o->0
";
        assert_eq!(resolved(&load(nodes, links)), expected);
        assert_eq!(
            resolved(&load(r#"{"id": "a", "method": "m.f"}"#, "")),
            "node  task        start/end\na     method m.f  start, end\n"
        );
    }
}
