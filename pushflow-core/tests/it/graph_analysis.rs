//! What follows from the shape of a workflow: required links, cycles, start and end nodes.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use pushflow_core::graph::{Format, Graph, GraphError, GraphErrorKind, LoadOptions, Node, load_text};

/// What a link says: nothing, `required`, a condition, or `on_error`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Nothing,
    Required,
    NotRequired,
    Condition,
    OnError,
}

impl Said {
    fn attributes(self) -> &'static str {
        match self {
            Said::Nothing => "",
            Said::Required => r#", "required": true"#,
            Said::NotRequired => r#", "required": false"#,
            Said::Condition => r#", "conditions": [{"source_output": "r", "value": true}]"#,
            Said::OnError => r#", "on_error": true"#,
        }
    }

    fn is_seed(self) -> bool {
        matches!(self, Said::NotRequired | Said::Condition | Said::OnError)
    }
}

fn load(nodes: usize, links: &[(usize, usize, Said)], attributes: &str) -> Result<Graph, GraphError> {
    let node = |id: usize| format!(r#"{{"id": {id}, "task_type": "class", "task_identifier": "m.C"{attributes}}}"#);
    let nodes: Vec<String> = (0..nodes).map(node).collect();
    let link = |(source, target, said): &(usize, usize, Said)| {
        format!(r#"{{"source": {source}, "target": {target}{}}}"#, said.attributes())
    };
    let links: Vec<String> = links.iter().map(link).collect();
    let text = format!(r#"{{"nodes": [{}], "links": [{}]}}"#, nodes.join(","), links.join(","));
    load_text(&text, Format::Json, &LoadOptions::default())
}

fn required(nodes: usize, links: &[(usize, usize, Said)]) -> Vec<bool> {
    load(nodes, links, r#", "force_start_node": true"#)
        .expect("a workflow")
        .links
        .iter()
        .map(|link| link.required)
        .collect()
}

/// Section by section what the rule says: an unspecified link is required unless a seed leads into its source or into an
/// ancestor of its source.
fn naive(nodes: usize, links: &[(usize, usize, Said)]) -> Vec<bool> {
    let mut ancestor = vec![vec![false; nodes]; nodes];
    for (node, ancestors) in ancestor.iter_mut().enumerate() {
        ancestors[node] = true;
    }
    loop {
        let before = ancestor.clone();
        for (source, target, _) in links {
            let upstream = ancestor[*source].clone();
            for (known, new) in ancestor[*target].iter_mut().zip(upstream) {
                *known |= new;
            }
        }
        if before == ancestor {
            break;
        }
    }
    let is_seeded = |node: usize| links.iter().any(|(_, target, said)| said.is_seed() && ancestor[node][*target]);
    links
        .iter()
        .map(|(source, _, said)| match said {
            Said::Required => true,
            Said::Nothing => !is_seeded(*source),
            _ => false,
        })
        .collect()
}

/// Whether a cycle has required links only.
fn has_required_cycle(nodes: usize, links: &[(usize, usize, Said)], required: &[bool]) -> bool {
    let mut alive = vec![true; nodes];
    loop {
        let waits = |node: usize| {
            links
                .iter()
                .zip(required)
                .any(|((source, target, _), required)| *required && *target == node && alive[*source])
        };
        let Some(free) = (0..nodes).find(|node| alive[*node] && !waits(*node)) else { break };
        alive[free] = false;
    }
    alive.contains(&true)
}

fn links() -> impl Strategy<Value = (usize, Vec<(usize, usize, Said)>)> {
    let said = prop_oneof![
        6 => Just(Said::Nothing),
        1 => Just(Said::Required),
        1 => Just(Said::NotRequired),
        1 => Just(Said::Condition),
        1 => Just(Said::OnError),
    ];
    (1_usize..9).prop_flat_map(move |nodes| {
        let link = (0..nodes, 0..nodes, said.clone());
        prop::collection::vec(link, 0..16).prop_map(move |mut links| {
            links.sort_by_key(|(source, target, _)| (*source, *target));
            links.dedup_by_key(|(source, target, _)| (*source, *target));
            (nodes, links)
        })
    })
}

proptest! {
    #[test]
    fn required_links_are_those_of_the_definition((nodes, links) in links()) {
        let expected = naive(nodes, &links);
        // The first node can end and all nodes start, so that only a cycle can be refused.
        let mut with_end = links.clone();
        with_end.push((0, nodes, Said::OnError));
        match load(nodes + 1, &with_end, r#", "force_start_node": true"#) {
            Ok(graph) => {
                let found: Vec<bool> = graph.links.iter().map(|link| link.required).collect();
                prop_assert_eq!(&found[..links.len()], &expected[..]);
                prop_assert!(!has_required_cycle(nodes, &links, &expected));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), GraphErrorKind::Cycle);
                prop_assert!(has_required_cycle(nodes, &links, &expected), "{}", error);
            }
        }
    }

    #[test]
    fn joining_parallel_links_keeps_every_mapping(names in prop::collection::vec("[a-d]{1,3}", 1..8)) {
        let entry = |name: &String| format!(
            r#"{{"source": "a", "target": "b", "required": false, "data_mapping": [{{"source_output": "r", "target_input": "{name}"}}]}}"#
        );
        let links: Vec<String> = names.iter().map(entry).collect();
        let text = format!(
            r#"{{"nodes": [{{"id": "a", "method": "m.f"}}, {{"id": "b", "method": "m.f"}}], "links": [{}]}}"#,
            links.join(", ")
        );
        let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
        prop_assert_eq!(graph.links.len(), 1);
        for name in &names {
            prop_assert!(graph.links[0].data_mapping.iter().any(|mapping| mapping.target_input == name.as_str().into()));
        }
    }
}

#[test]
fn everything_below_a_condition_is_optional() {
    // 0 -c-> 1 -> 3, 0 -c-> 2 -> 3 -> 4
    let links = [
        (0, 1, Said::Condition),
        (0, 2, Said::Condition),
        (1, 3, Said::Nothing),
        (2, 3, Said::Required),
        (3, 4, Said::Nothing),
    ];
    assert_eq!(required(5, &links), [false, false, false, true, false]);
}

#[test]
fn a_cycle_that_can_never_run_is_refused() {
    // 0 -> 1 -> 2 -> 1
    let error = load(3, &[(0, 1, Said::Nothing), (1, 2, Said::Nothing), (2, 1, Said::Nothing)], "").unwrap_err();
    assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::Cycle, "RecursionError"));
    assert!(error.message().contains("1 -> 2 -> 1") || error.message().contains("2 -> 1 -> 2"), "{error}");
    assert!(error.place().is_some());
    let error = load(2, &[(0, 0, Said::Nothing), (0, 1, Said::Nothing)], "").unwrap_err();
    assert_eq!(error.kind(), GraphErrorKind::Cycle);
    assert!(
        load(3, &[(0, 1, Said::Nothing), (1, 2, Said::Nothing), (2, 1, Said::NotRequired), (2, 0, Said::OnError)], "")
            .is_err()
    );
    let open = [(0, 1, Said::Nothing), (1, 2, Said::Nothing), (2, 1, Said::Condition), (1, 3, Said::Condition)];
    assert!(load(4, &open, "").is_ok());
}

#[test]
fn start_nodes() {
    let graph = load(3, &[(0, 1, Said::Nothing), (1, 2, Said::Nothing)], "").unwrap();
    assert_eq!(graph.start_nodes, [0]);
    let graph = load(3, &[(0, 1, Said::Nothing), (1, 2, Said::Nothing)], r#", "force_start_node": true"#).unwrap();
    assert_eq!(graph.start_nodes, [0, 1, 2]);
}

#[test]
fn class_nodes_start_when_nothing_else_does() {
    // 0 -c-> 1 -> 0, 1 -c-> 2
    let text = r#"{"graph": {"label": "the graph"}, "nodes": [{"id": 0, "class": "m.C"}, {"id": 1, "class": "m.D"}, {"id": 2, "class": "m.D"}],
        "links": [{"source": 0, "target": 1, "required": false}, {"source": 1, "target": 0, "required": false},
                  {"source": 1, "target": 2}]}"#;
    let error = load_text(text, Format::Json, &LoadOptions::default()).unwrap_err();
    assert_eq!((error.type_name(), error.message()), ("RuntimeError", "the graph has no start node"));
    let can_start: Arc<dyn Fn(&Node) -> bool + Send + Sync> = Arc::new(|node| !node.default_inputs.is_empty());
    let inputs = vec![
        pushflow_core::graph::Input::of_start_nodes("x", 1),
        pushflow_core::graph::Input::of_node(1, "x", 1),
        pushflow_core::graph::Input::of_start_nodes("y", 1),
    ];
    let options = LoadOptions { inputs, can_start: Some(can_start), ..LoadOptions::default() };
    let graph = load_text(text, Format::Json, &options).unwrap();
    assert_eq!(graph.start_nodes, [1]);
    assert_eq!((graph.nodes[0].default_inputs.len(), graph.nodes[1].default_inputs.len()), (0, 2));
}

#[test]
fn end_nodes_in_cycles_are_those_with_uncovered_conditions() {
    let load = |conditions: [&str; 2], else_value: &str| {
        let text = format!(
            r#"{{"nodes": [{{"id": 0, "method": "m.f", "force_start_node": true, "conditions_else_value": {else_value}}}, {{"id": 1, "method": "m.f"}}],
                "links": [{{"source": 0, "target": 1, "conditions": [{{"source_output": "r", "value": {}}}]}},
                          {{"source": 0, "target": 0, "conditions": [{{"source_output": "r", "value": {}}}]}},
                          {{"source": 1, "target": 0}}]}}"#,
            conditions[0], conditions[1]
        );
        load_text(&text, Format::Json, &LoadOptions::default()).map(|graph| graph.end_nodes)
    };
    assert_eq!(load(["true", "false"], "null"), Ok(vec![0]));
    assert_eq!(load(["1", "0.0"], "null"), Ok(vec![0]));
    assert_eq!(load(["\"a\"", "\"b\""], "null"), Ok(vec![0]));
    let error = load(["\"a\"", "\"b\""], "\"b\"").unwrap_err();
    assert_eq!((error.type_name(), error.message()), ("RuntimeError", "notspecified has no end node"));
    assert_eq!(load(["\"a\"", "null"], "null").unwrap_err().kind(), GraphErrorKind::NoEndNode);
    let twice = r#"true}, {"source_output": "r", "value": null"#;
    assert_eq!(load([twice, "null"], "null"), Ok(vec![0]), "what a later condition of the link replaces counts too");
}

fn chain(nodes: usize) -> String {
    let mut text = String::from(r#"{"nodes": ["#);
    for node in 0..nodes {
        let comma = if node > 0 { ",\n" } else { "" };
        write!(text, r#"{comma}{{"id": "n{node}", "task_type": "method", "task_identifier": "m.f"}}"#)
            .expect("a String takes everything");
    }
    text.push_str(r#"], "links": ["#);
    for node in 1..nodes {
        let comma = if node > 1 { ",\n" } else { "" };
        write!(text, r#"{comma}{{"source": "n{}", "target": "n{node}", "map_all_data": true}}"#, node - 1)
            .expect("a String takes everything");
    }
    text.push_str("]}");
    text
}

#[test]
fn long_chains_load_in_linear_time() {
    let time = |nodes: usize| {
        let text = chain(nodes);
        let start = Instant::now();
        let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
        assert_eq!((graph.links.len(), graph.links[nodes - 2].required), (nodes - 1, true));
        assert_eq!(graph.links[nodes - 2].place.line as usize, 2 * nodes - 2);
        start.elapsed()
    };
    let small = time(20_000);
    // Ten times the nodes: far below the hundred times of anything quadratic, and far above any disturbance.
    let large = time(200_000);
    assert!(large < small * 60 + std::time::Duration::from_secs(2), "{small:?}, {large:?}");
}
