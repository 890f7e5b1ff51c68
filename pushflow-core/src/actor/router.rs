//! [`RouterActor`]: chooses the way by a value.

use smol_str::SmolStr;

use crate::error::{ErrorKind, TaskError};
use crate::payload::Payload;
use crate::value::Value;

/// Passes data on through the port that bears the value of one item of the data.
///
/// Null, `"None"` and `"null"` are the port `null`, booleans the ports `true` and `false`. Without a port for the value,
/// or without the item, the port is `other`.
///
/// Semantics: pypushflow's `RouterActor`.
#[derive(Clone, Debug)]
pub struct RouterActor {
    /// Name of the item that is looked at.
    pub item_name: SmolStr,
    /// The declared ports, besides `other`.
    pub ports: Vec<PortName>,
}

/// Name of a port of a router: the value that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct PortName(pub Value);

impl From<&str> for PortName {
    fn from(name: &str) -> PortName {
        PortName(name.into())
    }
}

impl From<Value> for PortName {
    fn from(name: Value) -> PortName {
        PortName(name)
    }
}

impl RouterActor {
    /// Name of the port for all the rest.
    pub const OTHER: &str = "other";

    /// Creates a router that looks at an item.
    pub fn new<P: Into<PortName>>(item_name: impl Into<SmolStr>, ports: impl IntoIterator<Item = P>) -> RouterActor {
        RouterActor { item_name: item_name.into(), ports: ports.into_iter().map(Into::into).collect() }
    }

    /// Returns which of the connected ports data goes through, by its index.
    ///
    /// # Errors
    ///
    /// When there is no port for the value, and no port `other`; or when the value can be no port, as Python cannot hash it.
    pub fn choose(&self, name: &str, connected: &[PortName], data: &Payload) -> Result<usize, TaskError> {
        let find = |wanted: &Value| connected.iter().position(|port| port.0.python_eq(wanted));
        let item = data.get(&self.item_name);
        if let Some(Value::List(_)) = item {
            return Err(TaskError::new(ErrorKind::Delivery, "TypeError", "unhashable type: 'list'"));
        }
        let wanted = item.and_then(port_of);
        wanted.and_then(|value| find(&value)).or_else(|| find(&RouterActor::OTHER.into())).ok_or_else(|| {
            TaskError::new(ErrorKind::Delivery, "RuntimeError", format!("No 'other' port for router actor '{name}'"))
        })
    }
}

/// The port that a value asks for; none for an object.
fn port_of(value: &Value) -> Option<Value> {
    match value {
        Value::Null => Some("null".into()),
        Value::Str(text) if text == "None" => Some("null".into()),
        Value::Bool(truth) => Some(if *truth { "true".into() } else { "false".into() }),
        Value::Map(_) => None,
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_choose_ports() {
        let router = RouterActor::new("x", ["null", "true"]);
        let connected: Vec<PortName> = vec!["true".into(), Value::Int(3).into(), "null".into(), "other".into()];
        let choose = |value: Value| router.choose("r", &connected, &Payload::single("x", value)).unwrap();
        assert_eq!(choose(Value::Bool(true)), 0);
        assert_eq!(choose(Value::from("true")), 0);
        assert_eq!(choose(Value::Float(3.0)), 1);
        assert_eq!(choose(Value::Null), 2);
        assert_eq!(choose(Value::from("None")), 2);
        assert_eq!(choose(Value::Bool(false)), 3);
        assert_eq!(choose(Value::map([("a", 1)])), 3);
        assert_eq!(router.choose("r", &connected, &Payload::new()).unwrap(), 3);
        let error = router.choose("r", &connected, &Payload::single("x", Value::list([1]))).unwrap_err();
        assert_eq!((error.type_name().as_str(), error.text()), ("TypeError", "unhashable type: 'list'"));
        let error = router.choose("r", &connected[..3], &Payload::new()).unwrap_err();
        assert_eq!(error.text(), "No 'other' port for router actor 'r'");
    }
}
