//! [`Part`]: what the supervisor waits for, of each worker.

use super::lane::LaneId;

/// What belongs to a worker is told apart in events by these, added to the lane's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Stream,
    Room,
    Process,
    Stdout,
    Stderr,
}

const PARTS: u64 = 8;

impl Part {
    pub(super) fn token(self, lane: LaneId) -> u64 {
        lane.0 * PARTS + self as u64
    }

    pub(super) fn of(token: u64) -> (LaneId, Part) {
        let part = match token % PARTS {
            0 => Part::Stream,
            1 => Part::Room,
            2 => Part::Process,
            3 => Part::Stdout,
            _ => Part::Stderr,
        };
        (LaneId(token / PARTS), part)
    }
}
