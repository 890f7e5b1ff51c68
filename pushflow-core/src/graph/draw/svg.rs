//! Drawing as SVG.

use std::fmt::Write;

use super::diagram::{Diagram, LinkKind};
use super::layers::{Point, float};
use super::layout::{Layout, Rect, place, text_width};

/// More nodes or links than anybody could look at.
const MOST: usize = 1000;
const MARGIN: f64 = 24.0;
const LEGEND: f64 = 30.0;

/// A workflow that is too large for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{nodes} nodes and {links} links are too many for a picture, the most are {MOST} of each")]
pub struct TooLarge {
    /// Its nodes.
    pub nodes: usize,
    /// Its links.
    pub links: usize,
}

const STYLE: &str = "text{font-family:sans-serif;text-anchor:middle;fill:#222}.label{font-size:13px;font-weight:bold}\
.task{font-size:10.5px;fill:#555}.when{font-size:10.5px;paint-order:stroke;stroke:#fff;stroke-width:4px}\
.name{font-size:12px;fill:#555;text-anchor:start}.node{fill:#fff;stroke:#555;stroke-width:1.2}\
.start{stroke:#1a7f37;stroke-width:2.4}.inner{fill:none;stroke:#555}.group{fill:#2a5db0;fill-opacity:.06;stroke:#2a5db0;\
stroke-opacity:.5}.link{fill:none;stroke:#444;stroke-width:1.4}.optional{stroke-dasharray:6 4}.error{stroke:#c0392b;\
stroke-dasharray:2 3}.legend{font-size:11px;text-anchor:start}";

pub(super) fn draw(diagram: &Diagram) -> Result<String, TooLarge> {
    let (nodes, links) = (diagram.nodes.len(), diagram.links.len());
    if nodes > MOST || links > MOST {
        return Err(TooLarge { nodes, links });
    }
    let layout = place(diagram);
    let legend = legend(diagram);
    // Room for loops of one node, beside it.
    let width = (layout.width + 2.0 * MARGIN + 24.0).max(legend.0 + 2.0 * MARGIN);
    let height = layout.height + 2.0 * MARGIN + LEGEND + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\">\n<title>{}</title>\n<style>{STYLE}</style>\n<defs>",
        escaped(&diagram.title)
    );
    for (name, color) in [("arrow", "#444"), ("error-arrow", "#c0392b")] {
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<marker id=\"{name}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto\"><path d=\"M0 1 L10 5 L0 9 z\" fill=\"{color}\"/></marker>"
        );
    }
    let _ = write!(
        svg,
        "</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<g transform=\"translate({:.1} {MARGIN})\">\n",
        (width - layout.width) / 2.0
    );
    for (name, rect) in &layout.groups {
        let _ = writeln!(
            svg,
            "<rect class=\"group\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            rect.x + 10.0,
            rect.y + 17.0,
            escaped(name)
        );
    }
    let lines = lines(diagram, &layout);
    for (link, line) in diagram.links.iter().zip(&lines) {
        let (class, arrow) = look(link.kind);
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{}\" marker-end=\"url(#{arrow})\"/>", path(line));
    }
    diagram.nodes.iter().zip(&layout.nodes).for_each(|(node, rect)| draw_node(node, rect, &mut svg));
    for (link, line) in diagram.links.iter().zip(&lines).filter(|(link, _)| !link.label.is_empty()) {
        let Point { x, y } = middle(line);
        let _ = writeln!(svg, "<text class=\"when\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(&link.label));
    }
    let place = layout.height + MARGIN + 34.0;
    let _ = write!(svg, "</g>\n<g transform=\"translate({MARGIN} {place:.1})\">{}</g>\n</svg>\n", legend.1);
    Ok(svg)
}

fn look(kind: LinkKind) -> (&'static str, &'static str) {
    match kind {
        LinkKind::Required => ("link", "arrow"),
        LinkKind::Optional => ("link optional", "arrow"),
        LinkKind::Error => ("link error", "error-arrow"),
    }
}

fn draw_node(node: &super::diagram::DrawnNode, rect: &Rect, svg: &mut String) {
    let Rect { x, y, width, height } = *rect;
    let class = if node.is_start { "node start" } else { "node" };
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>"
    );
    if node.is_end {
        let _ = write!(
            svg,
            "<rect class=\"inner\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\"/>",
            x + 3.0,
            y + 3.0,
            width - 6.0,
            height - 6.0
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"label\" x=\"{0:.1}\" y=\"{1:.1}\">{2}</text><text class=\"task\" x=\"{0:.1}\" y=\"{3:.1}\">{4}</text>",
        rect.center(),
        y + 20.0,
        escaped(&node.label),
        y + 35.0,
        escaped(&node.task)
    );
}

/// The points of each link, from node to node.
fn lines(diagram: &Diagram, layout: &Layout) -> Vec<Vec<Point>> {
    // Which links leave and enter each side of each node, with where they come from.
    let mut sides: Vec<[Vec<(f64, usize, bool)>; 2]> = vec![[Vec::new(), Vec::new()]; diagram.nodes.len()];
    let is_below = |link: &super::diagram::DrawnLink, index: usize| {
        let (from, to) = (&layout.nodes[link.source], &layout.nodes[link.target]);
        let next = layout.ways[index].first().map_or(to.y, |point| point.y);
        let last = layout.ways[index].last().map_or(from.y, |point| point.y);
        (next > from.y, last < to.y)
    };
    for (index, link) in diagram.links.iter().enumerate().filter(|(_, link)| link.source != link.target) {
        let (leaves_below, enters_above) = is_below(link, index);
        let (from, to) = (&layout.nodes[link.source], &layout.nodes[link.target]);
        let next = layout.ways[index].first().map_or(to.center(), |point| point.x);
        let last = layout.ways[index].last().map_or(from.center(), |point| point.x);
        sides[link.source][usize::from(leaves_below)].push((next, index, true));
        sides[link.target][usize::from(!enters_above)].push((last, index, false));
    }
    let mut begins = vec![Point { x: 0.0, y: 0.0 }; diagram.links.len()];
    let mut ends = begins.clone();
    for (rect, sides) in layout.nodes.iter().zip(&mut sides) {
        for (is_lower, side) in sides.iter_mut().enumerate() {
            side.sort_by(|one, other| one.0.total_cmp(&other.0));
            let count = float(side.len());
            for (place, (_, link, is_begin)) in side.iter().enumerate() {
                let x = rect.x + rect.width * (0.15 + 0.7 * (float(place) + 0.5) / count);
                let y = rect.y + if is_lower == 1 { rect.height } else { 0.0 };
                if *is_begin { begins[*link] = Point { x, y } } else { ends[*link] = Point { x, y } }
            }
        }
    }
    let of_link = |(index, link): (usize, &super::diagram::DrawnLink)| {
        if link.source == link.target {
            return beside(&layout.nodes[link.source]);
        }
        let way = layout.ways[index].iter().copied();
        [begins[index]].into_iter().chain(way).chain([ends[index]]).collect()
    };
    diagram.links.iter().enumerate().map(of_link).collect()
}

/// A loop of one node, on its right side.
fn beside(rect: &Rect) -> Vec<Point> {
    let right = rect.x + rect.width;
    [(0.0, 0.7), (22.0, 0.7), (22.0, 0.3), (0.0, 0.3)]
        .map(|(x, y)| Point { x: right + x, y: rect.y + y * rect.height })
        .into()
}

/// A curve through points, vertical in each of them; a loop of one node has corners.
fn path(line: &[Point]) -> String {
    let Some(first) = line.first() else { return String::new() };
    let mut path = format!("M{:.1} {:.1}", first.x, first.y);
    for pair in line.windows(2) {
        let [from, to] = pair else { continue };
        let between = f64::midpoint(from.y, to.y);
        let is_straight = (from.x - to.x).abs() < 0.05 || (from.y - to.y).abs() < 0.05;
        // Writing to a String cannot fail.
        let _ = if is_straight {
            write!(path, " L{:.1} {:.1}", to.x, to.y)
        } else {
            write!(path, " C{:.1} {between:.1} {:.1} {between:.1} {:.1} {:.1}", from.x, to.x, to.x, to.y)
        };
    }
    path
}

/// The middle of the part of a line where its label is.
fn middle(line: &[Point]) -> Point {
    let parts = line.len().saturating_sub(1);
    let part = parts / 2;
    match (line.get(part), line.get(part + 1)) {
        (Some(from), Some(to)) => Point { x: f64::midpoint(from.x, to.x), y: f64::midpoint(from.y, to.y) + 3.0 },
        _ => Point { x: 0.0, y: 0.0 },
    }
}

/// What the lines and boxes mean, in one row; returns its width, too.
fn legend(diagram: &Diagram) -> (f64, String) {
    let mut text = String::new();
    let mut x = 0.0;
    for kind in diagram.kinds() {
        let (class, arrow) = look(kind);
        let _ = write!(
            text,
            "<path class=\"{class}\" d=\"M{x:.1} 8 L{:.1} 8\" marker-end=\"url(#{arrow})\"/>\
             <text class=\"legend\" x=\"{:.1}\" y=\"12\">{}</text>",
            x + 34.0,
            x + 40.0,
            kind.describe()
        );
        x += 58.0 + text_width(kind.describe(), 6.2);
    }
    for (name, is_start, is_end) in [("start", true, false), ("end", false, true)] {
        let class = if is_start { "node start" } else { "node" };
        let _ = write!(text, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"1\" width=\"22\" height=\"14\" rx=\"3\"/>");
        if is_end {
            let _ = write!(
                text,
                "<rect class=\"inner\" x=\"{:.1}\" y=\"3\" width=\"18\" height=\"10\" rx=\"2\"/>",
                x + 2.0
            );
        }
        let _ = write!(text, "<text class=\"legend\" x=\"{:.1}\" y=\"12\">{name}</text>", x + 28.0);
        x += 46.0 + text_width(name, 6.2);
    }
    (x, text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
