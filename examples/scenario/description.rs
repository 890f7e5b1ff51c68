//! What a description says.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    /// Without it, the actors have no pool.
    pub(crate) workflow: Option<Named>,
    #[serde(default)]
    pub(crate) submodels: Vec<Part>,
    pub(crate) actors: Vec<Described>,
    #[serde(default)]
    pub(crate) connections: Vec<Connection>,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// A sub-model.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// What it is in: `workflow`, or the id of another sub-model.
    #[serde(default)]
    pub(crate) parent: Option<String>,
    /// The container of its errors, if that is another one.
    #[serde(default)]
    pub(crate) error_handler: Option<String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    pub(crate) id: String,
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) script: Option<String>,
    #[serde(default)]
    pub(crate) error_handler: Option<String>,
    #[serde(default)]
    pub(crate) item_name: Option<String>,
    #[serde(default)]
    pub(crate) ports: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Connection {
    pub(crate) source: End,
    pub(crate) target: End,
    pub(crate) on: On,
}

/// One end of a connection: an actor, a container, or a port of one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum End {
    Id(String),
    Port {
        submodel: String,
        #[serde(default)]
        port: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum On {
    /// `success` or `error`.
    Outcome(String),
    Port {
        port: Value,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    #[serde(default)]
    pub(crate) inputs: Vec<Entry>,
    #[serde(default)]
    pub(crate) options: Options,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// Options of a run; those that choose among Python's pools mean nothing here.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Options {
    #[serde(default)]
    pub(crate) timeout: Option<f64>,
    #[serde(default)]
    pub(crate) raise_on_timeout: bool,
}
