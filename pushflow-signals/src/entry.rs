//! Functions that can be the body of a process: found by name in the program that is executed again.

use std::error::Error as StdError;

use crate::error::Error;
use crate::link::Link;
use crate::start::program;

/// What a process has at its start.
#[derive(Debug)]
pub struct Inside {
    /// What its parent gave it.
    pub input: Vec<u8>,
    /// The other end of the parent's [`Link`]. Its end means that the parent has ended.
    pub link: Link,
}

/// What the body of a process returns: bytes for its parent, or an error, whose text its parent gets.
pub type Returned = Result<Vec<u8>, Box<dyn StdError + Send + Sync>>;

/// The body of a process.
pub type Body = fn(&mut Inside) -> Returned;

/// A function that is registered under a name, with [`register_process!`](crate::register_process).
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// The name, unique in the program.
    pub name: &'static str,
    /// The function.
    pub body: Body,
}

#[doc(hidden)]
#[linkme::distributed_slice]
pub static ENTRIES: [Registered];

/// Registers a function as the body of processes, under a name.
///
/// # Examples
///
/// ```
/// use pushflow_signals::{Inside, Returned};
///
/// fn lower(inside: &mut Inside) -> Returned {
///     Ok(inside.input.to_ascii_lowercase())
/// }
/// pushflow_signals::register_process!("lower", lower);
/// ```
#[macro_export]
macro_rules! register_process {
    ($name:expr, $body:path) => {
        const _: () = {
            #[$crate::linkme::distributed_slice($crate::entry::ENTRIES)]
            #[linkme(crate = $crate::linkme)]
            static ENTRY: $crate::entry::Registered = $crate::entry::Registered { name: $name, body: $body };
        };
    };
}

/// Finds a registered function.
///
/// # Errors
///
/// When there is none of that name, or more than one.
pub(crate) fn find(name: &str) -> Result<Body, Error> {
    if name == program::NAME {
        return Ok(program::become_program);
    }
    let mut found = ENTRIES.iter().filter(|entry| entry.name == name);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.body),
        (first, second) => {
            let mut known: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
            known.sort_unstable();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let found = usize::from(first.is_some()) + usize::from(second.is_some()) + found.count();
            Err(Error::UnknownProcess { name: name.to_owned(), found, known })
        }
    }
}
