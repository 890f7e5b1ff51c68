//! Mistakes in workflows that can be loaded.

use std::path::Path;

use pushflow_core::Key;
use pushflow_core::graph::check::{Finding, Interfaces, TaskTypes, flow, keys};
use pushflow_core::graph::{Format, LoadOptions, Node, can_start_by, load_text};

fn document(nodes: &[&str], links: &[&str]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("{{\"method\": \"m.f\", {node}}}")).collect();
    let links: Vec<String> = links
        .iter()
        .map(|link| {
            let (ends, more) = link.split_once(' ').unwrap_or((link, ""));
            let (source, target) = ends.split_once('>').unwrap();
            format!("{{\"source\": \"{source}\", \"target\": \"{target}\"{more}}}")
        })
        .collect();
    format!("{{\"nodes\": [{}],\n\"links\": [{}]}}", nodes.join(",\n"), links.join(",\n"))
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!(r#""id": "{id}""#)).collect()
}

fn found(nodes: &[String], links: &[&str]) -> Vec<String> {
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let graph = load_text(&document(&nodes, links), Format::Json, &LoadOptions::default()).unwrap();
    let kind = |finding: &Finding| {
        let node = finding.node.as_ref().map_or(String::new(), ToString::to_string);
        format!("{} {node}", finding.kind.name())
    };
    flow(&graph, &TaskTypes).iter().map(kind).collect()
}

const ONE: &str = r#", "conditions": [{"source_output": "return_value", "value": 1}]"#;
const TWO: &str = r#", "conditions": [{"source_output": "return_value", "value": 2}]"#;
const ELSE: &str = r#", "conditions": [{"source_output": "return_value", "value": null}]"#;

fn with(link: &str, attributes: &str) -> String {
    format!("{link} {attributes}")
}

fn links(links: &[(&str, &str)]) -> Vec<String> {
    links.iter().map(|(link, attributes)| with(link, attributes)).collect()
}

fn found_in(nodes: &[&str], all: &[(&str, &str)]) -> Vec<String> {
    let all = links(all);
    found(&ids(nodes), &all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn nothing_is_wrong_with_ordinary_workflows() {
    assert!(found_in(&["a", "b", "c"], &[("a>b", ""), ("a>c", "")]).is_empty());
    let until = [("a>b", ""), ("b>b", TWO), ("b>c", ONE)];
    assert!(found_in(&["a", "b", "c"], &until).is_empty(), "a loop with a way out");
    let diamond = [("a>b", ONE), ("a>c", TWO), ("b>d", ""), ("c>d", "")];
    assert!(found_in(&["a", "b", "c", "d"], &diamond).is_empty(), "below a condition links are optional");
}

#[test]
fn nodes_that_no_start_leads_to() {
    let island = [("a>b", ""), ("x>y", r#", "required": false"#), ("y>x", r#", "required": false"#), ("y>z", "")];
    assert_eq!(
        found_in(&["a", "b", "x", "y", "z"], &island),
        ["never_reached x", "never_reached y", "never_reached z"]
    );
    let blocked = [("a>b", ""), ("x>b", r#", "required": true"#), ("x>x", ELSE)];
    assert_eq!(found_in(&["a", "b", "x"], &blocked), ["never_reached b", "never_reached x"]);
}

#[test]
fn required_links_that_exclude_each_other() {
    let need = r#", "required": true"#;
    let both = [("a>b", ONE), ("a>c", TWO), ("b>d", need), ("c>d", need)];
    assert_eq!(found_in(&["a", "b", "c", "d"], &both), ["excluded d"]);
    let otherwise = [("a>b", ONE), ("a>c", ELSE), ("b>d", need), ("c>d", need), ("d>e", "")];
    assert_eq!(found_in(&["a", "b", "c", "d", "e"], &otherwise), ["excluded d"], "told once, at its cause");
    let error = [("a>b", ""), ("a>h", r#", "on_error": true"#), ("b>d", need), ("h>d", need)];
    assert_eq!(found_in(&["a", "b", "h", "d"], &error), ["excluded d"]);
    let far = [("a>b", ONE), ("a>c", TWO), ("b>x", ""), ("x>d", need), ("c>y", ""), ("y>d", need)];
    assert_eq!(found_in(&["a", "b", "c", "x", "y", "d"], &far), ["excluded d"]);
    let same = [("a>b", ONE), ("a>c", ONE), ("b>d", need), ("c>d", need)];
    assert!(found_in(&["a", "b", "c", "d"], &same).is_empty());
    let either = [("a>b", ONE), ("a>c", TWO), ("b>x", ""), ("c>x", ""), ("x>d", need), ("b>d", need)];
    assert!(found_in(&["a", "b", "c", "x", "d"], &either).is_empty(), "one of the ways to x agrees with b");
    // In a loop, other outputs come in the next round, and what is required is kept.
    let again = [("s>a", ""), ("a>a", ELSE), ("a>b", ONE), ("a>c", TWO), ("b>d", need), ("c>d", need)];
    assert!(found_in(&["s", "a", "b", "c", "d"], &again).is_empty());
}

#[test]
fn loops_without_a_way_out() {
    let plain = [("s>a", ""), ("a>b", ""), ("b>a", r#", "required": false"#), ("b>c", "")];
    assert_eq!(found_in(&["s", "a", "b", "c"], &plain), ["endless_loop a"]);
    let always = [("s>a", ""), ("a>a", ELSE), ("a>c", "")];
    assert_eq!(found_in(&["s", "a", "c"], &always), ["endless_loop a"], "else, and nothing else");
    let covered = [("s>a", ""), ("a>a", ELSE), ("a>b", ONE), ("b>a", ""), ("b>c", "")];
    assert_eq!(found_in(&["s", "a", "b", "c"], &covered), ["endless_loop a"], "both ways lead back");
    let out = [("s>a", ""), ("a>a", ELSE), ("a>c", ONE)];
    assert!(found_in(&["s", "a", "c"], &out).is_empty());
}

#[test]
fn outputs_that_a_task_does_not_have() {
    let mapping = |output: &str| format!(r#", "data_mapping": [{{"source_output": "{output}", "target_input": "x"}}]"#);
    let (bad, good) = (mapping("retrun_value"), mapping("return_value"));
    assert!(found_in(&["a", "b"], &[("a>b", &good)]).is_empty());
    assert_eq!(found_in(&["a", "b"], &[("a>b", &bad)]), ["unknown_output a"]);
    let on_error = |output: &str| format!("{}, \"on_error\": true", mapping(output));
    let given = [("a>b", good.as_str()), ("b>h", &on_error("x"))];
    assert!(found_in(&["a", "b", "h"], &given).is_empty(), "an input that came over a link");
    let lost = [("a>b", good.as_str()), ("b>h", &on_error("y"))];
    assert_eq!(found_in(&["a", "b", "h"], &lost), ["unknown_output b"]);
    let all = links(&[("a>b", &bad)]);
    let text = document(&[r#""id": "a""#, r#""id": "b""#], &[&all[0]]);
    let finding = &flow(&load_text(&text, Format::Json, &LoadOptions::default()).unwrap(), &TaskTypes)[0];
    assert_eq!(finding.hint.as_deref(), Some("did you mean 'return_value'?"));
    assert_eq!((finding.place.line, finding.place.column), (3, 11));
}

#[test]
fn inputs_that_nobody_gives() {
    struct Class;
    impl Interfaces for Class {
        fn required_inputs(&self, _: &Node) -> Option<Vec<Key>> {
            Some(vec!["x".into(), "threshold".into()])
        }
    }
    let text = document(
        &[
            r#""id": "a", "default_inputs": [{"name": "x", "value": 1}, {"name": "treshold", "value": 2}]"#,
            r#""id": "b""#,
        ],
        &[r#"a>b , "map_all_data": true"#],
    );
    let findings = flow(&load_text(&text, Format::Json, &LoadOptions::default()).unwrap(), &Class);
    assert_eq!(findings.len(), 1, "of what is mapped as a whole nothing is known");
    assert!(findings[0].message.contains("node 'a' is not given the input 'threshold'"), "{}", findings[0]);
    assert_eq!(findings[0].hint.as_deref(), Some("did you mean 'treshold'?"));
}

/// A class starts by itself, where nothing else does, when all that it requires is among its default inputs.
#[test]
fn what_is_known_of_classes_says_which_start() {
    struct Class;
    impl Interfaces for Class {
        fn required_inputs(&self, _: &Node) -> Option<Vec<Key>> {
            Some(vec!["x".into()])
        }
    }
    let text = r#"{"nodes": [{"id": "a", "class": "m.A", "default_inputs": [{"name": "x", "value": 1}]}, {"id": "b", "class": "m.B"}],
        "links": [{"source": "a", "target": "b", "required": false}, {"source": "b", "target": "a", "required": false},
                  {"source": "b", "target": "b", "conditions": [{"source_output": "x", "value": true}]}]}"#;
    let options = LoadOptions { can_start: Some(can_start_by(Class)), ..LoadOptions::default() };
    assert_eq!(load_text(text, Format::Json, &options).unwrap().start_nodes, [0]);
    let unknown = LoadOptions { can_start: Some(can_start_by(TaskTypes)), ..LoadOptions::default() };
    assert!(load_text(text, Format::Json, &unknown).unwrap_err().message().contains("has no start node"));
    let look = LoadOptions { allow_idle: true, ..LoadOptions::default() };
    let graph = load_text(text, Format::Json, &look).unwrap();
    assert_eq!((graph.start_nodes.len(), graph.warnings.len()), (0, 1));
}

#[test]
fn keys_that_nearly_have_a_meaning() {
    let dir = tempfile::tempdir().unwrap();
    let look = |name: &str, text: &str| -> Vec<String> {
        std::fs::write(dir.path().join(name), text).unwrap();
        let findings = keys(Path::new(name), Some(dir.path())).unwrap();
        findings
            .iter()
            .map(|one| format!("{}:{} {}", one.place.line, one.place.column, one.hint.clone().unwrap()))
            .collect()
    };
    let text = r#"{"graph": {"input_node": []},
 "nodes": [{"id": "a", "method": "m.f", "uiProps": {}, "comment": "x", "default_input": []},
  {"id": "s", "graph": {"nodes": [{"id": "n", "lable": "n", "method": "m.f"}]}}],
 "links": [{"source": "a", "target": "a", "on-error": true, "data_mapping": [{"source_ouput": "x"}]}]}"#;
    let expected = [
        "1:26 did you mean 'input_nodes'?",
        "2:89 did you mean 'default_inputs'?",
        "3:56 did you mean 'label'?",
        "4:55 did you mean 'on_error'?",
        "4:95 did you mean 'source_output'?",
    ];
    assert_eq!(look("w.json", text), expected);
    assert_eq!(look("w.yaml", "nodes:\n- {id: a, method: m.f, force_start: true}\n").len(), 1);
    assert!(look("good.json", r#"{"nodes": [{"id": "a", "method": "m.f", "color": "red", "pos": 1}]}"#).is_empty());
}
