//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(feature = "workflow")]

mod graph_analysis;
mod graph_check;
mod graph_drawing;
mod graph_loading;
mod large;
mod limits;
mod round_trips;
mod semantics;
mod workflow;
