//! Connecting default error handlers to the nodes whose errors nobody else handles.

use std::collections::{BTreeMap, HashMap};

use super::analysis::{Adjacency, reachable};
use super::attributes::Attributes;
use super::draft::Draft;

/// Links every node without error handler to every default error handler.
///
/// Nodes downstream of a handler, over whatever links, are left alone: their errors would trigger it again.
pub(super) fn connect(draft: &mut Draft) {
    let enabled: Vec<usize> =
        draft.handlers.iter().filter(|(_, handler)| handler.enabled).map(|(index, _)| *index).collect();
    let mut handlers: BTreeMap<usize, Attributes> = BTreeMap::new();
    for index in enabled {
        let handler = draft.handlers.remove(&index).unwrap_or_default();
        handlers.insert(index, handler.attributes.unwrap_or_default().of_default_handler());
    }
    if handlers.is_empty() {
        return;
    }
    let count = draft.nodes.len();
    let outgoing = Adjacency::outgoing(count, draft.ends());
    let mut covered = reachable(&outgoing, draft.ends(), handlers.keys().copied());
    for link in &draft.links {
        if link.attributes.on_error == Some(true) {
            covered[link.source as usize] = true;
        }
    }
    for index in handlers.keys() {
        covered[*index] = true;
    }
    let known: HashMap<(u32, u32), usize> = draft
        .ends()
        .enumerate()
        .filter(|(_, (_, target))| handlers.contains_key(&(*target as usize)))
        .map(|(index, ends)| (ends, index))
        .collect();
    for source in (0..count).filter(|source| !covered[*source]) {
        for (target, attributes) in &handlers {
            let ends = (u32::try_from(source).unwrap_or(u32::MAX), u32::try_from(*target).unwrap_or(u32::MAX));
            match known.get(&ends) {
                Some(index) => draft.links[*index].attributes.overwrite(attributes.clone()),
                None => draft.link(source, *target, attributes.clone(), draft.nodes[*target].place.clone()),
            }
        }
    }
}
