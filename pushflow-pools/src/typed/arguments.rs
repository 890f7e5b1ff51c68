//! [`Arguments`]: tuples that become the inputs of a task, and come out of them again.

use pushflow_core::error::ErrorKind;
use pushflow_core::value::{ConvertError, from_value_ref, to_value};
use pushflow_core::{Key, Payload, TaskError, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::function::{Call, Function};

/// What may be an argument: anything that serde can take apart and put together again.
pub trait Argument: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Argument for T {}

/// The arguments of a function: tuples of up to twelve [`Argument`]s.
pub trait Arguments: Sized {
    /// How many there are.
    const COUNT: usize;

    /// Makes the inputs of a task: each argument under its position, from 0.
    ///
    /// # Errors
    ///
    /// The position of an argument that has no value, and why.
    fn into_payload(self) -> Result<Payload, (usize, ConvertError)>;

    /// Adds the values to others; adds none of them on an error.
    ///
    /// # Errors
    ///
    /// As [`into_payload`](Self::into_payload).
    fn append_to(self, values: &mut Vec<Value>) -> Result<(), (usize, ConvertError)>;

    /// Reads the inputs of a task: by position, or by the names of the parameters, as a workflow gives them.
    ///
    /// # Errors
    ///
    /// When their number or the type of one is wrong.
    fn read(function: &str, names: &[&str], inputs: &Payload) -> Result<Self, TaskError>;
}

/// The error of arguments that do not fit.
pub(super) fn misfit(message: String) -> TaskError {
    TaskError::new(ErrorKind::Inputs, "TypeError", message)
}

/// The error of an argument that has no value.
pub(super) fn no_value(function: &str, (position, error): (usize, ConvertError)) -> TaskError {
    misfit(format!("argument {position} of `{function}`: {error}"))
}

fn argument<T: DeserializeOwned>(
    function: &str,
    names: &[&str],
    inputs: &Payload,
    position: usize,
) -> Result<T, TaskError> {
    let name = names.get(position).copied().unwrap_or("");
    match inputs.get_key(&Key::Position(position as u64)).or_else(|| inputs.get(name)) {
        Some(value) => {
            from_value_ref(value).map_err(|error| misfit(format!("argument `{name}` of `{function}`: {error}")))
        }
        None => Err(misfit(format!("`{function}` got no argument `{name}`"))),
    }
}

macro_rules! tuples {
    ($($count:literal: $($type:ident $value:ident $position:tt),*;)*) => {
        $(impl<$($type: Argument),*> Arguments for ($($type,)*) {
            const COUNT: usize = $count;

            fn into_payload(self) -> Result<Payload, (usize, ConvertError)> {
                let values: [Value; $count] = [$(to_value(&self.$position).map_err(|error| ($position, error))?),*];
                Ok(Payload::positions(values))
            }

            fn append_to(self, values: &mut Vec<Value>) -> Result<(), (usize, ConvertError)> {
                let own: [Value; $count] = [$(to_value(&self.$position).map_err(|error| ($position, error))?),*];
                values.extend(own);
                Ok(())
            }

            fn read(function: &str, names: &[&str], inputs: &Payload) -> Result<Self, TaskError> {
                if inputs.len() != $count {
                    let (wanted, found) = (names.join(", "), inputs.len());
                    return Err(misfit(format!("`{function}` takes {} arguments ({wanted}), found {found}", $count)));
                }
                Ok(($(argument::<$type>(function, names, inputs, $position)?,)*))
            }
        }

        impl<$($type: Argument,)* R> Function<($($type,)*), R> {
            /// Makes a call of the function, to be submitted to a pool.
            #[allow(clippy::too_many_arguments, reason = "as many as the function has: not too many in all arities")]
            pub fn call(self, $($value: $type),*) -> Call<R> {
                self.call_with(($($value,)*))
            }
        })*
    };
}

tuples! {
    0: ;
    1: A a 0;
    2: A a 0, B b 1;
    3: A a 0, B b 1, C c 2;
    4: A a 0, B b 1, C c 2, D d 3;
    5: A a 0, B b 1, C c 2, D d 3, E e 4;
    6: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5;
    7: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6;
    8: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7;
    9: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8;
    10: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9;
    11: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10;
    12: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11;
}
