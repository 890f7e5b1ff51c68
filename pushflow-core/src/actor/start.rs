//! [`StartActor`]: where a run begins.

/// Receives the data of the run and passes it on to all connected actors.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartActor;
