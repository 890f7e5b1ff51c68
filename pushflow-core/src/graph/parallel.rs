//! Joining parallel links: between two nodes there is one link at most.

use super::draft::DraftLink;
use super::error::GraphError;

/// Joins links that have the same source and the same target, into the first of them.
pub(super) fn join(links: &mut Vec<DraftLink>) -> Result<(), GraphError> {
    let ends = |index: usize, links: &[DraftLink]| (links[index].source, links[index].target);
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_unstable_by_key(|index| (ends(*index, links), *index));
    let mut joined = vec![false; links.len()];
    let mut first = 0;
    for at in 1..order.len() {
        if ends(order[at], links) != ends(order[first], links) {
            first = at;
            continue;
        }
        let later = std::mem::take(&mut links[order[at]].attributes);
        let place = links[order[at]].place.clone();
        links[order[first]].attributes.join(later).map_err(|error| error.at(place))?;
        joined[order[at]] = true;
    }
    drop(order);
    let mut index = 0;
    links.retain(|_| {
        index += 1;
        !joined[index - 1]
    });
    Ok(())
}
