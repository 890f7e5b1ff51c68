//! Loading a workflow, from the file to the finished graph.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::analysis::end_nodes;
use super::attributes::{RawCondition, RawMapping};
use super::check::Interfaces;
use super::document::Document;
use super::draft::{Draft, DraftLink};
use super::error::{GraphError, GraphErrorKind};
use super::file::{find_file, format_of, read_file, whole, with_root};
use super::inputs::{self, Input};
use super::item::{Item, Name};
use super::model::{Condition, Graph, Link, Mapping, Warning};
use super::node::DraftNode;
use super::source::{Format, Source};
use super::starts::{CanStart, Starts};
use super::{default_error, parallel, schema, subgraph, validate};
use crate::payload::Key;
use crate::value::Value;

/// How deeply sub-workflows may be nested.
const MAX_LEVELS: usize = 64;
/// How many sub-workflows a workflow may have; files that include each other many times multiply quickly.
const MAX_SUBGRAPHS: usize = 1_000_000;

/// Asks an [`Interfaces`] which inputs a class requires.
///
/// Semantics: of classes of which that is not known, none starts.
pub fn can_start_by(interfaces: impl Interfaces + Send + Sync + 'static) -> CanStart {
    Arc::new(move |node| {
        let is_given = |name: &Key| node.default_inputs.iter().any(|(known, _)| known == name);
        interfaces.required_inputs(node).is_some_and(|required| required.iter().all(is_given))
    })
}

/// What loading depends on, apart from the document.
#[derive(Clone, Default)]
pub struct LoadOptions {
    /// Where relative names of files start; by default the working directory. The same for files in files.
    pub root_dir: Option<PathBuf>,
    /// Values for default inputs, applied in order.
    pub inputs: Vec<Input>,
    /// Asked for nodes of type `class`, in workflows where no node starts otherwise. By default none of them starts.
    pub can_start: Option<CanStart>,
    /// Whether a workflow without start or end nodes is loaded all the same, with a warning: it can be looked at, not run.
    pub allow_idle: bool,
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("root_dir", &self.root_dir)
            .field("inputs", &self.inputs)
            .field("can_start", &self.can_start.is_some())
            .field("allow_idle", &self.allow_idle)
            .finish()
    }
}

/// Loads a workflow from a file.
///
/// A name that ends with `.yml` or `.yaml` is YAML, any other is JSON. A name without one of these endings is tried as it
/// is, and then with each of them.
///
/// # Errors
///
/// When a file cannot be read, or its content is not a valid workflow.
pub fn load_file(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Graph, GraphError> {
    let mut loader = Loader { options, open: Vec::new(), loaded: 0 };
    let path = path.as_ref();
    let loaded = loader.file(path, 0).map_err(|error| error.at(whole(path, options.root_dir.as_deref())))?;
    finish(loaded, options)
}

/// Reads the document of a workflow as it is written, without looking at what it means.
///
/// # Errors
///
/// When the file cannot be read, or is neither JSON nor YAML.
pub fn load_document(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Value, GraphError> {
    let path = find_file(path.as_ref(), options.root_dir.as_deref())?;
    let text = read_file(&path)?;
    let format = format_of(&path).unwrap_or(Format::Json);
    with_root(&Source::new(&text, Some(Arc::new(path))), format, |root| root.value())
}

/// Loads a workflow from a text.
///
/// # Errors
///
/// When the text is not a valid workflow, or a file that it names cannot be read.
pub fn load_text(text: &str, format: Format, options: &LoadOptions) -> Result<Graph, GraphError> {
    let mut loader = Loader { options, open: Vec::new(), loaded: 0 };
    let loaded = loader.text(&Source::new(text, None), format, 0)?;
    finish(loaded, options)
}

/// Reads a value from a text, as values are read in documents: integers keep all their digits.
///
/// # Errors
///
/// When the text is not one value.
pub fn parse_value(text: &str, format: Format) -> Result<Value, GraphError> {
    with_root(&Source::new(text, None), format, |root| root.value())
}

/// A workflow that is complete and valid but for its inputs, and which of its links are required.
type Loaded = (Draft, Vec<bool>);

struct Loader<'o> {
    options: &'o LoadOptions,
    /// The files that are being read, each included by the one before.
    open: Vec<PathBuf>,
    loaded: usize,
}

impl Loader<'_> {
    fn file(&mut self, name: &Path, level: usize) -> Result<Loaded, GraphError> {
        let path = find_file(name, self.options.root_dir.as_deref())?;
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.open.contains(&identity) {
            let chain: Vec<String> =
                self.open.iter().chain([&identity]).map(|path| path.display().to_string()).collect();
            let message = format!("a sub-graph contains itself: {}", chain.join(" -> "));
            return Err(GraphError::new(GraphErrorKind::TooDeep, "RecursionError", message));
        }
        let text = read_file(&path)?;
        let format = format_of(&path).unwrap_or(Format::Json);
        self.open.push(identity);
        let loaded = self.text(&Source::new(&text, Some(Arc::new(path))), format, level);
        self.open.pop();
        loaded
    }

    fn text(&mut self, source: &Source<'_>, format: Format, level: usize) -> Result<Loaded, GraphError> {
        with_root(source, format, |root| {
            if level == 0 && root.is_object() && root.entries("the document")?.is_empty() {
                let message = "the graph needs an 'id' for execution events";
                return Err(GraphError::value(GraphErrorKind::MissingKey, message).at(root.place()));
            }
            self.item(root, level)
        })
    }

    /// Loads a workflow that is written at an item; every sub-workflow goes the same way before it is put in.
    fn item(&mut self, root: Item<'_>, level: usize) -> Result<Loaded, GraphError> {
        let mut document = Document::read(root)?;
        document.warn_of_settings();
        let mut subs = Vec::with_capacity(document.graph_nodes.len());
        for node in &document.graph_nodes {
            subs.push(self.sub(node, level + 1)?);
        }
        let (version, version_place) = (document.version.clone(), document.version_place.clone());
        let mut draft = subgraph::expand(document, subs)?;
        parallel::join(&mut draft.links)?;
        default_error::connect(&mut draft);
        schema::check(&version).map_err(|error| error.at(version_place))?;
        let required = validate::validate(&draft)?;
        Ok((draft, required))
    }

    fn sub(&mut self, node: &DraftNode<'_>, level: usize) -> Result<Draft, GraphError> {
        let place = &node.node.place;
        self.loaded += 1;
        if level > MAX_LEVELS || self.loaded > MAX_SUBGRAPHS {
            let message = if level > MAX_LEVELS {
                format!("sub-graphs are nested more than {MAX_LEVELS} levels deep")
            } else {
                format!("there are more than {MAX_SUBGRAPHS} sub-graphs")
            };
            return Err(GraphError::new(GraphErrorKind::TooDeep, "RecursionError", message).at(place.clone()));
        }
        let loaded = match (&node.content, &node.node.task_identifier) {
            (Some(content), _) => self.item(*content, level),
            (None, Some(name)) => self.file(Path::new(name.as_str()), level),
            (None, None) => {
                Err(GraphError::value(GraphErrorKind::MissingKey, "node attribute 'task_identifier' is missing"))
            }
        };
        loaded.map(|(draft, _)| draft).map_err(|error| error.at(place.clone()))
    }
}

/// Applies inputs, checks what an execution needs, and determines start and end nodes.
fn finish(loaded: Loaded, options: &LoadOptions) -> Result<Graph, GraphError> {
    let (mut draft, required) = loaded;
    let starts = Starts::new(&draft.nodes, &draft.links, &required);
    inputs::apply(&mut draft, &options.inputs, &starts, options.can_start.as_ref())?;
    let Draft { id, label, place, mut nodes, links, warnings, .. } = draft;
    let mut required = required.into_iter();
    let links = links.into_iter().map(|link| finish_link(link, required.next().unwrap_or(true)));
    let mut links: Vec<Link> = links.collect::<Result<_, _>>()?;
    nodes.shrink_to_fit();
    links.shrink_to_fit();
    let start_nodes = starts.find(&nodes, options.can_start.as_ref());
    let mut graph = Graph { id, label, nodes, links, start_nodes, end_nodes: Vec::new(), warnings };
    graph.end_nodes = end_nodes(&graph);
    if graph.nodes.is_empty() {
        return Ok(graph);
    }
    let lacking = [
        (GraphErrorKind::NoStartNode, "start", graph.start_nodes.is_empty()),
        (GraphErrorKind::NoEndNode, "end", graph.end_nodes.is_empty()),
    ];
    for (kind, what, _) in lacking.into_iter().filter(|(_, _, lacks)| *lacks) {
        let message = format!("{} has no {what} node", graph.label);
        match place.clone() {
            Some(place) if options.allow_idle => graph.warnings.push(Warning { message, place }),
            Some(place) => return Err(GraphError::new(kind, "RuntimeError", message).at(place)),
            None => return Err(GraphError::new(kind, "RuntimeError", message)),
        }
    }
    Ok(graph)
}

fn finish_link(link: DraftLink, required: bool) -> Result<Link, GraphError> {
    let DraftLink { source, target, place, attributes } = link;
    let mappings = attributes.data_mapping.unwrap_or_default().into_iter();
    let mappings: Vec<Option<Mapping>> =
        mappings.map(finish_mapping).collect::<Result<_, _>>().map_err(|error: GraphError| error.at(place.clone()))?;
    let conditions = attributes.conditions.unwrap_or_default().into_iter();
    let conditions: Vec<Condition> = conditions
        .map(finish_condition)
        .collect::<Result<_, _>>()
        .map_err(|error: GraphError| error.at(place.clone()))?;
    Ok(Link {
        source: source as usize,
        target: target as usize,
        data_mapping: mappings.into_iter().flatten().collect(),
        map_all_data: attributes.map_all_data == Some(true),
        conditions: conditions.into(),
        on_error: attributes.on_error == Some(true),
        required,
        cache_if_optional: attributes.cache_if_optional == Some(true),
        place,
    })
}

/// Returns an entry of a mapping, unless it is for a negative position, which carries nothing.
fn finish_mapping(mapping: RawMapping) -> Result<Option<Mapping>, GraphError> {
    let source_output = mapping.source_output.ok_or_else(|| GraphError::missing_key("source_output"))?;
    let target_input = mapping.target_input.ok_or_else(|| GraphError::missing_key("target_input"))?;
    Ok(target_input.key().map(|target_input| Mapping { source_output: output_key(&source_output), target_input }))
}

fn finish_condition(condition: RawCondition) -> Result<Condition, GraphError> {
    let source_output = condition.source_output.ok_or_else(|| GraphError::missing_key("source_output"))?;
    let value = condition.value.ok_or_else(|| GraphError::missing_key("value"))?;
    let unhashable = match &value {
        Value::List(_) => "list",
        Value::Map(_) => "dict",
        _ => return Ok(Condition { source_output: output_key(&source_output), value }),
    };
    Err(GraphError::new(GraphErrorKind::Type, "TypeError", format!("unhashable type: '{unhashable}'")))
}

/// Returns the name of an output. No task has one with a negative number; its digits serve for the message.
fn output_key(name: &Name) -> Key {
    name.key().unwrap_or_else(|| Key::from(name.python_repr()))
}
