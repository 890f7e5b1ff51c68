//! Files, folders and formats.

use super::*;

fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("the folder is ours");
    path
}

fn options(dir: &Path) -> LoadOptions {
    LoadOptions { root_dir: Some(dir.to_owned()), ..LoadOptions::default() }
}

#[test]
fn names_with_and_without_ending() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "w.json", document(&["a"], ""));
    write(dir.path(), "y.yml", "nodes: [{id: b, method: m.f}]");
    write(dir.path(), "plain", document(&["c"], ""));
    for (name, id) in [("w.json", "a"), ("w", "a"), ("y", "b"), ("y.yml", "b"), ("plain", "c")] {
        assert_eq!(ids(&load_file(name, &options(dir.path())).unwrap()), [id]);
    }
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |name: &str| load_file(name, &options(dir.path())).unwrap_err();
    let error = fails("none.json");
    assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::FileNotFound, "FileNotFoundError"));
    assert_eq!(error.message(), dir.path().join("none.json").display().to_string());
    assert_eq!(error.place().unwrap().path(), Some(&*dir.path().join("none.json")));
    let error = load_inputs(dir.path().join("inputs.json")).unwrap_err();
    assert_eq!(error.place().unwrap().path(), Some(&*dir.path().join("inputs.json")));
    write(dir.path(), "loop.json", document(&["a"], r#"{"source": "a", "target": "a", "required": false}"#));
    assert_eq!(fails("loop.json").place().unwrap().path(), Some(&*dir.path().join("loop.json")));
    std::fs::create_dir(dir.path().join("d.json")).unwrap();
    assert_eq!(fails("d.json").type_name(), "IsADirectoryError");
    write(dir.path(), "empty.json", "");
    assert_eq!(fails("empty.json").type_name(), "EwoksDecodeError");
    let path = write(dir.path(), "latin.json", b"{\n \"\xff\": 1}");
    let error = fails("latin.json");
    assert_eq!((error.type_name(), place(&error)), ("EwoksDecodeError", (2, 3)));
    assert_eq!(error.place().unwrap().to_string(), format!("{}:2:3", path.display()));
}

#[test]
fn a_file_that_contains_itself() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.json", nodes(r#"{"id": "s", "graph": "b.json"}"#));
    write(dir.path(), "b.json", nodes(r#"{"id": "s", "graph": "a.json"}"#));
    let error = load_file("a.json", &options(dir.path())).unwrap_err();
    assert_eq!((error.kind(), error.type_name()), (GraphErrorKind::TooDeep, "RecursionError"));
    assert!(error.message().contains("b.json -> "), "{error}");
}

#[test]
fn a_missing_sub_graph_is_reported_where_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.json", "{\"nodes\": [\n{\"id\": \"s\", \"graph\": \"none.json\"}]}");
    let error = load_file("a.json", &options(dir.path())).unwrap_err();
    assert_eq!(error.message(), dir.path().join("none.json").display().to_string());
    assert_eq!(place(&error), (2, 1));
}

#[test]
fn one_file_for_several_nodes() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.json", nodes(r#"{"id": "s", "graph": "sub/b.json"}, {"id": "t", "graph": "sub/b"}"#));
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    write(dir.path(), "sub/b.json", document(&["n"], ""));
    let graph = load_file("a.json", &options(dir.path())).unwrap();
    assert_eq!(ids(&graph), ["s:n", "t:n"]);
    assert!(graph.nodes[0].place.path().unwrap().ends_with("sub/b.json"));
}

#[test]
fn inputs_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "inputs.yaml", "- {id: [s, n], name: x, value: 1}");
    let expected = Input::of_node(NodeId::nested("s".into(), "n".into()), "x", 1);
    assert_eq!(load_inputs(path).unwrap(), [expected]);
}
