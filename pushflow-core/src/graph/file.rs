//! Files of documents: finding and reading them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{GraphError, GraphErrorKind};
use super::item::Item;
use super::place::Place;
use super::source::{Format, Source};
use super::{json, yaml};

/// Reads a text as far as needed and hands its content to a function.
pub(super) fn with_root<T>(
    source: &Source<'_>,
    format: Format,
    read: impl FnOnce(Item<'_>) -> Result<T, GraphError>,
) -> Result<T, GraphError> {
    match format {
        Format::Json => match Item::json(source) {
            Ok(root) => read(root),
            Err(error) => match json::mask(source.text()) {
                Some(masked) => read(Item::json(&source.masked(&masked))?),
                None => Err(error),
            },
        },
        Format::Yaml => {
            let tree = yaml::read(source)?;
            read(Item::yaml(source, &tree))
        }
    }
}

pub(super) fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "json" => Some(Format::Json),
        "yml" | "yaml" => Some(Format::Yaml),
        _ => None,
    }
}

/// Finds a file by its name, with or without ending, and returns its absolute path.
pub(super) fn find_file(name: &Path, root: Option<&Path>) -> Result<PathBuf, GraphError> {
    let path = root.map_or_else(|| name.to_owned(), |root| root.join(name));
    let path = std::path::absolute(&path).map_err(|error| unreadable(&path, &error))?;
    if path.exists() {
        return Ok(path);
    }
    if format_of(&path).is_none() {
        for ending in [".json", ".yml", ".yaml"] {
            let mut with_ending = path.clone().into_os_string();
            with_ending.push(ending);
            let with_ending = PathBuf::from(with_ending);
            if with_ending.is_file() {
                return Ok(with_ending);
            }
        }
    }
    Err(GraphError::new(GraphErrorKind::FileNotFound, "FileNotFoundError", path.display().to_string()))
}

/// Names a file as a whole, as far as its name says where it is.
pub(super) fn whole(name: &Path, root: Option<&Path>) -> Place {
    let path = root.map_or_else(|| name.to_owned(), |root| root.join(name));
    Place { file: Some(Arc::new(std::path::absolute(&path).unwrap_or(path))), line: 0, column: 0 }
}

/// Reads a file that has to be a text.
pub(super) fn read_file(path: &Path) -> Result<String, GraphError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&error.as_bytes()[..end]);
        let place = Source::new(&valid, Some(Arc::new(path.to_owned()))).place_at(end);
        let byte = error.as_bytes().get(end).copied().unwrap_or_default();
        let message = format!(
            "not a text: expected UTF-8, found the byte 0x{byte:02x} in line {} column {}",
            place.line, place.column
        );
        GraphError::new(GraphErrorKind::Syntax, "EwoksDecodeError", message).at(place)
    })
}

fn unreadable(path: &Path, error: &io::Error) -> GraphError {
    let (kind, type_name) = match error.kind() {
        io::ErrorKind::NotFound => (GraphErrorKind::FileNotFound, "FileNotFoundError"),
        io::ErrorKind::IsADirectory => (GraphErrorKind::Unreadable, "IsADirectoryError"),
        io::ErrorKind::PermissionDenied => (GraphErrorKind::Unreadable, "PermissionError"),
        _ => (GraphErrorKind::Unreadable, "OSError"),
    };
    GraphError::new(kind, type_name, format!("{error}: {}", path.display())).at(whole(path, None))
}
