//! [`Diagram`]: what is drawn of a workflow.

use std::collections::HashMap;

use super::super::id::NodeId;
use super::super::model::{Graph, Link};
use super::svg::TooLarge;
use super::{dot, mermaid, svg};

/// What is drawn of a workflow: its nodes, in groups, and its links.
#[derive(Clone, Debug)]
pub struct Diagram {
    pub(super) title: String,
    pub(super) nodes: Vec<DrawnNode>,
    pub(super) links: Vec<DrawnLink>,
    /// The whole, which contains all groups.
    pub(super) root: Group,
}

/// Nodes of one sub-workflow.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(super) enum Member {
    Node(usize),
    Group(Group),
}

#[derive(Clone, Debug)]
pub(super) struct DrawnNode {
    pub(super) label: String,
    pub(super) task: String,
    pub(super) is_start: bool,
    pub(super) is_end: bool,
}

#[derive(Clone, Debug)]
pub(super) struct DrawnLink {
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) kind: LinkKind,
    /// When it is used, if not always.
    pub(super) label: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// The target waits for it.
    Required,
    /// The target does not wait for it.
    Optional,
    /// It is used on an error.
    Error,
}

/// What a text about a diagram is made of: nodes, and groups around them and around other groups.
pub(super) enum Part<'a> {
    Node(usize, &'a DrawnNode),
    /// The groups are numbered from 0, in the order of their beginnings.
    Begin(usize, &'a Group),
    End,
}

/// Longer texts are cut.
const LONGEST: usize = 40;

impl Diagram {
    /// Says how a workflow is drawn.
    pub fn of(graph: &Graph) -> Diagram {
        let mut root = Group::default();
        for (index, node) in graph.nodes.iter().enumerate() {
            place(&mut root, &node.id).members.push(Member::Node(index));
        }
        let mut nodes: Vec<DrawnNode> = graph
            .nodes
            .iter()
            .map(|node| {
                let label = match (&node.label, innermost(&node.id)) {
                    (Some(label), _) => label.to_string(),
                    (None, id) => id.to_string(),
                };
                let identifier = node.task_identifier.as_deref().unwrap_or_default();
                let task = short(&format!("{} {identifier}", node.task_type), true);
                DrawnNode {
                    label: short(&label, false),
                    task: task.trim_end().to_owned(),
                    is_start: false,
                    is_end: false,
                }
            })
            .collect();
        graph.start_nodes.iter().for_each(|node| nodes[*node].is_start = true);
        graph.end_nodes.iter().for_each(|node| nodes[*node].is_end = true);
        let links = graph.links.iter().map(|link| DrawnLink {
            source: link.source,
            target: link.target,
            kind: match (link.on_error, link.required) {
                (true, _) => LinkKind::Error,
                (false, true) => LinkKind::Required,
                (false, false) => LinkKind::Optional,
            },
            label: short(&label(link), false),
        });
        Diagram { title: graph.label.to_string(), links: links.collect(), nodes, root }
    }

    /// Goes through nodes and groups, from the outside in; the first number is how deep a part lies, from 1.
    pub(super) fn parts(&self, mut visit: impl FnMut(usize, Part<'_>)) {
        self.parts_of(&self.root, 1, &mut 0, &mut visit);
    }

    /// Nesting is bounded on loading.
    fn parts_of(&self, group: &Group, depth: usize, groups: &mut usize, visit: &mut impl FnMut(usize, Part<'_>)) {
        for member in &group.members {
            match member {
                Member::Node(index) => visit(depth, Part::Node(*index, &self.nodes[*index])),
                Member::Group(inner) => {
                    visit(depth, Part::Begin(*groups, inner));
                    *groups += 1;
                    self.parts_of(inner, depth + 1, groups, visit);
                    visit(depth, Part::End);
                }
            }
        }
    }

    /// Writes it in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// Writes it in the language of Mermaid.
    pub fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// Draws it.
    ///
    /// # Errors
    ///
    /// When there is more in it than anybody could look at.
    pub fn to_svg(&self) -> Result<String, TooLarge> {
        svg::draw(self)
    }

    /// Which kinds of links there are, in a fixed order.
    pub(super) fn kinds(&self) -> Vec<LinkKind> {
        let all = [LinkKind::Required, LinkKind::Optional, LinkKind::Error];
        all.into_iter().filter(|kind| self.links.iter().any(|link| link.kind == *kind)).collect()
    }
}

impl LinkKind {
    pub(super) fn describe(self) -> &'static str {
        match self {
            LinkKind::Required => "waited for",
            LinkKind::Optional => "not waited for",
            LinkKind::Error => "on error",
        }
    }
}

impl Group {
    /// Indices of the nodes in it, at any depth.
    pub(super) fn nodes(&self) -> Vec<usize> {
        let mut nodes = Vec::new();
        let mut open = vec![self];
        while let Some(group) = open.pop() {
            for member in &group.members {
                match member {
                    Member::Node(node) => nodes.push(*node),
                    Member::Group(group) => open.push(group),
                }
            }
        }
        nodes
    }
}

/// The group of a node, which is made when it is not there.
fn place<'g>(root: &'g mut Group, id: &NodeId) -> &'g mut Group {
    let mut group = root;
    let mut id = id;
    // The first parts of nested ids are those of the nodes that stood for sub-workflows, from the outermost.
    while let NodeId::Nested(parts) = id {
        let name = parts.0.to_string();
        let found =
            group.members.iter().position(|member| matches!(member, Member::Group(inner) if inner.name == name));
        let index = found.unwrap_or_else(|| {
            group.members.push(Member::Group(Group { name, members: Vec::new() }));
            group.members.len() - 1
        });
        let Member::Group(inner) = &mut group.members[index] else { unreachable!("a group was found or made there") };
        group = inner;
        id = &parts.1;
    }
    group
}

fn innermost(id: &NodeId) -> &NodeId {
    match id {
        NodeId::Nested(parts) => innermost(&parts.1),
        id => id,
    }
}

fn label(link: &Link) -> String {
    let mut by_output: HashMap<String, usize> = HashMap::new();
    let mut texts: Vec<String> = Vec::new();
    // Of several conditions on one output the last one counts.
    for condition in &link.conditions {
        let output = condition.source_output.to_string();
        let text = format!("{output} = {}", condition.value.python_repr());
        match by_output.get(&output) {
            Some(index) => texts[*index] = text,
            None => {
                by_output.insert(output, texts.len());
                texts.push(text);
            }
        }
    }
    texts.join(", ")
}

/// Cuts a text that is too long; of a task the end says most.
fn short(text: &str, keep_end: bool) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let count = text.chars().count();
    if count <= LONGEST {
        text
    } else if keep_end {
        format!("…{}", text.chars().skip(count - LONGEST + 1).collect::<String>())
    } else {
        format!("{}…", text.chars().take(LONGEST - 1).collect::<String>())
    }
}
