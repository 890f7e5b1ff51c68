//! [`JoinActor`]: waits for all its connections.

use crate::payload::Payload;

/// Collects data until as much has come as there are incoming connections, then passes the union on.
///
/// Later arrivals overwrite. It fires once in a run.
///
/// Semantics: pypushflow's `JoinActor`, with state that lives in the run instead of the actor.
#[derive(Clone, Copy, Debug, Default)]
pub struct JoinActor;

/// What a join has collected in a run.
#[derive(Clone, Debug, Default)]
pub struct JoinState {
    arrived: usize,
    collected: Vec<Payload>,
}

impl JoinState {
    /// Takes one arrival; returns the union when it is the last of `connections`.
    pub fn arrive(&mut self, connections: usize, data: Payload) -> Option<Payload> {
        self.arrived += 1;
        if self.arrived > connections {
            return None;
        }
        self.collected.push(data);
        (self.arrived == connections).then(|| Payload::merge_all(&std::mem::take(&mut self.collected)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fires_once() {
        let mut state = JoinState::default();
        assert_eq!(state.arrive(2, Payload::from([("a", 1), ("b", 1)])), None);
        let union = state.arrive(2, Payload::from([("b", 2)]));
        assert_eq!(union, Some(Payload::from([("a", 1), ("b", 2)])));
        assert_eq!(state.arrive(2, Payload::from([("b", 3)])), None);
        assert_eq!(state.arrive(2, Payload::from([("b", 3)])), None);
    }
}
