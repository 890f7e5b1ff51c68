//! [`InputMergeActor`]: when a node with several incoming links executes, and with what.

use crate::payload::Payload;

/// Waits for the required links of a node and merges what its links brought.
///
/// Semantics: section "execution" of the ewoks engine. Data of required links and of cached optional links is kept for
/// ever; data of other optional links waits in a buffer until all required data is there for the first time, then each
/// buffered datum executes the node once; later only the last one is retained. Merged later over earlier: start data,
/// required links in node order, cached links in node order, the optional datum.
#[derive(Clone, Debug)]
pub struct InputMergeActor {
    inputs: Vec<MergeInput>,
    kept: usize,
    required: usize,
}

/// What one connection into a merge brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeInput {
    /// The start of the run.
    Start,
    /// A required link.
    Required {
        /// Place among the kept data: required links first, in the order in which they are merged.
        slot: u32,
    },
    /// An optional link whose data is kept.
    Cached {
        /// Place among the kept data, after those of the required links.
        slot: u32,
    },
    /// An optional link.
    Optional,
}

/// What a merge has received in a run.
#[derive(Debug, Default)]
pub struct MergeState {
    start: Vec<Payload>,
    kept: Vec<Option<Payload>>,
    /// Required links that have brought data.
    arrived: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Required data is still missing: optional data in order of arrival.
    Buffering(Vec<Payload>),
    /// The node has executed: the last optional datum.
    Retaining(Option<Payload>),
}

impl Default for Phase {
    fn default() -> Phase {
        Phase::Buffering(Vec::new())
    }
}

impl InputMergeActor {
    /// Creates a merge; the inputs are in the order in which its connections are made.
    pub fn new(inputs: Vec<MergeInput>) -> InputMergeActor {
        let required = inputs.iter().filter(|input| matches!(input, MergeInput::Required { .. })).count();
        let cached = inputs.iter().filter(|input| matches!(input, MergeInput::Cached { .. })).count();
        InputMergeActor { inputs, kept: required + cached, required }
    }

    /// Returns the number of its inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Takes what arrives over one connection, and calls `execute` with the data of each execution that this starts.
    pub fn deliver(&self, state: &mut MergeState, input: u32, data: Payload, mut execute: impl FnMut(Payload)) {
        self.store(state, input, data);
        if state.arrived < self.required {
            return;
        }
        match std::mem::replace(&mut state.phase, Phase::Retaining(None)) {
            Phase::Buffering(buffer) if buffer.is_empty() => execute(merged(state, None)),
            Phase::Buffering(buffer) => {
                buffer.iter().for_each(|datum| execute(merged(state, Some(datum))));
                state.phase = Phase::Retaining(buffer.into_iter().next_back());
            }
            Phase::Retaining(retained) => {
                execute(merged(state, retained.as_ref()));
                state.phase = Phase::Retaining(retained);
            }
        }
    }

    fn store(&self, state: &mut MergeState, input: u32, data: Payload) {
        if state.kept.is_empty() && self.kept > 0 {
            state.kept.resize_with(self.kept, || None);
        }
        match self.inputs[input as usize] {
            MergeInput::Start => state.start.push(data),
            MergeInput::Required { slot } => {
                let old = state.kept[slot as usize].replace(data);
                state.arrived += usize::from(old.is_none());
            }
            MergeInput::Cached { slot } => state.kept[slot as usize] = Some(data),
            MergeInput::Optional => match &mut state.phase {
                Phase::Buffering(buffer) => buffer.push(data),
                Phase::Retaining(retained) => *retained = Some(data),
            },
        }
    }
}

fn merged(state: &MergeState, optional: Option<&Payload>) -> Payload {
    Payload::merge_all(state.start.iter().chain(state.kept.iter().flatten()).chain(optional))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Delivers in the order of names and shows which data each execution had.
    fn executions(inputs: &[(&str, MergeInput)], arrivals: &[&str]) -> Vec<String> {
        let merge = InputMergeActor::new(inputs.iter().map(|(_, input)| *input).collect());
        let mut state = MergeState::default();
        let mut seen = Vec::new();
        for name in arrivals {
            let input = inputs.iter().position(|(known, _)| known == name).unwrap();
            merge.deliver(&mut state, input.try_into().unwrap(), Payload::single(*name, 1), |data| {
                seen.push(data.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>().join("+"));
            });
        }
        seen
    }

    /// The rules as the semantics has them, said as simply as possible: arrivals are numbers of inputs, and each
    /// datum is named after its input. Returns the names in each execution, in the order of merging.
    fn model(inputs: &[MergeInput], arrivals: &[usize]) -> Vec<Vec<usize>> {
        let slot = |input: &usize| match inputs[*input] {
            MergeInput::Required { slot } | MergeInput::Cached { slot } => Some(slot),
            _ => None,
        };
        let is_required = |input: &usize| matches!(inputs[*input], MergeInput::Required { .. });
        let needed: Vec<usize> = (0..inputs.len()).filter(is_required).collect();
        let (mut executions, mut buffer, mut retained, mut has_executed) = (Vec::new(), Vec::new(), None, false);
        for (count, arrival) in arrivals.iter().enumerate() {
            let so_far = &arrivals[..=count];
            if inputs[*arrival] == MergeInput::Optional {
                if has_executed { retained = Some(*arrival) } else { buffer.push(*arrival) }
            }
            if !needed.iter().all(|input| so_far.contains(input)) {
                continue;
            }
            let mut kept: Vec<usize> = (0..inputs.len()).filter(|input| so_far.contains(input)).collect();
            kept.retain(|input| slot(input).is_some());
            kept.sort_by_key(slot);
            let starts = so_far.iter().filter(|input| inputs[**input] == MergeInput::Start).take(1);
            let base: Vec<usize> = starts.copied().chain(kept).collect();
            let data = if has_executed || buffer.is_empty() {
                vec![retained]
            } else {
                retained = buffer.last().copied();
                buffer.drain(..).map(Some).collect()
            };
            has_executed = true;
            executions.extend(data.into_iter().map(|datum| base.iter().copied().chain(datum).collect::<Vec<_>>()));
        }
        executions
    }

    proptest! {
        #[test]
        fn merging_follows_the_rules(
            kinds in prop::collection::vec(0_u8..3, 1..6),
            has_start in any::<bool>(),
            arrivals in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let required = u32::try_from(kinds.iter().filter(|kind| **kind == 0).count()).unwrap();
            let (mut required_slots, mut cached_slots) = ((0..required).rev(), required..);
            let inputs: Vec<MergeInput> = has_start.then_some(MergeInput::Start).into_iter().chain(kinds.iter().map(|kind| match kind {
                0 => MergeInput::Required { slot: required_slots.next().unwrap() },
                1 => MergeInput::Cached { slot: cached_slots.next().unwrap() },
                _ => MergeInput::Optional,
            })).collect();
            let arrivals: Vec<usize> = arrivals.iter().map(|index| index.index(inputs.len())).collect();
            let names: Vec<String> = (0..inputs.len()).map(|input| input.to_string()).collect();
            let named: Vec<(&str, MergeInput)> = names.iter().map(String::as_str).zip(inputs.iter().copied()).collect();
            let arrived: Vec<&str> = arrivals.iter().map(|input| names[*input].as_str()).collect();
            let expected: Vec<String> = model(&inputs, &arrivals).iter().map(|names| {
                names.iter().map(usize::to_string).collect::<Vec<_>>().join("+")
            }).collect();
            prop_assert_eq!(executions(&named, &arrived), expected);
        }
    }

    #[test]
    fn optional_data_without_cache() {
        let inputs = [
            ("r", MergeInput::Required { slot: 0 }),
            ("o1", MergeInput::Optional),
            ("o2", MergeInput::Optional),
            ("o3", MergeInput::Optional),
        ];
        let run = |arrivals: &[&str]| executions(&inputs, arrivals);
        assert_eq!(run(&["o1", "r"]), ["r+o1"]);
        assert_eq!(run(&["r", "o1"]), ["r", "r+o1"]);
        assert_eq!(run(&["o1", "o2", "r"]), ["r+o1", "r+o2"]);
        assert_eq!(run(&["o1", "o2", "r", "o3"]), ["r+o1", "r+o2", "r+o3"]);
        assert_eq!(run(&["r", "o1", "r"]), ["r", "r+o1", "r+o1"]);
        assert_eq!(executions(&inputs[1..], &["o1", "o2"]), ["o1", "o2"]);
    }

    #[test]
    fn optional_data_with_cache() {
        let inputs = [
            ("r", MergeInput::Required { slot: 0 }),
            ("o1", MergeInput::Cached { slot: 1 }),
            ("o2", MergeInput::Cached { slot: 2 }),
        ];
        let run = |arrivals: &[&str]| executions(&inputs, arrivals);
        assert_eq!(run(&["o1", "o2", "r"]), ["r+o1+o2"]);
        assert_eq!(run(&["o1", "r", "o2"]), ["r+o1", "r+o1+o2"]);
        let free = [("o1", MergeInput::Cached { slot: 0 }), ("o2", MergeInput::Cached { slot: 1 })];
        assert_eq!(executions(&free, &["o1", "o2"]), ["o1", "o1+o2"]);
    }

    #[test]
    fn start_data_waits_for_required_links_and_comes_first() {
        let inputs = [("s", MergeInput::Start), ("r", MergeInput::Required { slot: 0 }), ("o", MergeInput::Optional)];
        assert_eq!(executions(&inputs, &["s", "r", "o"]), ["s+r", "s+r+o"]);
        assert_eq!(executions(&[inputs[0], inputs[2]], &["s", "o"]), ["s", "s+o"]);
    }

    #[test]
    fn kept_data_merges_by_slot_not_by_arrival() {
        let inputs = [("b", MergeInput::Required { slot: 1 }), ("a", MergeInput::Required { slot: 0 })];
        assert_eq!(executions(&inputs, &["b", "a"]), ["a+b"]);
        assert_eq!(executions(&inputs, &["a", "b", "a"]), ["a+b", "a+b"]);
    }
}
