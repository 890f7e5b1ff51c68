//! [`Place`]: where something was written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where something was written. Line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file; `None` for a text that came from elsewhere.
    pub file: Option<Arc<PathBuf>>,
    /// The line; 0 when only the file is known.
    pub line: u32,
    /// The column; 0 when only the file is known.
    pub column: u32,
}

impl Place {
    /// Returns the path of the file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref().map(PathBuf::as_path)
    }
}

impl fmt::Display for Place {
    /// Writes `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("<text>")?,
        }
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}
