//! Placing boxes of one group in layers, after Sugiyama: each below what leads to it, ways back in loops apart.
//!
//! Lines that pass a layer get a place in it like boxes, so that they cross none.

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layered {
    /// Upper left corners of the boxes.
    pub(super) corners: Vec<Point>,
    /// For each line, where it passes layers between its ends, in its direction.
    pub(super) ways: Vec<Vec<Point>>,
    pub(super) size: Size,
}

/// Space between layers; lines and their labels are there.
const LAYER_GAP: f64 = 64.0;
/// Space between boxes.
const GAP: f64 = 28.0;
/// What a passing line takes.
const LINE: f64 = 16.0;
/// How often the order in the layers is improved, and the places.
const ROUNDS: usize = 12;
/// With more lines than this, crossings are not counted.
const MOST_COUNTED: usize = 2000;

/// A box or a passing line.
#[derive(Debug)]
struct Vertex {
    layer: usize,
    width: f64,
    /// Neighbours in the layers above and below.
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places boxes that are connected by lines, given by the indices of their ends.
pub(super) fn arrange(sizes: &[Size], lines: &[(usize, usize)]) -> Layered {
    let back = ways_back(sizes.len(), lines);
    let downward: Vec<(usize, usize)> =
        lines.iter().zip(&back).map(|((from, to), back)| if *back { (*to, *from) } else { (*from, *to) }).collect();
    let layers = layers(sizes.len(), &downward);
    let mut vertices: Vec<Vertex> = sizes
        .iter()
        .zip(&layers)
        .map(|(size, layer)| Vertex { layer: *layer, width: size.width, above: Vec::new(), below: Vec::new() })
        .collect();
    let passing: Vec<Vec<usize>> = downward.iter().map(|line| pass(&mut vertices, *line)).collect();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    vertices.iter().enumerate().for_each(|(index, vertex)| rows[vertex.layer].push(index));
    order(&mut rows, &vertices);
    let centers = centers(&rows, &vertices);
    let mut top = 0.0;
    let mut spans = Vec::with_capacity(rows.len());
    for row in &rows {
        let heights = row.iter().filter_map(|vertex| sizes.get(*vertex)).map(|size| size.height);
        let height = heights.fold(0.0, f64::max);
        spans.push((top, top + height));
        top += height + LAYER_GAP;
    }
    let left = vertices.iter().zip(&centers).map(|(vertex, x)| x - vertex.width / 2.0).fold(f64::INFINITY, f64::min);
    let right =
        vertices.iter().zip(&centers).map(|(vertex, x)| x + vertex.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let corners = sizes.iter().enumerate().map(|(index, size)| {
        let (begin, end) = spans[layers[index]];
        Point { x: centers[index] - size.width / 2.0 - left, y: (begin + end - size.height) / 2.0 }
    });
    let ways = passing.iter().zip(&back).map(|(passing, back)| {
        let mut way = Vec::with_capacity(2 * passing.len());
        for vertex in passing {
            let (begin, end) = spans[vertices[*vertex].layer];
            let x = centers[*vertex] - left;
            way.extend([Point { x, y: begin }, Point { x, y: end }]);
        }
        if *back {
            way.reverse();
        }
        way
    });
    let size = Size { width: (right - left).max(0.0), height: (top - LAYER_GAP).max(0.0) };
    Layered { corners: corners.collect(), ways: ways.collect(), size }
}

/// Which lines lead back in a loop, when boxes are gone through from the first one.
fn ways_back(boxes: usize, lines: &[(usize, usize)]) -> Vec<bool> {
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    let mut entered = vec![false; boxes];
    for (index, (from, to)) in lines.iter().enumerate() {
        outgoing[*from].push(index);
        entered[*to] = true;
    }
    let mut back = vec![false; lines.len()];
    // 0: not seen, 1: open, 2: done.
    let mut state = vec![0_u8; boxes];
    let roots = (0..boxes).filter(|index| !entered[*index]).chain(0..boxes);
    for root in roots {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        let mut stack = vec![(root, 0)];
        while let Some((at, next)) = stack.last_mut() {
            let Some(line) = outgoing[*at].get(*next).copied() else {
                state[*at] = 2;
                stack.pop();
                continue;
            };
            *next += 1;
            let to = lines[line].1;
            match state[to] {
                0 => {
                    state[to] = 1;
                    stack.push((to, 0));
                }
                1 => back[line] = true,
                _ => {}
            }
        }
    }
    back
}

/// The layer of each box: one below the lowest that leads to it. What nothing leads to is right above what it leads to.
fn layers(boxes: usize, downward: &[(usize, usize)]) -> Vec<usize> {
    let mut waits = vec![0; boxes];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    for (from, to) in downward.iter().filter(|(from, to)| from != to) {
        waits[*to] += 1;
        below[*from].push(*to);
    }
    let is_source: Vec<bool> = waits.iter().map(|count| *count == 0).collect();
    let mut layer = vec![0; boxes];
    let mut ready: Vec<usize> = (0..boxes).filter(|index| waits[*index] == 0).collect();
    while let Some(at) = ready.pop() {
        for to in &below[at] {
            layer[*to] = layer[*to].max(layer[at] + 1);
            waits[*to] -= 1;
            if waits[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    for index in (0..boxes).filter(|index| is_source[*index]) {
        if let Some(first) = below[index].iter().map(|to| layer[*to]).min() {
            layer[index] = first - 1;
        }
    }
    layer
}

/// Gives a line a place in each layer that it passes, and returns these.
fn pass(vertices: &mut Vec<Vertex>, (from, to): (usize, usize)) -> Vec<usize> {
    let mut passing = Vec::new();
    let mut last = from;
    for layer in vertices[from].layer + 1..vertices[to].layer {
        let index = vertices.len();
        vertices.push(Vertex { layer, width: LINE, above: vec![last], below: Vec::new() });
        vertices[last].below.push(index);
        passing.push(index);
        last = index;
    }
    if vertices[last].layer != vertices[to].layer {
        vertices[last].below.push(to);
        vertices[to].above.push(last);
    }
    passing
}

/// Orders each layer so that few lines cross: by the mean place of the neighbours, down and up.
fn order(rows: &mut Vec<Vec<usize>>, vertices: &[Vertex]) {
    let lines: usize = vertices.iter().map(|vertex| vertex.below.len()).sum();
    let mut best = (crossings(rows, vertices, lines), rows.clone());
    for round in 0..ROUNDS {
        let is_downward = round % 2 == 0;
        let mut places = places(rows, vertices.len());
        let count = rows.len();
        for step in 0..count {
            let row = if is_downward { step } else { count - 1 - step };
            let mean = |vertex: usize| {
                let neighbours = if is_downward { &vertices[vertex].above } else { &vertices[vertex].below };
                let sum: f64 = neighbours.iter().map(|neighbour| places[*neighbour]).sum();
                if neighbours.is_empty() { places[vertex] } else { sum / float(neighbours.len()) }
            };
            let mut keyed: Vec<(f64, usize)> = rows[row].iter().map(|vertex| (mean(*vertex), *vertex)).collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            rows[row] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            rows[row].iter().enumerate().for_each(|(place, vertex)| places[*vertex] = float(place));
        }
        let now = crossings(rows, vertices, lines);
        if now < best.0 {
            best = (now, rows.clone());
        }
    }
    *rows = best.1;
}

fn places(rows: &[Vec<usize>], count: usize) -> Vec<f64> {
    let mut places = vec![0.0; count];
    for row in rows {
        row.iter().enumerate().for_each(|(place, vertex)| places[*vertex] = float(place));
    }
    places
}

fn crossings(rows: &[Vec<usize>], vertices: &[Vertex], lines: usize) -> usize {
    if lines > MOST_COUNTED {
        return usize::MAX;
    }
    let places = places(rows, vertices.len());
    let mut crossings = 0;
    for row in rows {
        let lines: Vec<(f64, f64)> = row
            .iter()
            .flat_map(|vertex| vertices[*vertex].below.iter().map(|below| (places[*vertex], places[*below])))
            .collect();
        for (index, one) in lines.iter().enumerate() {
            crossings += lines[..index].iter().filter(|other| (one.0 - other.0) * (one.1 - other.1) < 0.0).count();
        }
    }
    crossings
}

/// Moves everything towards its neighbours, as far as the order and the widths allow.
fn centers(rows: &[Vec<usize>], vertices: &[Vertex]) -> Vec<f64> {
    let mut x = vec![0.0; vertices.len()];
    for row in rows {
        let mut left = 0.0;
        for vertex in row {
            x[*vertex] = left + vertices[*vertex].width / 2.0;
            left += vertices[*vertex].width + GAP;
        }
        row.iter().for_each(|vertex| x[*vertex] -= left / 2.0);
    }
    for round in 0..2 * ROUNDS {
        let is_downward = round % 2 == 0;
        for step in 0..rows.len() {
            let row = &rows[if is_downward { step } else { rows.len() - 1 - step }];
            let wanted: Vec<f64> = row.iter().map(|vertex| wanted(&vertices[*vertex], x[*vertex], &x)).collect();
            let apart = |one: usize, other: usize| (vertices[row[one]].width + vertices[row[other]].width) / 2.0 + GAP;
            let (mut from_left, mut from_right) = (wanted.clone(), wanted);
            for place in 1..row.len() {
                from_left[place] = from_left[place].max(from_left[place - 1] + apart(place - 1, place));
            }
            for place in (1..row.len()).rev() {
                from_right[place - 1] = from_right[place - 1].min(from_right[place] - apart(place - 1, place));
            }
            // Both keep the distances, so their mean does.
            for (place, vertex) in row.iter().enumerate() {
                x[*vertex] = f64::midpoint(from_left[place], from_right[place]);
            }
        }
    }
    x
}

/// The mean of the neighbours on both sides; of none, where it is.
fn wanted(vertex: &Vertex, here: f64, x: &[f64]) -> f64 {
    let neighbours = vertex.above.len() + vertex.below.len();
    if neighbours == 0 {
        return here;
    }
    vertex.above.iter().chain(&vertex.below).map(|neighbour| x[*neighbour]).sum::<f64>() / float(neighbours)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of boxes that anybody looks at are small")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOX: Size = Size { width: 80.0, height: 40.0 };

    fn overlap(one: &Point, other: &Point) -> bool {
        (one.x - other.x).abs() < BOX.width && (one.y - other.y).abs() < BOX.height
    }

    proptest! {
        #[test]
        fn boxes_never_overlap(lines in prop::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let layered = arrange(&[BOX; 12], &lines);
            for (index, one) in layered.corners.iter().enumerate() {
                prop_assert!(layered.corners[..index].iter().all(|other| !overlap(one, other)));
                prop_assert!(one.x >= -1e-6 && one.x + BOX.width <= layered.size.width + 1e-6);
                prop_assert!(one.y >= 0.0 && one.y + BOX.height <= layered.size.height + 1e-6);
            }
        }

        /// Ends of lines apart, whatever leads somewhere is above it, when there are no loops.
        #[test]
        fn what_follows_is_below(lines in prop::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let lines: Vec<(usize, usize)> = lines.into_iter().filter(|(from, to)| from < to).collect();
            let layered = arrange(&[BOX; 12], &lines);
            for (from, to) in lines {
                prop_assert!(layered.corners[from].y < layered.corners[to].y);
            }
        }
    }

    #[test]
    fn a_chain_is_straight_and_a_way_back_goes_round_it() {
        let layered = arrange(&[BOX; 3], &[(0, 1), (1, 2), (2, 0)]);
        assert!(layered.corners.windows(2).all(|pair| pair[0].y < pair[1].y));
        assert_eq!(layered.ways[2].len(), 2, "it passes the layer of the middle");
        let x = layered.ways[2][0].x;
        assert!(x < layered.corners[1].x || x > layered.corners[1].x + BOX.width);
        assert!(layered.ways[2][0].y > layered.ways[2][1].y, "upwards");
    }
}
