//! The five graphs, as workflow documents and as plain vectors.

use std::fmt::Write;
use std::sync::Arc;

use pushflow_core::{Context, Outcome, Payload, Value};

use crate::peers::Plain;

/// A graph: nodes by number, links by their ends.
pub(crate) struct Shape {
    name: &'static str,
    nodes: usize,
    links: Vec<(usize, usize)>,
    /// Iterations of the loop, when it is one: node 0 counts, node 1 checks.
    iterations: Option<usize>,
}

impl Shape {
    /// `0 -> 1 -> 2 -> ...`
    pub(crate) fn chain(nodes: usize) -> Shape {
        Shape { name: "chain", nodes, links: (1..nodes).map(|node| (node - 1, node)).collect(), iterations: None }
    }

    /// One to all but two, and those to one.
    pub(crate) fn fan(nodes: usize) -> Shape {
        let last = nodes - 1;
        Shape {
            name: "fan",
            nodes,
            links: (1..last).flat_map(|node| [(0, node), (node, last)]).collect(),
            iterations: None,
        }
    }

    /// Layers of 100; each node has two or three links from the layer before, chosen by a fixed sequence.
    pub(crate) fn layered(nodes: usize) -> Shape {
        const WIDTH: usize = 100;
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).expect("it is below a usize")
        };
        let mut links = Vec::new();
        for node in WIDTH..nodes {
            let before = (node / WIDTH - 1) * WIDTH;
            let mut sources: Vec<usize> = (0..2 + next(2)).map(|_| before + next(WIDTH)).collect();
            sources.sort_unstable();
            sources.dedup();
            links.extend(sources.into_iter().map(|source| (source, node)));
        }
        Shape { name: "layered", nodes, links, iterations: None }
    }

    /// Each node has two below it.
    pub(crate) fn tree(nodes: usize) -> Shape {
        Shape { name: "tree", nodes, links: (1..nodes).map(|node| ((node - 1) / 2, node)).collect(), iterations: None }
    }

    /// Two nodes and a condition: half as many iterations as tasks.
    pub(crate) fn cycle(tasks: usize) -> Shape {
        Shape { name: "loop", nodes: 2, links: vec![(0, 1)], iterations: Some(tasks / 2) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Number of executions in one run.
    pub(crate) fn tasks(&self) -> usize {
        self.iterations.map_or(self.nodes, |iterations| 2 * iterations)
    }

    /// The second node of the loop: `again` until the count is reached.
    pub(crate) fn check(&self) -> impl Fn(&Payload, &Context<'_>) -> Outcome + Send + Sync + 'static {
        let tasks = i64::try_from(self.tasks()).expect("a number of tasks fits");
        move |inputs, _| {
            let count = inputs.get("count").and_then(Value::as_int).unwrap_or(0) + 1;
            let mut outputs = inputs.clone();
            outputs.insert("count", count);
            outputs.insert("again", count < tasks);
            Ok(outputs)
        }
    }

    /// The workflow document; all links pass all data on.
    pub(crate) fn document(&self) -> String {
        let mut text = String::from(r#"{"graph": {"id": "bench"}, "nodes": ["#);
        for node in 0..self.nodes {
            let task = if self.iterations.is_some() && node == 1 { "check" } else { "work" };
            let start = if self.iterations.is_some() && node == 0 { r#", "force_start_node": true"# } else { "" };
            let comma = if node == 0 { "" } else { "," };
            write!(text, r#"{comma}{{"id": "n{node}", "task_type": "simple", "task_identifier": "{task}"{start}}}"#)
                .expect("a String takes everything");
        }
        text.push_str(r#"], "links": ["#);
        let links = self.links.iter().map(|(source, target)| (source, target, ""));
        let back = self.iterations.map(|_| (&1, &0, r#", "conditions": [{"source_output": "again", "value": true}]"#));
        for (index, (source, target, more)) in links.chain(back).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(text, r#"{comma}{{"source": "n{source}", "target": "n{target}", "map_all_data": true{more}}}"#)
                .expect("a String takes everything");
        }
        text.push_str("]}");
        text
    }

    /// The graph as the peers get it.
    pub(crate) fn plain(&self) -> Arc<Plain> {
        Arc::new(Plain::new(self.nodes, &self.links, self.iterations))
    }
}
