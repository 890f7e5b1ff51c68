//! The language of Mermaid.

use std::fmt::Write;

use super::diagram::{Diagram, LinkKind, Part};

pub(super) fn write(diagram: &Diagram) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", title(&diagram.title));
    diagram.parts(|depth, part| {
        let indent = "  ".repeat(depth);
        // Writing to a String cannot fail.
        let _ = match part {
            Part::Node(index, node) => {
                let label = quoted(&format!("{}<br>{}", node.label, node.task));
                let (open, close) = if node.is_end { ("([", "])") } else { ("(", ")") };
                writeln!(text, "{indent}n{index}{open}{label}{close}")
            }
            Part::Begin(number, group) => writeln!(text, "{indent}subgraph g{number} [{}]", quoted(&group.name)),
            Part::End => writeln!(text, "{indent}end"),
        };
    });
    for link in &diagram.links {
        let arrow = if link.kind == LinkKind::Required { "-->" } else { "-.->" };
        let label = match (link.kind, link.label.as_str()) {
            (LinkKind::Error, _) => "|on error|".to_owned(),
            (_, "") => String::new(),
            (_, label) => format!("|{}|", quoted(label)),
        };
        let _ = writeln!(text, "  n{} {arrow}{label} n{}", link.source, link.target);
    }
    for (index, _) in diagram.links.iter().enumerate().filter(|(_, link)| link.kind == LinkKind::Error) {
        let _ = writeln!(text, "  linkStyle {index} stroke:red,color:red");
    }
    for (index, node) in diagram.nodes.iter().enumerate() {
        if node.is_start || node.is_end {
            let color = if node.is_start { "stroke:green," } else { "" };
            let _ = writeln!(text, "  style n{index} {color}stroke-width:3px");
        }
    }
    text
}

fn title(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Quotes a text; what Mermaid takes for more than text is written as entities.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let parts: Vec<&str> = text.split("<br>").collect();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            quoted += "<br>";
        }
        for character in part.chars() {
            match character {
                '"' | '#' | '<' | '>' | '&' | '`' | ';' => {
                    let _ = write!(quoted, "#{};", character as u32);
                }
                other => quoted.push(other),
            }
        }
    }
    quoted + "\""
}
