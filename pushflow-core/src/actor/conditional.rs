//! [`ConditionalActor`]: lets data pass when the conditions of a link hold.

use std::sync::Arc;

use crate::error::{ErrorKind, TaskError};
use crate::payload::{Key, Payload};
use crate::value::Value;

/// The conditions of one link.
///
/// Semantics: section "conditions" of the ewoks graph specification: Python equality; the else value of the source node
/// stands for all values that no link of the node wants.
#[derive(Clone, Debug)]
pub struct ConditionalActor {
    wanted: Vec<Wanted>,
    else_value: Value,
    carried: Option<Key>,
}

/// One condition: an output, the value that it should have, and the values that any link of the node wants for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the output.
    pub output: Key,
    /// The value that fulfils the condition.
    pub value: Value,
    /// All values that outgoing links of the source want for this output.
    pub known: Arc<[Value]>,
}

impl ConditionalActor {
    /// Creates the conditions of a link; all have to hold.
    pub fn new(wanted: Vec<Wanted>, else_value: Value) -> ConditionalActor {
        ConditionalActor { wanted, else_value, carried: None }
    }

    /// Has the conditions be about the entries of one output, a dictionary, and about the other outputs.
    ///
    /// Semantics: `ppfmethod` and `ppfport` nodes of ewoks, which carry a dictionary along.
    #[must_use]
    pub fn within(mut self, carried: impl Into<Key>) -> ConditionalActor {
        self.carried = Some(carried.into());
        self
    }

    /// Whether the outputs fulfil all conditions.
    ///
    /// # Errors
    ///
    /// When an output that Python cannot hash meets an else condition.
    pub fn holds(&self, outputs: &Payload) -> Result<bool, TaskError> {
        for wanted in &self.wanted {
            if !self.one_holds(wanted, outputs)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn actual<'a>(&self, output: &Key, outputs: &'a Payload) -> Option<&'a Value> {
        let Some(carried) = &self.carried else { return outputs.get_key(output) };
        let entries = outputs.get_key(carried).map(Value::shown).and_then(Value::as_map);
        let entry = |name: &smol_str::SmolStr| entries?.get(name);
        let found = if let Key::Name(name) = output { entry(name) } else { None };
        found.or_else(|| outputs.get_key(output).filter(|_| output != carried))
    }

    fn one_holds(&self, wanted: &Wanted, outputs: &Payload) -> Result<bool, TaskError> {
        let Some(actual) = self.actual(&wanted.output, outputs) else { return Ok(false) };
        if !wanted.value.python_eq(&self.else_value) {
            return Ok(actual.python_eq(&wanted.value));
        }
        if !actual.is_hashable() {
            let name = match actual {
                Value::Map(_) => "dict",
                Value::Missing => "MissingData",
                Value::Array(_) => "numpy.ndarray",
                Value::Opaque(opaque) => opaque.type_name.as_str(),
                _ => "list",
            };
            return Err(TaskError::new(ErrorKind::Delivery, "TypeError", format!("unhashable type: '{name}'")));
        }
        Ok(actual.python_eq(&self.else_value) || !wanted.known.iter().any(|known| actual.python_eq(known)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(else_value: Value, conditions: &[(&str, Value, &[Value])]) -> ConditionalActor {
        let wanted = conditions.iter().map(|(output, value, known)| Wanted {
            output: (*output).into(),
            value: value.clone(),
            known: known.iter().cloned().collect(),
        });
        ConditionalActor::new(wanted.collect(), else_value)
    }

    #[test]
    fn else_is_decided_per_output() {
        let star = || Value::from("*");
        let results = [Value::Int(3), star()];
        let smalls = [Value::Bool(false), star()];
        let outputs = Payload::from([("result", Value::Int(3)), ("too_small", Value::Bool(true))]);
        let cases =
            [(Value::Int(3), Value::Bool(false), false), (star(), star(), false), (Value::Int(3), star(), true)];
        for (result, small, expected) in cases {
            let link = link(star(), &[("result", result, &results), ("too_small", small, &smalls)]);
            assert_eq!(link.holds(&outputs).unwrap(), expected);
        }
    }

    #[test]
    fn null_means_else_unless_the_node_says_otherwise() {
        let known = [Value::Null, Value::Int(1)];
        let otherwise = link(Value::Null, &[("x", Value::Null, &known)]);
        assert!(otherwise.holds(&Payload::single("x", 5)).unwrap());
        assert!(!otherwise.holds(&Payload::single("x", true)).unwrap());
        assert!(otherwise.holds(&Payload::single("x", Value::Null)).unwrap());
        assert!(!otherwise.holds(&Payload::single("y", 5)).unwrap());
        let plain = link(Value::from("else"), &[("x", Value::Null, &known)]);
        assert!(!plain.holds(&Payload::single("x", 5)).unwrap());
        assert!(plain.holds(&Payload::single("x", Value::Null)).unwrap());
    }

    #[test]
    fn a_list_cannot_be_looked_up() {
        let otherwise = link(Value::Null, &[("x", Value::Null, &[Value::Null])]);
        let error = otherwise.holds(&Payload::single("x", Value::list([1]))).unwrap_err();
        assert_eq!((error.type_name().as_str(), error.text()), ("TypeError", "unhashable type: 'list'"));
        let plain = link(Value::Null, &[("x", Value::Int(1), &[Value::Int(1)])]);
        assert!(!plain.holds(&Payload::single("x", Value::list([1]))).unwrap());
    }
}
