//! [`Gate`]: which of the executions that are ready goes next, where their order matters.
//!
//! Pools run what they are given in their own order, so those that are to wait are kept here: a pool is given as many
//! executions as it runs at the same time, and one more for each that ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

/// What is ready and waits, per pool, and what the executions that run occupy.
#[derive(Debug)]
pub(super) struct Gate<T> {
    lanes: Vec<Lane<T>>,
    resources: HashMap<SmolStr, Amount>,
    arrivals: u64,
}

#[derive(Debug)]
struct Lane<T> {
    running: usize,
    capacity: Option<usize>,
    /// By priority, then by arrival.
    waiting: BTreeMap<(Reverse<i64>, u64), Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    needs: Needs,
    what: T,
}

#[derive(Debug)]
struct Amount {
    limit: f64,
    used: f64,
}

/// Amounts of resources.
pub(super) type Needs = Box<[(SmolStr, f64)]>;

/// Sums of amounts such as 0.1 are not exact.
const EXACT: f64 = 1e-9;

impl<T> Gate<T> {
    /// Starts with one lane for each pool, given by how many executions it runs at the same time at most.
    pub(super) fn new(
        capacities: impl IntoIterator<Item = Option<usize>>,
        resources: impl IntoIterator<Item = (SmolStr, f64)>,
    ) -> Gate<T> {
        let lane = |capacity| Lane { running: 0, capacity, waiting: BTreeMap::new() };
        let amount = |(name, limit)| (name, Amount { limit, used: 0.0 });
        Gate {
            lanes: capacities.into_iter().map(lane).collect(),
            resources: resources.into_iter().map(amount).collect(),
            arrivals: 0,
        }
    }

    /// Takes what is ready.
    pub(super) fn push(&mut self, lane: usize, priority: i64, needs: Needs, what: T) {
        self.lanes[lane].waiting.insert((Reverse(priority), self.arrivals), Entry { needs, what });
        self.arrivals += 1;
    }

    /// Lets the next one through, which counts as running from here on; returns its lane, too.
    pub(super) fn next(&mut self) -> Option<(usize, T)> {
        let Gate { lanes, resources, .. } = self;
        for (index, lane) in lanes.iter_mut().enumerate() {
            if lane.capacity.is_some_and(|capacity| lane.running >= capacity) {
                continue;
            }
            let found = lane.waiting.iter().find(|(_, entry)| fits(resources, &entry.needs));
            let Some(entry) = found.map(|(key, _)| *key).and_then(|key| lane.waiting.remove(&key)) else { continue };
            lane.running += 1;
            for (name, amount) in &entry.needs {
                resources.entry(name.clone()).and_modify(|of| of.used += amount);
            }
            return Some((index, entry.what));
        }
        None
    }

    /// One that was let through has ended.
    pub(super) fn leave(&mut self, lane: usize, needs: &[(SmolStr, f64)]) {
        self.lanes[lane].running -= 1;
        for (name, amount) in needs {
            self.resources.entry(name.clone()).and_modify(|of| of.used -= amount);
        }
    }
}

/// Whether there is room; always for one that has all of a resource for itself.
fn fits(resources: &HashMap<SmolStr, Amount>, needs: &[(SmolStr, f64)]) -> bool {
    needs
        .iter()
        .filter_map(|(name, amount)| Some((resources.get(name)?, amount)))
        .all(|(of, amount)| of.used + amount <= of.limit + EXACT || of.used <= EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(gate: &mut Gate<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| gate.next()).map(|(_, what)| what).collect()
    }

    #[test]
    fn the_highest_priority_goes_first_then_the_first_that_came() {
        let mut gate = Gate::new([Some(1)], []);
        for (priority, name) in [(0, "a"), (5, "b"), (-1, "c"), (5, "d")] {
            gate.push(0, priority, [].into(), name);
        }
        let mut order = Vec::new();
        while let Some((lane, name)) = gate.next() {
            order.push(name);
            assert!(gate.next().is_none(), "one at a time");
            gate.leave(lane, &[]);
        }
        assert_eq!(order, ["b", "d", "a", "c"]);
    }

    #[test]
    fn each_pool_has_its_own_room() {
        let mut gate = Gate::new([Some(1), None], []);
        for lane in [0, 0, 1, 1] {
            gate.push(lane, 0, [].into(), if lane == 0 { "bounded" } else { "free" });
        }
        assert_eq!(drain(&mut gate), ["bounded", "free", "free"]);
    }

    #[test]
    fn resources_are_not_occupied_twice() {
        let needs = |amount: f64| -> Needs { [("memory".into(), amount)].into() };
        let mut gate = Gate::new([None], [("memory".into(), 3.0)]);
        for (amount, name) in [(2.0, "a"), (2.0, "b"), (1.0, "c"), (9.0, "huge")] {
            gate.push(0, 0, needs(amount), name);
        }
        assert_eq!(drain(&mut gate), ["a", "c"], "what fits passes what does not");
        gate.leave(0, &needs(2.0));
        assert_eq!(drain(&mut gate), ["b"]);
        gate.leave(0, &needs(1.0));
        assert!(gate.next().is_none());
        gate.leave(0, &needs(2.0));
        assert_eq!(drain(&mut gate), ["huge"], "what never fits runs alone");
        let mut unlimited = Gate::new([None], []);
        (0..3).for_each(|_| unlimited.push(0, 0, needs(2.0), "x"));
        assert_eq!(drain(&mut unlimited).len(), 3);
    }
}
