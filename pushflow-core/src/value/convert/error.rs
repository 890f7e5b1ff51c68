//! [`ConvertError`]: what does not fit, and where.

use std::fmt::{self, Write};

use serde::de::{Expected, Unexpected};

/// Why a value is not of the wanted type, or a type has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    place: String,
    fault: Fault,
}

/// What a [`ConvertError`] complains about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Something else was wanted.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// What was wanted.
        expected: String,
        /// What is there; long texts are shortened.
        found: String,
    },
    /// The keys of a map cannot be texts.
    #[error("{found} cannot be a key of a map")]
    Key {
        /// The type of the key.
        found: &'static str,
    },
    /// Values are nested too deep.
    #[error("more than {limit} levels of nesting")]
    TooDeep {
        /// How many levels there may be.
        limit: u32,
    },
    /// What a type says about itself: a field is missing, a variant unknown, ...
    #[error("{0}")]
    Type(String),
}

/// Of texts that are found, as many bytes are shown.
const MOST_SHOWN: usize = 60;

impl ConvertError {
    /// Returns what is wrong.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// Returns where it is wrong, like `[3].name`; empty for the whole value.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    pub(super) fn mismatch(expected: &dyn Expected, found: impl Into<String>) -> ConvertError {
        Fault::Mismatch { expected: expected.to_string(), found: found.into() }.into()
    }

    /// Puts the error into an item of a list.
    pub(super) fn at_index(mut self, index: usize) -> ConvertError {
        self.0.place.insert_str(0, &format!("[{index}]"));
        self
    }

    /// Puts the error under a key of a map.
    pub(super) fn at_key(mut self, key: &str) -> ConvertError {
        let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
        let step = if is_plain { format!(".{key}") } else { format!("[{key:?}]") };
        self.0.place.insert_str(0, &step);
        self
    }
}

impl From<Fault> for ConvertError {
    fn from(fault: Fault) -> ConvertError {
        ConvertError(Box::new(Inner { place: String::new(), fault }))
    }
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fault.fmt(f)?;
        match self.0.place.trim_start_matches('.') {
            "" => Ok(()),
            place => write!(f, " at `{place}`"),
        }
    }
}

impl std::error::Error for ConvertError {}

impl serde::ser::Error for ConvertError {
    fn custom<T: fmt::Display>(message: T) -> ConvertError {
        Fault::Type(message.to_string()).into()
    }
}

impl serde::de::Error for ConvertError {
    fn custom<T: fmt::Display>(message: T) -> ConvertError {
        Fault::Type(message.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> ConvertError {
        ConvertError::mismatch(expected, describe(found))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> ConvertError {
        ConvertError::mismatch(expected, describe(found))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> ConvertError {
        ConvertError::mismatch(expected, format!("{length} items"))
    }
}

/// Names what was found, in the words of values rather than of serde.
fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(truth) => format!("boolean {truth}"),
        Unexpected::Float(number) => format!("number {number:?}"),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "list".to_owned(),
        Unexpected::Map => "object".to_owned(),
        Unexpected::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Unexpected::Unsigned(number) => format!("integer {number}"),
        Unexpected::Signed(number) => format!("integer {number}"),
        Unexpected::Str(text) if text.len() > MOST_SHOWN => {
            let mut shown = String::from("text \"");
            shown.extend(text.chars().take(MOST_SHOWN).flat_map(char::escape_debug));
            // Writing to a String cannot fail.
            let _ = write!(shown, "...\" of {} bytes", text.len());
            shown
        }
        Unexpected::Str(text) => format!("text {text:?}"),
        other => other.to_string(),
    }
}
