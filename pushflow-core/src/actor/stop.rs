//! [`StopActor`]: what is the result of a run.

use super::error_handler::ERROR_KEY;
use crate::payload::Payload;
use crate::value::Value;

/// Collects the result of the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct StopActor;

/// What the stop actor has so far.
///
/// The last result wins, a result wins over errors, and of errors the first one stays.
///
/// Semantics: pypushflow's `StopActor.outData`.
#[derive(Clone, Debug, Default)]
pub struct Stored(Option<Payload>);

impl Stored {
    /// Starts with what an earlier run left.
    pub fn from_earlier(data: Option<Payload>) -> Stored {
        Stored(data)
    }

    /// Takes what has arrived; returns what it does not keep.
    pub fn store(&mut self, data: Payload) -> Option<Payload> {
        if self.0.is_none() || !is_error(&data) { self.0.replace(data) } else { Some(data) }
    }

    /// Returns what there is.
    pub fn data(&self) -> Option<&Payload> {
        self.0.as_ref()
    }

    /// Whether what there is is an error.
    pub fn is_error(&self) -> bool {
        self.0.as_ref().is_some_and(is_error)
    }
}

/// Whether the data says that it is an error: a `WorkflowException` that Python takes for true.
fn is_error(data: &Payload) -> bool {
    match data.get(ERROR_KEY) {
        None | Some(Value::Null | Value::Bool(false) | Value::Int(0) | Value::Missing) => false,
        Some(Value::Str(text)) => !text.is_empty(),
        Some(Value::List(items)) => !items.is_empty(),
        Some(Value::Map(map)) => !map.is_empty(),
        Some(Value::Float(number)) => *number != 0.0,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i64) -> Payload {
        Payload::from([(ERROR_KEY, Value::map([("errorMessage", "x")])), ("n", Value::Int(number))])
    }

    fn after(all: &[Payload]) -> Payload {
        let mut stored = Stored::default();
        all.iter().for_each(|data| drop(stored.store(data.clone())));
        stored.data().cloned().unwrap()
    }

    #[test]
    fn precedence() {
        let (a, b) = (Payload::single("n", 1), Payload::single("n", 2));
        assert_eq!(after(&[a.clone(), b.clone()]), b, "the last result wins");
        assert_eq!(after(&[a.clone(), error(3)]), a, "a result outranks an error");
        assert_eq!(after(&[error(3), a.clone()]), a, "a result replaces an error");
        assert_eq!(after(&[error(3), error(4)]), error(3), "the first error stays");
        let cleared = Payload::single(ERROR_KEY, Value::Null);
        assert_eq!(after(&[a, cleared.clone()]), cleared, "an error that was taken away is none");
    }
}
