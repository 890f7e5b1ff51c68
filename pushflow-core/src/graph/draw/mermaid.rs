//! The language of Mermaid.

use std::fmt::Write;

use super::diagram::{Diagram, Group, LinkKind, Member};

pub(super) fn write(diagram: &Diagram) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", title(&diagram.title));
    let mut groups = 0;
    members(diagram, &diagram.root, 1, &mut groups, &mut text);
    for link in &diagram.links {
        let arrow = if link.kind == LinkKind::Required { "-->" } else { "-.->" };
        let label = match (link.kind, link.label.as_str()) {
            (LinkKind::Error, _) => "|on error|".to_owned(),
            (_, "") => String::new(),
            (_, label) => format!("|{}|", quoted(label)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{} {arrow}{label} n{}", link.source, link.target);
    }
    for (index, link) in diagram.links.iter().enumerate().filter(|(_, link)| link.kind == LinkKind::Error) {
        debug_assert_eq!(link.kind, LinkKind::Error);
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

/// Writes the members of a group; nesting is bounded on loading.
fn members(diagram: &Diagram, group: &Group, depth: usize, groups: &mut usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for member in &group.members {
        match member {
            Member::Node(index) => {
                let node = &diagram.nodes[*index];
                let label = quoted(&format!("{}<br>{}", node.label, node.task));
                let (open, close) = if node.is_end { ("([", "])") } else { ("(", ")") };
                let _ = writeln!(text, "{indent}n{index}{open}{label}{close}");
            }
            Member::Group(inner) => {
                let _ = writeln!(text, "{indent}subgraph g{groups} [{}]", quoted(&inner.name));
                *groups += 1;
                members(diagram, inner, depth + 1, groups, text);
                let _ = writeln!(text, "{indent}end");
            }
        }
    }
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
