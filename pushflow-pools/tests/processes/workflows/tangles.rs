//! Workflows of any links between a few nodes, loops among them: what is executed may depend on the order of ends.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tasks::{ADD, FAIL, PANIC, RETRY};

const NODES: usize = 6;

#[derive(Clone, Debug)]
pub(super) struct Node {
    task: &'static str,
    force_start: bool,
    else_value: Option<i8>,
    default_error: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    source: usize,
    target: usize,
    data: Data,
    required: Option<bool>,
    cached: bool,
    when: When,
}

#[derive(Clone, Copy, Debug)]
enum Data {
    Nothing,
    All,
    Named,
    /// To a positional input.
    Position(u8),
    /// To an input that others bring, too.
    Shared,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Error,
    Odd(bool),
    Third(Option<i8>),
    /// Two conditions.
    Both(bool, Option<i8>),
}

/// Nodes, and links between them. Two links of the same nodes may be one.
pub(super) fn tangles() -> impl Strategy<Value = (Vec<Node>, Vec<Link>)> {
    let task = prop_oneof![6 => Just(ADD), 1 => Just(FAIL), 1 => Just(PANIC), 1 => Just(RETRY)];
    let rarely = || prop::bool::weighted(0.1);
    let node = (task, rarely(), prop::option::weighted(0.2, 0_i8..3), rarely()).prop_map(
        |(task, force_start, else_value, default_error)| Node { task, force_start, else_value, default_error },
    );
    let data = prop_oneof![
        1 => Just(Data::Nothing),
        1 => Just(Data::All),
        4 => Just(Data::Named),
        1 => (0_u8..3).prop_map(Data::Position),
        1 => Just(Data::Shared),
    ];
    let third = || prop::option::of(0_i8..3);
    let when = prop_oneof![
        4 => Just(When::Always),
        1 => Just(When::Error),
        1 => any::<bool>().prop_map(When::Odd),
        1 => third().prop_map(When::Third),
        1 => (any::<bool>(), third()).prop_map(|(odd, third)| When::Both(odd, third)),
    ];
    let required = prop_oneof![4 => Just(None), 1 => Just(Some(true)), 2 => Just(Some(false))];
    let link = (0..NODES, 0..NODES, data, required, any::<bool>(), when).prop_map(
        |(source, target, data, required, cached, when)| Link { source, target, data, required, cached, when },
    );
    (prop::collection::vec(node, NODES), prop::collection::vec(link, 0..9))
}

/// Writes them as a document, which need not be a valid workflow.
pub(super) fn document(nodes: &[Node], links: &[Link]) -> String {
    let nodes: Vec<Value> = nodes.iter().enumerate().map(|(index, node)| node.write(index)).collect();
    let links: Vec<Value> = links.iter().map(Link::write).collect();
    json!({"nodes": nodes, "links": links}).to_string()
}

impl Node {
    fn write(&self, index: usize) -> Value {
        let mut node = json!({
            "id": format!("n{index}"), "task_type": "simple", "task_identifier": self.task,
            "default_inputs": [{"name": "own", "value": index}, {"name": 0, "value": 7}],
        });
        if self.task == RETRY {
            node["pushflow"] = json!({"retries": 1});
        }
        if self.force_start {
            node["force_start_node"] = json!(true);
        }
        if let Some(value) = self.else_value {
            node["conditions_else_value"] = json!(value);
        }
        if self.default_error {
            node["default_error_node"] = json!(true);
        }
        node
    }
}

impl Link {
    fn write(&self) -> Value {
        let mut link = json!({"source": format!("n{}", self.source), "target": format!("n{}", self.target)});
        let mapped = |target: Value| json!([{"source_output": "sum", "target_input": target}]);
        match self.data {
            Data::Nothing => {}
            Data::All => link["map_all_data"] = json!(true),
            Data::Named => link["data_mapping"] = mapped(json!(format!("from{}", self.source))),
            Data::Position(position) => link["data_mapping"] = mapped(json!(position)),
            Data::Shared => link["data_mapping"] = mapped(json!("shared")),
        }
        if let Some(required) = self.required {
            link["required"] = json!(required);
        }
        if self.cached {
            link["cache_if_optional"] = json!(true);
        }
        let odd = |value: bool| json!({"source_output": "odd", "value": value});
        let third = |value: Option<i8>| json!({"source_output": "third", "value": value});
        match self.when {
            When::Always => {}
            When::Error => {
                link["on_error"] = json!(true);
                // The payload has no outputs.
                if let Value::Object(link) = &mut link
                    && link.remove("data_mapping").is_some()
                {
                    link.insert("map_all_data".to_owned(), json!(true));
                }
            }
            When::Odd(value) => link["conditions"] = json!([odd(value)]),
            When::Third(value) => link["conditions"] = json!([third(value)]),
            When::Both(first, second) => link["conditions"] = json!([odd(first), third(second)]),
        }
        link
    }
}
