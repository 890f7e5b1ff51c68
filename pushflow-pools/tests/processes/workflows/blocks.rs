//! [`Block`]: workflows that are put together so that no order of ends decides what is executed.
//!
//! Every block is entered at one node and left at one node. What is below a condition has optional links alone, each of which
//! executes the node that it leads to with its own data, so that a join below a condition is one execution for each branch.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tasks::{ADD, COUNT, COUNTERS, FAIL, PANIC, RETRY};

#[derive(Clone, Debug)]
pub(super) enum Block {
    /// One node, of a task.
    Task(&'static str),
    /// One after the other.
    Chain(Vec<Block>),
    /// All of them, and a node that waits for them.
    Fork(Vec<Block>),
    /// One of them by the value of an output, the last one for all other values; or, without else, by a boolean.
    Switch(Vec<Block>, Else),
    /// A task, and what is done when it fails; both go on at the same node.
    Try(&'static str, Box<Block>),
    /// Again and again, so many times.
    Loop(Box<Block>, u8),
    /// A workflow within the workflow; it may have a node for the errors of all others, and be given inputs.
    Sub(Box<Block>, bool, Option<i8>),
}

/// What stands for all other values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Else {
    Null,
    Star,
    /// Nothing does: two branches, by a boolean.
    Boolean,
}

pub(super) fn blocks() -> impl Strategy<Value = Block> {
    let task = prop_oneof![6 => Just(ADD), 1 => Just(FAIL), 1 => Just(PANIC), 1 => Just(RETRY)];
    let block = task.clone().prop_map(Block::Task).prop_recursive(3, 24, 3, move |inner| {
        let some = prop::collection::vec(inner.clone(), 2..4);
        let others = prop_oneof![Just(Else::Null), Just(Else::Star), Just(Else::Boolean)];
        let inner = inner.prop_map(Box::new);
        prop_oneof![
            2 => some.clone().prop_map(Block::Chain),
            2 => some.clone().prop_map(Block::Fork),
            2 => (some, others).prop_map(|(branches, others)| Block::Switch(branches, others)),
            1 => (task.clone(), inner.clone()).prop_map(|(task, handler)| Block::Try(task, handler)),
            1 => (inner.clone(), 0_u8..3).prop_map(|(body, rounds)| Block::Loop(body, rounds)),
            2 => (inner, any::<bool>(), any::<Option<i8>>())
                .prop_map(|(body, handled, input)| Block::Sub(body, handled, input)),
        ]
    });
    prop::collection::vec(block, 1..4).prop_map(Block::Chain)
}

/// Writes a block as a document, after a node where it starts. The number decides about what changes nothing: priorities.
pub(super) fn document(block: &Block, priorities: u64) -> String {
    let mut names = Names { next: 0, priorities };
    let mut graph = Graph::default();
    let start = graph.node(&mut names, ADD, &[]);
    let whole = graph.add(block, &mut names, Place { depth: 0, optional: false });
    graph.data(&start, &whole.entry, true, json!({}));
    graph.document().to_string()
}

/// The end of a link: a node, and the alias in it when it is a graph.
#[derive(Clone, Debug)]
struct End {
    node: String,
    alias: Option<&'static str>,
}

/// Where a block is.
#[derive(Clone, Copy)]
struct Place {
    /// In how many loops.
    depth: usize,
    /// Whether it is below an optional link.
    optional: bool,
}

struct Names {
    next: usize,
    priorities: u64,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Value>,
    links: Vec<Value>,
}

/// The ends of a block, and whether what follows is below an optional link.
struct Added {
    entry: End,
    exit: End,
    optional: bool,
}

impl Graph {
    fn document(self) -> Value {
        json!({"nodes": self.nodes, "links": self.links})
    }

    fn node(&mut self, names: &mut Names, task: &str, inputs: &[(&str, i64)]) -> End {
        let number = names.next;
        names.next += 1;
        let name = format!("{}{number}", task.trim_start_matches("workflow_"));
        let own = [("own", i64::try_from(number).unwrap())];
        let inputs: Vec<Value> =
            own.iter().chain(inputs).map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut node = json!({"id": name, "task_type": "simple", "task_identifier": task, "default_inputs": inputs});
        let mut settings = Map::new();
        if task == RETRY {
            settings.insert("retries".to_owned(), json!(1));
        }
        let priority = (names.priorities >> (number % 32 * 2)) & 3;
        if priority == 3 {
            settings.insert("priority".to_owned(), json!(number % 3));
        }
        if !settings.is_empty() {
            node["pushflow"] = Value::Object(settings);
        }
        self.nodes.push(node);
        End { node: name, alias: None }
    }

    fn link(&mut self, from: &End, to: &End, attributes: Value) {
        let mut link = json!({"source": from.node, "target": to.node});
        for (key, alias) in [("sub_source", from.alias), ("sub_target", to.alias)] {
            if let Some(alias) = alias {
                link[key] = json!(alias);
            }
        }
        if let (Value::Object(link), Value::Object(attributes)) = (&mut link, attributes) {
            link.extend(attributes);
        }
        self.links.push(link);
    }

    /// Links that bring data, and the counters of loops unless somebody else brings them.
    fn data(&mut self, from: &End, to: &End, counters: bool, mut attributes: Value) {
        let mut mapping = vec![json!({"source_output": "sum", "target_input": format!("from_{}", from.node)})];
        let counters = COUNTERS.iter().filter(|_| counters);
        mapping.extend(counters.map(|name| json!({"source_output": name, "target_input": name})));
        attributes["data_mapping"] = Value::Array(mapping);
        self.link(from, to, attributes);
    }

    fn add(&mut self, block: &Block, names: &mut Names, place: Place) -> Added {
        let Place { depth, optional } = place;
        match block {
            Block::Task(task) => {
                let node = self.node(names, task, &[]);
                Added { entry: node.clone(), exit: node, optional }
            }
            Block::Chain(blocks) => self.chain(blocks, names, place),
            Block::Fork(branches) => {
                let (head, join) = (self.node(names, ADD, &[]), self.node(names, ADD, &[]));
                let added: Vec<Added> = branches.iter().map(|branch| self.add(branch, names, place)).collect();
                // With one of them below a condition, none may be waited for.
                let below = added.iter().any(|branch| branch.optional);
                for (index, branch) in added.iter().enumerate() {
                    self.data(&head, &branch.entry, true, json!({}));
                    let attributes = if below { json!({"required": false}) } else { json!({}) };
                    self.data(&branch.exit, &join, below || index == 0, attributes);
                }
                Added { entry: head, exit: join, optional: below }
            }
            Block::Switch(branches, others) => {
                let (head, join) = (self.node(names, ADD, &[]), self.node(names, ADD, &[]));
                if let Else::Star = others {
                    self.nodes.iter_mut().filter(|node| node["id"] == json!(head.node)).for_each(|node| {
                        node["conditions_else_value"] = json!("*");
                    });
                }
                let place = Place { depth, optional: true };
                for (index, branch) in branches.iter().enumerate() {
                    let is_last = index + 1 == branches.len();
                    let (output, value) = match others {
                        Else::Boolean => ("odd", json!(index % 2 == 0)),
                        Else::Null if is_last => ("third", Value::Null),
                        Else::Star if is_last => ("third", json!("*")),
                        // Equal to the integer.
                        Else::Star => ("third", json!(index as f64)),
                        Else::Null => ("third", json!(index)),
                    };
                    let branch = self.add(branch, names, place);
                    let conditions = json!({"conditions": [{"source_output": output, "value": value}]});
                    self.data(&head, &branch.entry, true, conditions);
                    self.data(&branch.exit, &join, true, json!({"required": false}));
                }
                Added { entry: head, exit: join, optional: true }
            }
            Block::Try(task, handler) => {
                let (tried, join) = (self.node(names, task, &[]), self.node(names, ADD, &[]));
                let handler = self.add(handler, names, Place { depth, optional: true });
                self.data(&tried, &join, true, json!({"required": false}));
                // All that the task was given, and its error.
                self.link(&tried, &handler.entry, json!({"on_error": true, "map_all_data": true}));
                self.data(&handler.exit, &join, true, json!({"required": false}));
                Added { entry: tried, exit: join, optional: true }
            }
            Block::Loop(body, rounds) => {
                if depth == COUNTERS.len() {
                    return self.add(body, names, place);
                }
                let settings = [("depth", i64::try_from(depth).unwrap()), ("limit", i64::from(*rounds))];
                let (head, exit) = (self.node(names, COUNT, &settings), self.node(names, ADD, &[]));
                let body = self.add(body, names, Place { depth: depth + 1, optional: true });
                let when = |more: bool| json!({"conditions": [{"source_output": "more", "value": more}]});
                self.data(&head, &body.entry, true, when(true));
                // What was retained is of the round before; it is kept beside the data from outside.
                self.data(&body.exit, &head, true, json!({"required": false}));
                self.data(&head, &exit, true, when(false));
                Added { entry: head, exit, optional: true }
            }
            Block::Sub(body, handled, input) => self.sub(body, *handled, *input, names, place),
        }
    }

    fn chain(&mut self, blocks: &[Block], names: &mut Names, place: Place) -> Added {
        let mut whole: Option<Added> = None;
        for block in blocks {
            let optional = whole.as_ref().map_or(place.optional, |whole| whole.optional);
            let next = self.add(block, names, Place { optional, ..place });
            whole = Some(match whole {
                None => next,
                Some(whole) => {
                    self.data(&whole.exit, &next.entry, true, json!({}));
                    Added { entry: whole.entry, ..next }
                }
            });
        }
        whole.unwrap()
    }

    fn sub(&mut self, body: &Block, handled: bool, input: Option<i8>, names: &mut Names, place: Place) -> Added {
        let mut graph = Graph::default();
        let Added { entry, exit, optional } = graph.add(body, names, place);
        if handled {
            let handler = graph.node(names, ADD, &[]);
            let handler = graph.nodes.iter_mut().find(|node| node["id"] == json!(handler.node)).unwrap();
            handler["default_error_node"] = json!(true);
        }
        let alias = |id: &str, end: End| {
            let mut alias = json!({"id": id, "node": end.node});
            if let Some(inner) = end.alias {
                alias["sub_node"] = json!(inner);
            }
            json!([alias])
        };
        let mut document = graph.document();
        document["graph"] = json!({"id": "sub", "input_nodes": alias("in", entry), "output_nodes": alias("out", exit)});
        let name = format!("sub{}", names.next);
        names.next += 1;
        let mut node = json!({"id": name, "task_type": "graph", "task_identifier": document});
        if let Some(input) = input {
            node["default_inputs"] = json!([{"name": "own", "value": input}, {"name": "given", "value": input}]);
        }
        self.nodes.push(node);
        Added {
            entry: End { node: name.clone(), alias: Some("in") },
            exit: End { node: name, alias: Some("out") },
            optional,
        }
    }
}
