//! What the graph itself may say.

use super::*;

#[test]
fn versions_and_direction() {
    for version in ["1.0", "1.1", "1.2"] {
        load(&format!(r#"{{"graph": {{"schema_version": "{version}"}}}}"#)).unwrap();
    }
    let error = refused(
        "{\"graph\":\n {\"schema_version\": \"99.0\"}}",
        "GraphSchemaError",
        "Graph schema version \"99.0\" is either invalid or requires a newer library version: python3 -m pip install --upgrade ewokscore",
    );
    assert_eq!(place(&error), (2, 21));
    refused(r#"{"graph": {"schema_version": "abc"}}"#, "InvalidVersion", "Invalid version: 'abc'");
    assert_eq!(load(r#"{"directed": false, "nodes": []}"#).unwrap_err().type_name(), "TypeError");
}

#[test]
fn names() {
    let graph = load(r#"{"nodes": []}"#).unwrap();
    assert_eq!((graph.id.as_str(), graph.label.as_str()), ("notspecified", "notspecified"));
    let graph = load(r#"{"graph": {"id": "g", "label": "the graph"}}"#).unwrap();
    assert_eq!((graph.id.as_str(), graph.label.as_str()), ("g", "the graph"));
}
