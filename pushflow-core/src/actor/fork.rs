//! [`ForkActor`]: one in, all out.

/// Passes data on to all connected actors, in the order of connection. They share it: nothing is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForkActor;
