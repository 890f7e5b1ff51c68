//! [`RequestStatus`]: says how the run is doing.

use smol_str::SmolStr;

/// Sets the status text of the run and passes data on.
#[derive(Clone, Debug, Default)]
pub struct RequestStatus {
    /// The text; `None` only passes data on.
    pub status: Option<SmolStr>,
}

impl RequestStatus {
    /// Creates the actor for a status text.
    pub fn new(status: impl Into<SmolStr>) -> RequestStatus {
        RequestStatus { status: Some(status.into()) }
    }
}
