//! [`Submodel`]: a part of a network with ports and error handling of its own.

use smol_str::SmolStr;

/// A part of a network that is entered and left through ports.
///
/// Errors of the actors in it that nobody in it handles go to the actors connected to the sub-model for errors, then to
/// the container around it.
#[derive(Clone, Debug)]
pub struct Submodel {
    /// Name of the sub-model.
    pub name: SmolStr,
    /// Names of its ports; `In` and `Out` by default.
    pub ports: Vec<SmolStr>,
}

impl Submodel {
    /// Creates a sub-model with the ports `In` and `Out`.
    pub fn new(name: impl Into<SmolStr>) -> Submodel {
        Submodel { name: name.into(), ports: vec!["In".into(), "Out".into()] }
    }

    /// Sets the names of the ports.
    #[must_use]
    pub fn with_ports<P: Into<SmolStr>>(mut self, ports: impl IntoIterator<Item = P>) -> Submodel {
        self.ports = ports.into_iter().map(Into::into).collect();
        self
    }
}

/// A port of a sub-model: passes data on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Port;
