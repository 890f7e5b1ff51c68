//! The language of Graphviz.

use std::fmt::Write;

use super::diagram::{Diagram, Group, LinkKind, Member};

pub(super) fn write(diagram: &Diagram) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&diagram.title));
    text += "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    let mut groups = 0;
    members(diagram, &diagram.root, 1, &mut groups, &mut text);
    for link in &diagram.links {
        let style = match link.kind {
            LinkKind::Required => "",
            LinkKind::Optional => "style=dashed",
            LinkKind::Error => "color=red, fontcolor=red, style=dotted",
        };
        let label = if link.label.is_empty() { String::new() } else { format!("label={}", quoted(&link.label)) };
        let attributes: Vec<&str> = [style, &label].into_iter().filter(|text| !text.is_empty()).collect();
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{} -> n{}{attributes};", link.source, link.target);
    }
    text + "}\n"
}

/// Writes the members of a group; nesting is bounded on loading.
fn members(diagram: &Diagram, group: &Group, depth: usize, groups: &mut usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for member in &group.members {
        match member {
            Member::Node(index) => {
                let node = &diagram.nodes[*index];
                let label = quoted(&format!("{}\n{}", node.label, node.task));
                let color = if node.is_start { ", color=darkgreen, penwidth=2" } else { "" };
                let twice = if node.is_end { ", peripheries=2" } else { "" };
                let _ = writeln!(text, "{indent}n{index} [label={label}{color}{twice}];");
            }
            Member::Group(inner) => {
                let _ = writeln!(text, "{indent}subgraph cluster_{groups} {{");
                let _ = writeln!(text, "{indent}  label={};", quoted(&inner.name));
                *groups += 1;
                members(diagram, inner, depth + 1, groups, text);
                let _ = writeln!(text, "{indent}}}");
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
