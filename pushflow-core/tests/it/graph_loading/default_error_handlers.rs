//! Handlers of all errors.

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
