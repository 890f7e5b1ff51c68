//! What a link may say.

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
    refused(
        &document(&["c", "a", "b"], &format!("{}, {}", mapped("a"), mapped("c"))),
        "ValueError",
        "Node 'a' and 'c' both connect to the input 'x' of 'b'",
    );
    let both =
        |source: &str| mapped(source).replace(r#""target""#, r#""map_all_data": true, "required": false, "target""#);
    refused(
        &document(&["c", "a", "b"], &format!("{}, {}", both("a"), both("c"))),
        "ValueError",
        "Link c->b: 'map_all_data' and 'data_mapping' cannot be used together",
    );
    let comments = r#"{"source": "a", "target": "b", "comment": "x"}, {"source": "a", "target": "b", "comment": "y"}"#;
    assert_eq!(load(&document(&["a", "b"], comments)).unwrap().links.len(), 1, "texts are joined, as sequences");
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

#[test]
fn a_link_to_nothing_says_what_was_meant() {
    let text = document(&["first", "second"], "\n{\"source\": \"first\", \"target\": \"secnod\"}");
    let error = load(&text).unwrap_err();
    assert!(error.message().starts_with("Task 'secnod' requires the 'class',"), "{error}");
    let hint = "there is no node 'secnod', only this link to or from it; did you mean 'second'?";
    assert_eq!((error.hint(), place(&error)), (Some(hint), (2, 1)));
}
