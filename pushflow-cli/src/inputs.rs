//! Inputs of a workflow from the command line.

use pushflow_core::Value;
use pushflow_core::graph::{Format, Input, InputNodes, NodeId, load_inputs, parse_value};
use pushflow_core::payload::Key;

use crate::problem::Problem;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Which workflow, with which inputs.
#[derive(Args, Debug)]
pub(crate) struct WorkflowArgs {
    /// The workflow: JSON, or YAML when it ends with .yml or .yaml. Or the JSON itself, from its first brace on.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Take inputs from a file: a JSON or YAML list of objects with `name`, `value`, and optionally `id`, `label`,
    /// `task_identifier` or `all` to select nodes; without these, the start nodes get the value.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,

    /// What -p selects a node by, as ewoks once had it.
    #[arg(long, value_enum, value_name = "ATTRIBUTE", default_value_t = NodeAttribute::Id, hide = true)]
    pub(crate) input_node_id: NodeAttribute,

    /// Set an input of the start nodes, or of the node with that id. The value is JSON, else text.
    #[arg(short = 'p', long = "parameter", value_name = "[ID:]NAME=VALUE")]
    pub(crate) parameters: Vec<String>,

    /// Set an input of one node, by its id. Also -pn. A node in a sub-workflow is a JSON list: '["s", "n"]:x=1'.
    #[arg(long = "parameter-node", visible_alias = "parameter-nodeid", value_name = "ID:NAME=VALUE")]
    pub(crate) node_parameters: Vec<String>,

    /// Set an input of all nodes whose task identifier ends like this. Also -pt.
    #[arg(long = "parameter-task", visible_alias = "parameter-taskid", value_name = "TASK:NAME=VALUE")]
    pub(crate) task_parameters: Vec<String>,

    /// Set an input of all nodes with a label. Also -pl.
    #[arg(long = "parameter-label", value_name = "LABEL:NAME=VALUE")]
    pub(crate) label_parameters: Vec<String>,

    /// Set an input of the start nodes. Also -ps. Of all these options, later ones in this list count.
    #[arg(long = "parameter-start", value_name = "NAME=VALUE")]
    pub(crate) start_parameters: Vec<String>,

    /// Set an input of all nodes. Also -pa.
    #[arg(long = "parameter-all", value_name = "NAME=VALUE")]
    pub(crate) all_parameters: Vec<String>,

    /// Where relative names of workflow files start [default: the working directory].
    #[arg(long, visible_alias = "workflow-dir", value_name = "DIR")]
    pub(crate) root_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NodeAttribute {
    /// The id.
    Id,
    /// The label.
    Label,
    /// The end of the task identifier.
    Taskid,
}

/// Returns the inputs of the file, then those of the command line: later ones count.
pub(crate) fn collect(args: &WorkflowArgs) -> Result<Vec<Input>, Problem> {
    let unnamed = args.inputs.as_deref().and_then(unnamed);
    let mut inputs = match &args.inputs {
        Some(file) if unnamed.is_none() => load_inputs(file).map_err(|error| Problem::of_inputs(&error))?,
        _ => Vec::new(),
    };
    for text in &args.parameters {
        if !split(text, "[ID:]NAME=VALUE")?.0.contains(':') {
            let (name, value) = name_and_value(text)?;
            inputs.push(Input { nodes: unnamed.clone().unwrap_or(InputNodes::Start), name, value });
            continue;
        }
        inputs.push(match args.input_node_id {
            NodeAttribute::Id => of_node(text)?,
            NodeAttribute::Label => of_label(text)?,
            NodeAttribute::Taskid => of_task(text)?,
        });
    }
    for text in &args.node_parameters {
        inputs.push(of_node(text)?);
    }
    for text in &args.task_parameters {
        inputs.push(of_task(text)?);
    }
    for text in &args.label_parameters {
        inputs.push(of_label(text)?);
    }
    for text in &args.start_parameters {
        let (name, value) = name_and_value(text)?;
        inputs.push(Input { nodes: InputNodes::Start, name, value });
    }
    for text in &args.all_parameters {
        let (name, value) = name_and_value(text)?;
        inputs.push(Input { nodes: InputNodes::All, name, value });
    }
    Ok(inputs)
}

/// What ewoks once had: `--inputs start` and `--inputs all` say whose inputs those of `-p` are that name no node.
fn unnamed(file: &Path) -> Option<InputNodes> {
    match file.to_str()? {
        "start" | "all" if file.exists() => None,
        "start" => Some(InputNodes::Start),
        "all" => Some(InputNodes::All),
        _ => None,
    }
}

fn of_task(text: &str) -> Result<Input, Problem> {
    let (task, name, value) = with_node(text, "TASK")?;
    let nodes = InputNodes::Matching { label: None, task_identifier: Some(task.into()) };
    Ok(Input { nodes, name, value })
}

fn of_label(text: &str) -> Result<Input, Problem> {
    let (label, name, value) = with_node(text, "LABEL")?;
    let nodes = InputNodes::Matching { label: Some(label.into()), task_identifier: None };
    Ok(Input { nodes, name, value })
}

fn of_node(text: &str) -> Result<Input, Problem> {
    let (id, name, value) = with_node(text, "ID")?;
    let list = parse_value(id, Format::Json).ok().filter(|id| id.as_list().is_some());
    let id = match list {
        Some(list) => nested(&list).ok_or_else(|| {
            Problem::usage(format!("the id of a node is a text or a list of two ids, found {}", list.python_repr()))
        })?,
        None => NodeId::from(id),
    };
    Ok(Input { nodes: InputNodes::Id(id), name, value })
}

/// The id that a JSON value stands for; its nesting is bounded by the reader.
fn nested(id: &Value) -> Option<NodeId> {
    match id {
        Value::Str(text) => Some(NodeId::from(text.clone())),
        Value::Int(number) => Some(NodeId::from(*number)),
        Value::List(parts) => match &parts[..] {
            [outer, inner] => Some(NodeId::nested(nested(outer)?, nested(inner)?)),
            _ => None,
        },
        _ => None,
    }
}

fn name_and_value(text: &str) -> Result<(Key, Value), Problem> {
    let (name, value) = split(text, "NAME=VALUE")?;
    Ok((key(name), json_or_text(value)))
}

fn with_node<'t>(text: &'t str, what: &str) -> Result<(&'t str, Key, Value), Problem> {
    let form = format!("{what}:NAME=VALUE");
    let (node_and_name, value) = split(text, &form)?;
    match node_and_name.rsplit_once(':') {
        Some((node, name)) => Ok((node, key(name), json_or_text(value))),
        None => Err(Problem::usage(format!("expected {form}, found `{text}`"))),
    }
}

/// Splits at the first `=`.
pub(crate) fn split<'t>(text: &'t str, form: &str) -> Result<(&'t str, &'t str), Problem> {
    text.split_once('=').ok_or_else(|| Problem::usage(format!("expected {form}, found `{text}`")))
}

/// Reads a value as JSON, else takes it as a text.
pub(crate) fn json_or_text(text: &str) -> Value {
    parse_value(text, Format::Json).unwrap_or_else(|_| Value::from(text))
}

fn key(name: &str) -> Key {
    name.parse().map_or_else(|_| Key::from(name), Key::Position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_or_text() {
        assert_eq!(json_or_text("[1]"), Value::list([1]));
        assert_eq!(json_or_text("1.0"), Value::Float(1.0));
        assert_eq!(json_or_text("a b"), Value::from("a b"));
        assert_eq!(json_or_text("\"1\""), Value::from("1"));
        assert_eq!(json_or_text(""), Value::from(""));
        let digits = "123456789012345678901234567890";
        assert_eq!(json_or_text(digits), Value::integer(digits).unwrap());
    }

    #[test]
    fn the_last_colon_ends_the_node() {
        let (node, name, value) = with_node("s:n:x=a:b=c", "ID").unwrap();
        assert_eq!((node, name, value), ("s:n", Key::from("x"), Value::from("a:b=c")));
        assert!(with_node("x=1", "ID").is_err());
        assert_eq!(of_node(r#"["s", ["t", 1]]:x=1"#).unwrap().nodes, {
            InputNodes::Id(NodeId::nested("s".into(), NodeId::nested("t".into(), 1.into())))
        });
        assert!(of_node(r#"["s"]:x=1"#).is_err());
    }
}
