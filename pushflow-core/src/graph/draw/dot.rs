//! The language of Graphviz.

use std::fmt::Write;

use super::diagram::{Diagram, LinkKind, Part};

pub(super) fn write(diagram: &Diagram) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&diagram.title));
    text += "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    diagram.parts(|depth, part| {
        let indent = "  ".repeat(depth);
        // Writing to a String cannot fail.
        let _ = match part {
            Part::Node(index, node) => {
                let label = quoted(&format!("{}\n{}", node.label, node.task));
                let color = if node.is_start { ", color=darkgreen, penwidth=2" } else { "" };
                let twice = if node.is_end { ", peripheries=2" } else { "" };
                writeln!(text, "{indent}n{index} [label={label}{color}{twice}];")
            }
            Part::Begin(number, group) => {
                let label = quoted(&group.name);
                writeln!(text, "{indent}subgraph cluster_{number} {{\n{indent}  label={label};")
            }
            Part::End => writeln!(text, "{indent}}}"),
        };
    });
    for link in &diagram.links {
        let style = match link.kind {
            LinkKind::Required => "",
            LinkKind::Optional => "style=dashed",
            LinkKind::Error => "color=red, fontcolor=red, style=dotted",
        };
        let label = if link.label.is_empty() { String::new() } else { format!("label={}", quoted(&link.label)) };
        let attributes: Vec<&str> = [style, &label].into_iter().filter(|text| !text.is_empty()).collect();
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(text, "  n{} -> n{}{attributes};", link.source, link.target);
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
