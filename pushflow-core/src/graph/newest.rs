//! Writing documents: with the keys of the newest schema, as JSON or as YAML.

use std::collections::HashSet;
use std::sync::Arc;

use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::schema;
use super::source::Format;
use crate::value::{Map, Value};

/// Deprecated keys of nodes and the task types that they stand for.
const LEGACY: [(&str, &str); 8] = [
    ("class", "class"),
    ("method", "method"),
    ("ppfmethod", "ppfmethod"),
    ("ppfport", "ppfport"),
    ("script", "script"),
    ("notebook", "notebook"),
    ("graph", "graph"),
    ("task", "generated"),
];

/// Keys with a truth value, which YAML may spell `yes`.
const TRUTHS: [&str; 7] =
    ["directed", "force_start_node", "default_error_node", "map_all_data", "on_error", "required", "cache_if_optional"];

/// Returns a document as the newest schema has it; sub-workflows that are written inside go the same way.
///
/// Truth values are written as such, deprecated keys of nodes become `task_type` and `task_identifier`, `schema_version` is the newest one. All else is kept
/// as it is, keys without meaning too, in its order. The document has to be one that can be loaded.
#[must_use]
pub fn newest(document: &Value) -> Value {
    let Some(root) = document.as_map().filter(|root| !root.is_empty()) else { return document.clone() };
    let mut root = plain(root);
    let version = Value::Str(schema::LATEST.into());
    match root.get_mut("graph") {
        Some(Value::Map(graph)) => {
            Arc::make_mut(graph).insert("schema_version".into(), version);
        }
        _ => {
            let graph = Value::map([("schema_version", version)]);
            root.shift_remove("graph");
            root.shift_insert(0, "graph".into(), graph);
        }
    }
    if let Some(Value::Map(graph)) = root.get_mut("graph") {
        for aliases in ["input_nodes", "output_nodes"] {
            if let Some(aliases) = Arc::make_mut(graph).get_mut(aliases) {
                *aliases = each(aliases, |alias| with(alias, "link_attributes", plain_map));
            }
        }
    }
    if let Some(links) = root.get_mut("links") {
        *links = each(links, |link| with(&plain_map(link), "sub_target_attributes", plain_map));
    }
    if let Some(Value::List(nodes)) = root.get("nodes") {
        let legacy: HashSet<String> = nodes.iter().filter(|node| legacy_key(node).is_some()).filter_map(id).collect();
        let nodes = nodes.iter().map(|node| newest_node(node, id(node).is_some_and(|id| legacy.contains(&id))));
        let nodes = Value::list(nodes);
        root.insert("nodes".into(), nodes);
    }
    Value::Map(Arc::new(root))
}

/// Changes each item of a list.
fn each(list: &Value, change: impl Fn(&Value) -> Value) -> Value {
    list.as_list().map_or_else(|| list.clone(), |items| Value::list(items.iter().map(change)))
}

/// Changes one entry of an object, if it is there.
fn with(object: &Value, key: &str, change: impl Fn(&Value) -> Value) -> Value {
    let Some(map) = object.as_map().filter(|map| map.contains_key(key)) else { return object.clone() };
    let mut map = map.clone();
    map.entry(key.into()).and_modify(|value| *value = change(value));
    Value::Map(Arc::new(map))
}

fn plain_map(object: &Value) -> Value {
    object.as_map().map_or_else(|| object.clone(), |map| Value::Map(Arc::new(plain(map))))
}

/// Writes truth values as such.
fn plain(map: &Map) -> Map {
    let truth = |key: &SmolStr, value: &Value| match value.as_str()?.to_ascii_lowercase().as_str() {
        _ if !TRUTHS.contains(&key.as_str()) => None,
        "yes" | "on" => Some(Value::Bool(true)),
        "no" | "off" => Some(Value::Bool(false)),
        _ => None,
    };
    map.iter().map(|(key, value)| (key.clone(), truth(key, value).unwrap_or_else(|| value.clone()))).collect()
}

/// Writes a document as text.
///
/// # Errors
///
/// For what the format cannot hold: NaN and infinities in JSON, integers of more than 128 bits in YAML.
pub fn write(document: &Value, format: Format) -> Result<String, GraphError> {
    match format {
        Format::Json => {
            check_finite(document)?;
            serde_json::to_string_pretty(document).map(|text| text + "\n").map_err(|error| cannot_write(&error))
        }
        Format::Yaml => serde_saphyr::to_string(&Yaml(document)).map_err(|error| cannot_write(&error)),
    }
}

fn cannot_write(error: &dyn std::fmt::Display) -> GraphError {
    GraphError::value(GraphErrorKind::Value, format!("cannot be written: {error}"))
}

/// What tells nodes apart that are defined more than once.
fn id(node: &Value) -> Option<String> {
    node.as_map()?.get("id").map(Value::python_repr)
}

/// The deprecated key of a node and its task type.
fn legacy_key(node: &Value) -> Option<(&'static str, &'static str)> {
    let node = node.as_map()?;
    LEGACY.into_iter().find(|(key, _)| node.contains_key(*key))
}

/// Rewrites a node; next to a deprecated key, in whatever definition of the node, `task_identifier` means nothing.
fn newest_node(node: &Value, has_legacy_key: bool) -> Value {
    let node = with(&plain_map(node), "default_error_attributes", plain_map);
    let Some(old) = node.as_map() else { return node };
    let legacy = legacy_key(&node);
    let is_graph = legacy.map(|(_, name)| name).or_else(|| old.get("task_type")?.as_str()) == Some("graph");
    let inner = |value: &Value| if is_graph && value.as_map().is_some() { newest(value) } else { value.clone() };
    let mut new = Map::default();
    for (key, value) in old {
        match legacy {
            Some((old_key, name)) if key == old_key => {
                new.insert("task_type".into(), Value::Str(name.into()));
                if name != "ppfport" {
                    new.insert("task_identifier".into(), inner(value));
                }
            }
            _ if key == "task_identifier" && has_legacy_key => {}
            _ if key == "task_identifier" => {
                new.insert(key.clone(), inner(value));
            }
            _ => {
                new.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Map(Arc::new(new))
}

fn check_finite(value: &Value) -> Result<(), GraphError> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            let message = format!("cannot be written as JSON, which has no {}", value.python_repr());
            Err(GraphError::value(GraphErrorKind::Value, message))
        }
        Value::List(items) => items.iter().try_for_each(check_finite),
        Value::Map(map) => map.values().try_for_each(check_finite),
        _ => Ok(()),
    }
}

/// A value as a writer of YAML takes it: numbers with all their digits, NaN and infinities as YAML has them.
struct Yaml<'v>(&'v Value);

impl Serialize for Yaml<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::BigInt(big) => match (big.digits().parse::<i128>(), big.digits().parse::<u128>()) {
                (Ok(number), _) => serializer.serialize_i128(number),
                (_, Ok(number)) => serializer.serialize_u128(number),
                _ => Err(S::Error::custom(format!("integers in YAML have at most 128 bits, found {}", big.digits()))),
            },
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Yaml(item)))?;
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries
                    .iter()
                    .try_for_each(|(key, value): (&SmolStr, &Value)| map.serialize_entry(key, &Yaml(value)))?;
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}
