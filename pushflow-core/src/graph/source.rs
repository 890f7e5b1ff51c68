//! [`Source`]: the text of a document, and the places in it.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{GraphError, GraphErrorKind};
use super::place::Place;

/// How deeply values and ids may be nested, as in `serde_json`.
pub(super) const MAX_DEPTH: usize = 128;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML, of which JSON is nearly a part.
    Yaml,
}

/// A text and its name.
#[derive(Debug)]
pub(super) struct Source<'t> {
    file: Option<Arc<PathBuf>>,
    text: &'t str,
    /// What was there before numbers took the place of what JSON does not know, byte for byte; else the text itself.
    original: &'t str,
    /// The last place that was asked for: places are mostly asked for in order, so counting goes on from there.
    cursor: Cell<Cursor>,
    /// Places at equal distances up to the furthest one so far, for when counting has to go back.
    marks: RefCell<Vec<Cursor>>,
}

/// Distance between two marks.
const MARK_BYTES: usize = 1 << 14;

#[derive(Clone, Copy, Debug)]
struct Cursor {
    offset: usize,
    line: u32,
    column: u32,
}

const START: Cursor = Cursor { offset: 0, line: 1, column: 1 };

impl Cursor {
    /// Counts the bytes that follow.
    fn advance(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else if byte & 0xC0 != 0x80 {
                self.column = self.column.saturating_add(1);
            }
        }
        self.offset += bytes.len();
    }
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, file: Option<Arc<PathBuf>>) -> Source<'t> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Source { file, text, original: text, cursor: Cell::new(START), marks: RefCell::default() }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Returns this source with another text of the same length to be read in place of its own.
    pub(super) fn masked(&self, text: &'t str) -> Source<'t> {
        Source { original: self.text, ..Source::new(text, self.file.clone()) }
    }

    /// Returns what a part of the text was before it was masked.
    pub(super) fn original_of(&self, part: &str) -> &'t str {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.original.get(start..start.saturating_add(part.len())).unwrap_or_default()
    }

    pub(super) fn place(&self, line: u32, column: u32) -> Place {
        Place { file: self.file.clone(), line, column }
    }

    /// Returns the place of a byte of the text.
    pub(super) fn place_at(&self, offset: usize) -> Place {
        let mut cursor = self.cursor.get();
        let mut marks = self.marks.borrow_mut();
        if offset < cursor.offset {
            let before = marks.partition_point(|mark| mark.offset <= offset);
            cursor = before.checked_sub(1).map_or(START, |last| marks[last]);
        }
        let end = offset.min(self.text.len());
        while cursor.offset < end {
            let stop = end.min((cursor.offset / MARK_BYTES + 1) * MARK_BYTES);
            cursor.advance(&self.text.as_bytes()[cursor.offset..stop]);
            if stop.is_multiple_of(MARK_BYTES) && marks.last().is_none_or(|mark| mark.offset < stop) {
                marks.push(cursor);
            }
        }
        self.cursor.set(cursor);
        self.place(cursor.line, cursor.column)
    }

    /// Returns the place of a part of the text, which has to be a slice of it.
    pub(super) fn place_of(&self, part: &str) -> Place {
        self.place_at((part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }
}

pub(super) fn too_deep() -> GraphError {
    let message = format!("values are nested more than {MAX_DEPTH} levels deep");
    GraphError::new(GraphErrorKind::TooDeep, "RecursionError", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_any_order() {
        let text: String = (0..9000).map(|line| format!("{line} ä\n")).collect();
        let source = Source::new(&text, None);
        let known = |offset: usize| {
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
        };
        for offset in [0, 40_000, 17, 16_384, 50_000, 16_383, text.len(), 33_000, 2] {
            let offset = (offset..).find(|offset| text.is_char_boundary(*offset)).unwrap();
            let place = source.place_at(offset);
            assert_eq!((place.line as usize, place.column as usize), known(offset), "{offset}");
        }
    }
}
