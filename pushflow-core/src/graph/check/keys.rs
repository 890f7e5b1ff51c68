//! Keys that nearly have a meaning.
//!
//! Other tools keep what they need in a workflow, so a key that is not known is none by itself a mistake: only one that
//! looks like a misspelling is told.

use std::path::Path;
use std::sync::Arc;

use super::{Finding, FindingKind};
use crate::graph::error::GraphError;
use crate::graph::file::{find_file, format_of, read_file, with_root};
use crate::graph::item::Item;
use crate::graph::source::{Format, Source};
use crate::graph::suggest::closest;

const DOCUMENT: &[&str] = &["graph", "nodes", "links", "directed", "multigraph"];
const GRAPH: &[&str] = &["id", "label", "schema_version", "input_nodes", "output_nodes", "requirements"];
const NODE: &[&str] = &[
    "id",
    "label",
    "task_type",
    "task_identifier",
    "task_generator",
    "default_inputs",
    "force_start_node",
    "conditions_else_value",
    "default_error_node",
    "default_error_attributes",
    "pushflow",
    "class",
    "method",
    "ppfmethod",
    "ppfport",
    "script",
    "notebook",
    "graph",
    "task",
];
const LINK: &[&str] = &[
    "source",
    "target",
    "data_mapping",
    "map_all_data",
    "conditions",
    "on_error",
    "required",
    "cache_if_optional",
    "sub_source",
    "sub_target",
    "sub_target_attributes",
];
const ALIAS: &[&str] = &["id", "node", "sub_node", "link_attributes"];
const INPUT: &[&str] = &["name", "value"];
const MAPPING: &[&str] = &["source_output", "target_input"];
const CONDITION: &[&str] = &["source_output", "value"];
/// Keys of other tools that look like ours.
const KNOWN_ELSEWHERE: &[&str] = &["uiProps", "name", "key", "labels", "inputs", "outputs", "type", "ids", "comment"];

/// Looks at the keys of a document in a file, with the sub-workflows that are written inside.
///
/// # Errors
///
/// When the file cannot be read, or is neither JSON nor YAML.
pub fn keys(file: &Path, root_dir: Option<&Path>) -> Result<Vec<Finding>, GraphError> {
    let path = find_file(file, root_dir)?;
    let text = read_file(&path)?;
    let format = format_of(&path).unwrap_or(Format::Json);
    let mut findings = Vec::new();
    with_root(&Source::new(&text, Some(Arc::new(path))), format, |root| document(root, &mut findings))?;
    Ok(findings)
}

fn document(root: Item<'_>, findings: &mut Vec<Finding>) -> Result<(), GraphError> {
    object(root, "of the document", DOCUMENT, findings, &mut |key, item, findings| match key {
        "graph" => object(item, "of 'graph'", GRAPH, findings, &mut |key, item, findings| match key {
            "input_nodes" | "output_nodes" => each(item, &mut |alias| {
                object(alias, "of an alias", ALIAS, findings, &mut |key, item, findings| match key {
                    "link_attributes" => link(item, findings),
                    _ => Ok(()),
                })
            }),
            _ => Ok(()),
        }),
        "nodes" => each(item, &mut |item| node(item, findings)),
        "links" => each(item, &mut |item| link(item, findings)),
        _ => Ok(()),
    })
}

fn node(item: Item<'_>, findings: &mut Vec<Finding>) -> Result<(), GraphError> {
    object(item, "of a node", NODE, findings, &mut |key, item, findings| match key {
        "default_inputs" => entries(item, "of a default input", INPUT, findings),
        "default_error_attributes" => link(item, findings),
        // Anything else that is an object there is refused on loading.
        "graph" | "task_identifier" if item.is_object() => document(item, findings),
        _ => Ok(()),
    })
}

fn link(item: Item<'_>, findings: &mut Vec<Finding>) -> Result<(), GraphError> {
    object(item, "of a link", LINK, findings, &mut |key, item, findings| match key {
        "data_mapping" => entries(item, "of a mapping", MAPPING, findings),
        "conditions" => entries(item, "of a condition", CONDITION, findings),
        "sub_target_attributes" => node(item, findings),
        _ => Ok(()),
    })
}

fn entries(list: Item<'_>, what: &str, known: &[&str], findings: &mut Vec<Finding>) -> Result<(), GraphError> {
    each(list, &mut |item| object(item, what, known, findings, &mut |_, _, _| Ok(())))
}

type Visit<'v, 'd> = &'v mut dyn FnMut(&str, Item<'d>, &mut Vec<Finding>) -> Result<(), GraphError>;

/// Looks at the keys of an object and hands its values over; anything else is for the loader to refuse.
fn object<'d>(
    item: Item<'d>,
    what: &str,
    known: &[&str],
    findings: &mut Vec<Finding>,
    visit: Visit<'_, 'd>,
) -> Result<(), GraphError> {
    if !item.is_object() {
        return Ok(());
    }
    for (key, item) in item.entries(what)? {
        if known.contains(&key.as_str()) {
            visit(&key, item, findings)?;
        } else if !KNOWN_ELSEWHERE.contains(&key.as_str())
            && let Some(meant) = closest(&key, known.iter().copied())
        {
            findings.push(Finding {
                kind: FindingKind::UnknownKey,
                message: format!("the key '{key}' {what} is not known, and has no effect"),
                hint: Some(format!("did you mean '{meant}'?")),
                node: None,
                place: item.place(),
            });
        }
    }
    Ok(())
}

fn each<'d>(list: Item<'d>, visit: &mut dyn FnMut(Item<'d>) -> Result<(), GraphError>) -> Result<(), GraphError> {
    if list.type_name() == "list" { list.each("a list", visit) } else { Ok(()) }
}
