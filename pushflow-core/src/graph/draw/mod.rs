//! Drawing a loaded workflow: as SVG, or in the languages of Graphviz and Mermaid.
//!
//! [`Diagram`] says what is drawn: nodes in groups, one for each sub-workflow, and links of three kinds. `svg` places it by
//! layers: a node is below what leads to it, apart from ways back in loops.

mod diagram;
mod dot;
mod layers;
mod layout;
mod mermaid;
mod svg;

pub use diagram::Diagram;
pub use svg::TooLarge;
