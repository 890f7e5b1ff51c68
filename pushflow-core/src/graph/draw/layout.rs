//! Placing groups in groups: each is arranged by itself, and then is a box in the one around it.

use super::diagram::{Diagram, Group, Member};
use super::layers::{Point, Size, arrange, float};

/// Where everything is. All points are those of the whole.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Rect>,
    pub(super) groups: Vec<(String, Rect)>,
    /// For each link, where it goes between its ends.
    pub(super) ways: Vec<Vec<Point>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn center(&self) -> f64 {
        self.x + self.width / 2.0
    }
}

/// Space inside a group, and for its name above.
const PADDING: f64 = 18.0;
const NAME: f64 = 22.0;
const NODE_HEIGHT: f64 = 44.0;

/// What is inside a group, from its own upper left corner.
struct Inside {
    size: Size,
    nodes: Vec<(usize, Rect)>,
    groups: Vec<(String, Rect)>,
    ways: Vec<(usize, Vec<Point>)>,
}

/// Places a diagram.
pub(super) fn place(diagram: &Diagram) -> Layout {
    let inside = inside(diagram, &diagram.root);
    let mut layout = Layout {
        nodes: vec![Rect::default(); diagram.nodes.len()],
        groups: inside.groups,
        ways: vec![Vec::new(); diagram.links.len()],
        width: inside.size.width,
        height: inside.size.height,
    };
    inside.nodes.into_iter().for_each(|(node, rect)| layout.nodes[node] = rect);
    inside.ways.into_iter().for_each(|(link, way)| layout.ways[link] = way);
    layout
}

/// Arranges the members of a group; nesting is bounded on loading.
fn inside(diagram: &Diagram, group: &Group) -> Inside {
    let mut member_of = vec![usize::MAX; diagram.nodes.len()];
    let mut sizes = Vec::with_capacity(group.members.len());
    let mut inner: Vec<Option<Inside>> = Vec::with_capacity(group.members.len());
    for (index, member) in group.members.iter().enumerate() {
        match member {
            Member::Node(node) => {
                member_of[*node] = index;
                let drawn = &diagram.nodes[*node];
                let width = text_width(&drawn.label, 7.6).max(text_width(&drawn.task, 6.2)) + 24.0;
                sizes.push(Size { width: width.max(70.0), height: NODE_HEIGHT });
                inner.push(None);
            }
            Member::Group(group) => {
                group.nodes().into_iter().for_each(|node| member_of[node] = index);
                let inside = inside(diagram, group);
                let width = inside.size.width.max(text_width(&group.name, 7.0)) + 2.0 * PADDING;
                sizes.push(Size { width, height: inside.size.height + 2.0 * PADDING + NAME });
                inner.push(Some(inside));
            }
        }
    }
    let mut lines = Vec::new();
    let mut of_lines = Vec::new();
    for (index, link) in diagram.links.iter().enumerate() {
        let ends = (member_of[link.source], member_of[link.target]);
        if ends.0 != usize::MAX && ends.1 != usize::MAX && ends.0 != ends.1 {
            lines.push(ends);
            of_lines.push(index);
        }
    }
    let layered = arrange(&sizes, &lines);
    let mut all = Inside { size: layered.size, nodes: Vec::new(), groups: Vec::new(), ways: Vec::new() };
    all.ways.extend(of_lines.into_iter().zip(layered.ways));
    for ((member, inside), (corner, size)) in group.members.iter().zip(inner).zip(layered.corners.iter().zip(&sizes)) {
        let rect = Rect { x: corner.x, y: corner.y, width: size.width, height: size.height };
        match (member, inside) {
            (Member::Node(node), _) => all.nodes.push((*node, rect)),
            (Member::Group(group), Some(inside)) => {
                all.groups.push((group.name.clone(), rect));
                let by = Point { x: corner.x + (size.width - inside.size.width) / 2.0, y: corner.y + PADDING + NAME };
                all.take(inside, by);
            }
            (Member::Group(_), None) => {}
        }
    }
    all
}

impl Inside {
    /// Takes what is inside a member, moved to its place.
    fn take(&mut self, inside: Inside, by: Point) {
        let moved = |rect: Rect| Rect { x: rect.x + by.x, y: rect.y + by.y, ..rect };
        self.nodes.extend(inside.nodes.into_iter().map(|(node, rect)| (node, moved(rect))));
        self.groups.extend(inside.groups.into_iter().map(|(name, rect)| (name, moved(rect))));
        let point = |point: Point| Point { x: point.x + by.x, y: point.y + by.y };
        self.ways.extend(inside.ways.into_iter().map(|(link, way)| (link, way.into_iter().map(point).collect())));
    }
}

/// About how wide a text is, when its usual characters are so wide.
pub(super) fn text_width(text: &str, character: f64) -> f64 {
    // From here on characters are mostly twice as wide.
    const WIDE: char = '\u{1100}';
    let wide = text.chars().filter(|c| *c >= WIDE && *c != '…').count();
    character * float(text.chars().count() + wide)
}

#[cfg(test)]
mod tests {
    use super::super::super::Format;
    use super::super::super::load::{LoadOptions, load_text};
    use super::*;

    fn placed(text: &str) -> (Diagram, Layout) {
        let diagram = Diagram::of(&load_text(text, Format::Json, &LoadOptions::default()).unwrap());
        let layout = place(&diagram);
        (diagram, layout)
    }

    fn holds(outer: &Rect, inner: &Rect) -> bool {
        outer.x <= inner.x
            && outer.y <= inner.y
            && inner.x + inner.width <= outer.x + outer.width
            && inner.y + inner.height <= outer.y + outer.height
    }

    fn overlap(one: &Rect, other: &Rect) -> bool {
        one.x < other.x + other.width
            && other.x < one.x + one.width
            && one.y < other.y + other.height
            && other.y < one.y + one.height
    }

    /// `a -> s(t(b -> c), d) -> e`, in which `s` and `t` are workflows.
    const NESTED: &str = r#"{"nodes": [
        {"id": "a", "method": "m.f"},
        {"id": "s", "task_type": "graph", "task_identifier": {
            "graph": {"id": "s", "input_nodes": [{"id": "in", "node": "t", "sub_node": "b"}], "output_nodes": [{"id": "out", "node": "d"}]},
            "nodes": [
                {"id": "t", "task_type": "graph", "task_identifier": {
                    "nodes": [{"id": "b", "method": "m.f"}, {"id": "c", "method": "m.a_long_name_of_a_function"}],
                    "links": [{"source": "b", "target": "c"}]}},
                {"id": "d", "method": "m.f"}],
            "links": [{"source": "t", "target": "d", "sub_source": "c"}]}},
        {"id": "e", "method": "m.f"}],
      "links": [{"source": "a", "target": "s", "sub_target": "in"}, {"source": "s", "target": "e", "sub_source": "out"}]}"#;

    #[test]
    fn groups_are_around_what_is_in_them_and_nothing_else() {
        let (diagram, layout) = placed(NESTED);
        let node = |label: &str| {
            let index = diagram.nodes.iter().position(|node| node.label == label).unwrap();
            &layout.nodes[index]
        };
        let group = |name: &str| &layout.groups.iter().find(|(found, _)| found == name).unwrap().1;
        let (s, t) = (group("s"), group("t"));
        assert!(holds(s, t) && holds(s, node("d")) && holds(t, node("b")) && holds(t, node("c")));
        assert!(!overlap(t, node("d")) && !overlap(s, node("a")) && !overlap(s, node("e")));
        assert!(node("b").y >= t.y + NAME, "its name is above");
        let whole = Rect { x: 0.0, y: 0.0, width: layout.width, height: layout.height };
        assert!(holds(&whole, s) && layout.nodes.iter().all(|node| holds(&whole, node)));
        // Down, as things go.
        let heights = ["a", "b", "c", "d", "e"].map(|label| node(label).y);
        assert!(heights.is_sorted_by(|one, other| one < other), "{heights:?}");
    }

    #[test]
    fn a_node_is_as_wide_as_what_is_written_in_it() {
        let (diagram, layout) = placed(NESTED);
        for (drawn, rect) in diagram.nodes.iter().zip(&layout.nodes) {
            assert!(rect.width > text_width(&drawn.task, 6.2) && rect.width > text_width(&drawn.label, 7.6));
            assert!((rect.center() - rect.x - rect.width / 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(text_width("ab…", 2.0), 6.0);
        assert_eq!(text_width("一b", 2.0), 6.0);
    }
}
