//! Pictures of workflows.

use pushflow_core::graph::draw::Diagram;
use pushflow_core::graph::{Format, LoadOptions, load_text};

/// `a -> s:n -> b`, back from `b` to `a` on a condition, errors of `a` to `b`'s handler; everything in it wants quoting.
const WORKFLOW: &str = r#"{"graph": {"label": "a \"title\" <b>"}, "nodes": [
    {"id": "a", "label": "the <first> & \"best\"", "task_type": "method", "task_identifier": "m.f", "force_start_node": true},
    {"id": "b", "task_type": "ppfport"},
    {"id": "h", "task_type": "script", "task_identifier": "echo; rm #1"},
    {"id": "s", "task_type": "graph", "task_identifier": {"nodes": [{"id": "n", "method": "m.g"}]}}],
    "links": [{"source": "a", "target": "s", "sub_target": "n"}, {"source": "s", "target": "b", "sub_source": "n"},
              {"source": "b", "target": "a", "conditions": [{"source_output": "x", "value": 1}, {"source_output": "x", "value": "<2>"}]},
              {"source": "a", "target": "h", "on_error": true}, {"source": "b", "target": "b", "conditions": [{"source_output": "x", "value": null}]}]}"#;

fn diagram(text: &str) -> Diagram {
    Diagram::of(&load_text(text, Format::Json, &LoadOptions::default()).unwrap())
}

#[test]
fn the_language_of_graphviz() {
    let dot = diagram(WORKFLOW).to_dot();
    assert!(dot.starts_with(r#"digraph "a \"title\" <b>" {"#), "{dot}");
    assert!(dot.contains(r#"n0 [label="the <first> & \"best\"\nmethod m.f", color=darkgreen, penwidth=2];"#), "{dot}");
    assert!(dot.contains("subgraph cluster_0 {\n    label=\"s\";\n    n3 [label=\"n\\nmethod m.g\"];\n  }"), "{dot}");
    assert!(dot.contains("n0 -> n2 [color=red, fontcolor=red, style=dotted];"), "{dot}");
    assert!(dot.contains(r#"n1 -> n0 [style=dashed, label="x = '<2>'"];"#), "the last condition counts: {dot}");
}

#[test]
fn the_language_of_mermaid() {
    let mermaid = diagram(WORKFLOW).to_mermaid();
    assert!(mermaid.contains("flowchart TD\n"), "{mermaid}");
    assert!(mermaid.contains("n0(\"the #60;first#62; #38; #34;best#34;<br>method m.f\")"), "{mermaid}");
    assert!(mermaid.contains("subgraph g0 [\"s\"]\n    n3(\"n<br>method m.g\")\n  end"), "{mermaid}");
    assert!(mermaid.contains("n0 -.->|on error| n2") && mermaid.contains("stroke:red"), "{mermaid}");
}

#[test]
fn a_picture_has_all_nodes_and_links() {
    let svg = diagram(WORKFLOW).to_svg().unwrap();
    assert_eq!(svg.matches("marker-end").count(), 5 + 2, "five links, and their two kinds in the legend: {svg}");
    assert_eq!(svg.matches("class=\"label\"").count(), 4);
    assert_eq!(svg.matches("class=\"group\"").count(), 1);
    assert!(
        svg.contains("the &lt;first&gt; &amp; &quot;best&quot;")
            && svg.contains("<title>a &quot;title&quot; &lt;b&gt;")
    );
    let numbers = svg.split(['"', ' ', 'M', 'C', 'L']).filter_map(|part| part.parse::<f64>().ok());
    assert!(numbers.into_iter().all(f64::is_finite));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    assert!(diagram("{\"nodes\": []}").to_svg().unwrap().ends_with("</svg>\n"), "nothing is a picture, too");
}

#[test]
fn what_nobody_could_look_at_is_not_drawn() {
    let nodes: Vec<String> = (0..1001).map(|id| format!(r#"{{"id": {id}, "task_type": "ppfport"}}"#)).collect();
    let diagram = diagram(&format!(r#"{{"nodes": [{}]}}"#, nodes.join(",")));
    assert_eq!(diagram.to_svg().unwrap_err().nodes, 1001);
    assert_eq!(diagram.to_dot().matches("[label=").count(), 1001);
}
