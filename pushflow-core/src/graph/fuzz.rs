//! The door for the fuzz targets: what has to hold for any text. No part of the interface.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::check::{TaskTypes, flow};
use super::draw::Diagram;
use super::{
    Format, Graph, LoadOptions, Node, Outline, Resolved, free_inputs, load_text, newest, parse_inputs, parse_value,
    write,
};
use crate::engine::{RunOptions, Status, compile};
use crate::payload::Payload;
use crate::task::{Context, Task};
use crate::{Outcome, TaskError};

/// Executions per node after which a run ends that would go on.
const MOST: u64 = 3;

/// Loads a text as a workflow; what can be loaded is whole, means the same when it is written again, and runs to an end.
///
/// The first byte says what the text is written in.
pub fn document(input: &[u8]) {
    let Some((format, text)) = text(input) else { return };
    let graph = match load_text(text, format, &options()) {
        Ok(graph) => graph,
        Err(error) => {
            assert!(!error.message().is_empty() || error.type_name() == "EwoksDecodeError", "an error says something");
            // YAML has more ends of lines than JSON.
            let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
            let lines = text.matches(ends).count() + 2;
            assert!(
                error.place().is_none_or(|place| place.line as usize <= lines),
                "{error} is at {:?}",
                error.place()
            );
            return;
        }
    };
    check_whole(&graph);
    let shape = serde_json::to_string(&Outline(&graph)).expect("a shape can be written");
    serde_json::to_string(&Resolved(&graph)).expect("a workflow can be written");
    flow(&graph, &TaskTypes);
    free_inputs(&graph, &TaskTypes);
    if graph.nodes.len() < 200 && graph.links.len() < 200 {
        let diagram = Diagram::of(&graph);
        diagram.to_dot();
        diagram.to_mermaid();
        let svg = diagram.to_svg().expect("it is small");
        assert!(!svg.contains("NaN"), "everything has a place");
    }
    let value = parse_value(text, format).expect("what can be loaded can be read");
    for again in [Format::Json, Format::Yaml] {
        // JSON has no infinities, YAML no integers of any size.
        let Ok(written) = write(&newest(&value), again) else { continue };
        let graph = load_text(&written, again, &options()).unwrap_or_else(|error| panic!("{error} in {written}"));
        let second = serde_json::to_string(&Outline(&graph)).expect("a shape can be written");
        assert_eq!(second, shape, "{written}");
    }
    run(&graph);
}

/// Reads a text as inputs.
pub fn inputs(input: &[u8]) {
    let Some((format, text)) = text(input) else { return };
    let Ok(inputs) = parse_inputs(text, format) else { return };
    let workflow = r#"{"nodes": [{"id": "a", "method": "m.f"}, {"id": "b", "method": "m.g"}], "links": [{"source": "a", "target": "b"}]}"#;
    if let Ok(graph) = load_text(workflow, Format::Json, &LoadOptions { inputs, ..options() }) {
        check_whole(&graph);
        run(&graph);
    }
}

fn text(input: &[u8]) -> Option<(Format, &str)> {
    let (format, text) = input.split_first()?;
    // Texts name files, and none of this machine is to be read.
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains('/'))?;
    Some((if format % 2 == 0 { Format::Json } else { Format::Yaml }, text))
}

fn options() -> LoadOptions {
    LoadOptions { root_dir: Some(PathBuf::from("/nonexistent/folder")), ..LoadOptions::default() }
}

fn check_whole(graph: &Graph) {
    let count = graph.nodes.len();
    assert!(graph.links.iter().all(|link| link.source < count && link.target < count));
    let ends: HashSet<(usize, usize)> = graph.links.iter().map(|link| (link.source, link.target)).collect();
    assert_eq!(ends.len(), graph.links.len(), "parallel links are one");
    let ids: HashSet<_> = graph.nodes.iter().map(|node| &node.id).collect();
    assert_eq!(ids.len(), count, "ids are unique");
    assert!(graph.start_nodes.iter().chain(&graph.end_nodes).all(|node| *node < count));
    assert!(count == 0 || !(graph.start_nodes.is_empty() || graph.end_nodes.is_empty()));
}

/// Runs a workflow in place; every third node fails, the others return their inputs.
fn run(graph: &Graph) {
    if graph.nodes.len() > 100 || graph.links.len() > 300 {
        return;
    }
    let mut count = 0;
    let numbers = std::cell::RefCell::new(&mut count);
    let resolve = |_: &Node| -> Result<Arc<dyn Task>, TaskError> {
        let mut numbers = numbers.borrow_mut();
        **numbers += 1;
        let fails = **numbers % 3 == 0;
        Ok(Arc::new(move |inputs: &Payload, _: &Context<'_>| -> Outcome {
            if fails { Err(TaskError::message("no")) } else { Ok(inputs.clone()) }
        }))
    };
    let Ok(network) = compile(graph, &resolve) else { return };
    // Delays between tries are as long as the text says.
    let bounded = |settings: &super::Settings| settings.backoff.is_none() && settings.retries.unwrap_or(0) < 10;
    if graph.nodes.iter().any(|node| node.settings.as_ref().is_some_and(|settings| !bounded(settings))) {
        return;
    }
    let report = network.run_in_place(RunOptions::default().max_iterations(Some(MOST)));
    assert!(matches!(report.status, Status::Finished | Status::Failed));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs that once failed are seeds, too.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let seeds: Vec<Vec<u8>> = files.collect();
        assert!(!seeds.is_empty(), "{}", folder.display());
        seeds
    }

    #[test]
    fn seeds_of_documents_hold() {
        for seed in seeds("documents") {
            document(&seed);
            // Cut anywhere, it is no document or one that holds.
            (0..seed.len()).for_each(|end| document(&seed[..end]));
        }
    }

    #[test]
    fn seeds_of_inputs_hold() {
        seeds("inputs").iter().for_each(|seed| inputs(seed));
    }
}
