//! From a description to actors and their connections.

use std::collections::HashMap;
use std::error::Error;

use pushflow_core::actor::{
    Actor, ErrorHandler, ForkActor, JoinActor, PortName, PythonActor, RequestStatus, RouterActor, StartActor,
    StopActor, Submodel,
};
use pushflow_core::engine::{ActorId, Network, NetworkBuilder, PartId};
use pushflow_core::value::to_value;

use super::description::{Described, Description, End, On};
use super::script::ScriptRunner;

/// The name by which descriptions mean the workflow as a container.
const WORKFLOW: &str = "workflow";

/// Builds the actors of a description.
pub(crate) fn network(description: &Description, scripts: &dyn ScriptRunner) -> Result<Network, Box<dyn Error>> {
    let name = description.workflow.as_ref().and_then(|workflow| workflow.name.clone());
    let mut builder = NetworkBuilder::new(name.unwrap_or_default());
    let mut parts: HashMap<&str, PartId> = HashMap::new();
    parts.insert(WORKFLOW, builder.workflow());
    let mut left: Vec<_> = description.submodels.iter().collect();
    // The container around a sub-model has to be there before it.
    while !left.is_empty() {
        let before = left.len();
        left.retain(|part| {
            let around = part.error_handler.as_deref().or(part.parent.as_deref());
            if around.is_some_and(|around| !parts.contains_key(around)) {
                return true;
            }
            let mut submodel = Submodel::new(part.name.clone().unwrap_or_else(|| part.id.clone()));
            if !part.ports.is_empty() {
                submodel = submodel.with_ports(part.ports.iter().map(String::as_str));
            }
            let id = builder.submodel(submodel, around.map(|around| parts[around]));
            parts.insert(&part.id, id);
            false
        });
        if left.len() == before {
            return Err(format!("sub-model {} is in a container that is not there", left[0].id).into());
        }
    }
    let mut actors: HashMap<&str, ActorId> = HashMap::new();
    for described in &description.actors {
        let name = described.name.clone().unwrap_or_else(|| described.id.clone());
        let actor = actor(described, scripts)?;
        let id = match described.error_handler.as_deref() {
            Some(part) => {
                let part = parts.get(part).ok_or_else(|| format!("there is no container {part}"))?;
                builder.add_to(*part, name, actor)
            }
            None => builder.add(name, actor),
        };
        actors.insert(&described.id, id);
    }
    let names = Names { actors, parts };
    for connection in &description.connections {
        let target = names.actor(&builder, &connection.target)?;
        match (&connection.on, names.container(&connection.source)) {
            (On::Outcome(outcome), Some(part)) if outcome == "error" => builder.connect_part_on_error(part, target),
            (On::Outcome(outcome), _) => {
                let source = names.actor(&builder, &connection.source)?;
                match outcome.as_str() {
                    "success" => builder.connect(source, target),
                    "error" => builder.connect_on_error(source, target),
                    other => return Err(format!("a connection is on success, error or a port, found {other}").into()),
                }
            }
            (On::Port { port }, _) => {
                let source = names.actor(&builder, &connection.source)?;
                builder.connect_port(source, PortName(to_value(port)?), target)?;
            }
        }
    }
    Ok(builder.build()?)
}

fn actor(described: &Described, scripts: &dyn ScriptRunner) -> Result<Actor, Box<dyn Error>> {
    Ok(match described.r#type.as_str() {
        "StartActor" => StartActor.into(),
        "StopActor" => StopActor.into(),
        "ForkActor" => ForkActor.into(),
        "JoinActor" => JoinActor.into(),
        "ErrorHandler" => ErrorHandler.into(),
        "RequestStatus" => RequestStatus::default().into(),
        "PythonActor" => {
            let script = described.script.as_deref().ok_or_else(|| format!("{} has no script", described.id))?;
            PythonActor::of(scripts.task(script)).into()
        }
        "RouterActor" => {
            let item = described.item_name.clone().ok_or_else(|| format!("{} has no item_name", described.id))?;
            let ports = described.ports.iter().map(|port| to_value(port).map(PortName));
            RouterActor::new(item, ports.collect::<Result<Vec<_>, _>>()?).into()
        }
        other => return Err(format!("{}: there are no actors of type {other}", described.id).into()),
    })
}

struct Names<'d> {
    actors: HashMap<&'d str, ActorId>,
    parts: HashMap<&'d str, PartId>,
}

impl Names<'_> {
    fn actor(&self, builder: &NetworkBuilder, end: &End) -> Result<ActorId, Box<dyn Error>> {
        match end {
            End::Id(id) => Ok(*self.actors.get(id.as_str()).ok_or_else(|| format!("there is no actor {id}"))?),
            End::Port { submodel, port } => {
                let part = self.parts.get(submodel.as_str()).ok_or_else(|| format!("there is no {submodel}"))?;
                let port = port.as_deref().ok_or_else(|| format!("a port of {submodel} has to be named"))?;
                Ok(builder.port(*part, port)?)
            }
        }
    }

    /// The container that an end names as a whole.
    fn container(&self, end: &End) -> Option<PartId> {
        match end {
            End::Id(id) if !self.actors.contains_key(id.as_str()) => self.parts.get(id.as_str()).copied(),
            End::Port { submodel, port: None } => self.parts.get(submodel.as_str()).copied(),
            _ => None,
        }
    }
}
