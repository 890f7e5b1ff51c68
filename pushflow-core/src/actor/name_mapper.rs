//! [`NameMapperActor`]: outputs of one node become inputs of another.

use crate::error::{ErrorKind, TaskError};
use crate::payload::{Key, Payload};

/// Renames the outputs that a link maps, and drops the others.
///
/// Semantics: `data_mapping` of the ewoks graph specification. A link with `map_all_data` needs no mapper.
#[derive(Clone, Debug)]
pub struct NameMapperActor {
    mapping: Vec<(Key, Key)>,
}

impl NameMapperActor {
    /// Creates a mapper from pairs of output and input names.
    pub fn new<A: Into<Key>, B: Into<Key>>(mapping: impl IntoIterator<Item = (A, B)>) -> NameMapperActor {
        NameMapperActor { mapping: mapping.into_iter().map(|(from, to)| (from.into(), to.into())).collect() }
    }

    /// Returns the inputs.
    ///
    /// # Errors
    ///
    /// `KeyError` when an output is not there.
    pub fn map(&self, outputs: &Payload) -> Result<Payload, TaskError> {
        let find = |(from, to): &(Key, Key)| match outputs.get_key(from) {
            Some(value) => Ok((to.clone(), value.clone())),
            None => Err(no_output(from)),
        };
        match self.mapping.as_slice() {
            [] => Ok(Payload::new()),
            [one] => find(one).map(|(to, value)| Payload::single(to, value)),
            many => many.iter().map(find).collect(),
        }
    }
}

fn no_output(name: &Key) -> TaskError {
    let shown = match name {
        Key::Name(name) => crate::value::Value::Str(name.clone()).python_repr(),
        Key::Position(position) => position.to_string(),
    };
    TaskError::new(ErrorKind::Delivery, "KeyError", shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_outputs_get_new_names() {
        let mapper = NameMapperActor::new([("a", Key::from("x")), ("a", Key::Position(0)), ("b", Key::from("x"))]);
        let inputs = mapper.map(&Payload::from([("a", 1), ("b", 2), ("c", 3)])).unwrap();
        assert_eq!(inputs, Payload::from([(Key::from("x"), 2), (Key::Position(0), 1)]));
        let error = mapper.map(&Payload::single("a", 1)).unwrap_err();
        assert_eq!((error.type_name().as_str(), error.text()), ("KeyError", "'b'"));
    }
}
