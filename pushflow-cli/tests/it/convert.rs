//! Workflows that are written again, or drawn; completions and manual pages.

use std::fs;

use crate::{answer, directory_with, pushflow, stderr, stdout};

const OLD: &str = r#"{"graph": {"id": "old", "schema_version": "1.0"}, "nodes": [
    {"id": "a", "script": "echo", "color": "red", "default_inputs": [{"name": "_capture_output", "value": true}]},
    {"id": "s", "graph": {"nodes": [{"id": "n", "ppfport": null}]}}]}"#;

#[test]
fn documents_are_converted_there_and_back() {
    let directory = directory_with("old.json", OLD);
    let pushflow = |arguments: &[&str]| pushflow(directory.path()).args(arguments).output().unwrap();
    assert_eq!(pushflow(&["convert", "old.json", "new.yaml"]).status.code(), Some(0));
    assert_eq!(pushflow(&["convert", "new.yaml", "again.json"]).status.code(), Some(0));
    let yaml = fs::read_to_string(directory.path().join("new.yaml")).unwrap();
    assert!(yaml.contains("task_type: script") && yaml.contains("color: red") && !yaml.contains("1.0"), "{yaml}");
    let shape = |file: &str| answer(&pushflow(&["show", file, "--resolved", "--output-format", "json"]));
    assert_eq!(shape("new.yaml"), shape("old.json"));
    assert_eq!(shape("again.json"), shape("old.json"));
    let printed = stdout(&pushflow(&["convert", "new.yaml"]));
    assert_eq!(printed, fs::read_to_string(directory.path().join("again.json")).unwrap());
    assert_eq!(stdout(&pushflow(&["convert", "old.json", "--to", "yaml"])), yaml);
}

#[test]
fn a_destination_is_replaced_on_request_only() {
    let directory = directory_with("old.json", OLD);
    fs::write(directory.path().join("mine.json"), "mine").unwrap();
    let convert = |more: &[&str]| {
        pushflow(directory.path()).args(["convert", "old.json", "mine.json"]).args(more).output().unwrap()
    };
    let output = convert(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("mine.json: exists"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(directory.path().join("mine.json")).unwrap(), "mine");
    assert_eq!(convert(&["--force"]).status.code(), Some(0));
    assert!(fs::read_to_string(directory.path().join("mine.json")).unwrap().contains("schema_version"));
}

#[test]
fn what_cannot_be_loaded_is_not_converted() {
    let directory = directory_with("bad.json", r#"{"nodes": [{"id": "a"}]}"#);
    let output = pushflow(directory.path()).args(["convert", "bad.json", "out.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(!directory.path().join("out.yaml").exists());
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let directory = directory_with("unused", "");
    let pushflow = |arguments: &[&str]| pushflow(directory.path()).args(arguments).output().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&pushflow(&["completions", shell]));
        assert!(script.contains("convert") && script.contains("max-iterations"), "{shell}");
    }
    assert!(stdout(&pushflow(&["man"])).contains(".TH pushflow 1"));
    assert_eq!(pushflow(&["man", "--directory", "pages/man1"]).status.code(), Some(0));
    let page = fs::read_to_string(directory.path().join("pages/man1/pushflow-run.1")).unwrap();
    assert!(page.contains("fail\\-fast"), "{page}");
    assert_eq!(pushflow(&["completions", "nosuch"]).status.code(), Some(2));
}

#[test]
fn workflows_are_drawn_as_the_name_of_the_output_says() {
    let directory = directory_with("old.json", OLD);
    let graph = |more: &[&str]| pushflow(directory.path()).args(["graph", "old.json"]).args(more).output().unwrap();
    assert!(stdout(&graph(&[])).starts_with("<svg "));
    assert!(stdout(&graph(&["--as", "mermaid"])).contains("flowchart TD"));
    for (file, begin) in [("w.svg", "<svg "), ("w.dot", "digraph "), ("w.mmd", "---")] {
        assert_eq!(graph(&["-o", file]).status.code(), Some(0));
        assert!(fs::read_to_string(directory.path().join(file)).unwrap().starts_with(begin), "{file}");
    }
    let output = graph(&["-o", "none/w.svg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("none/w.svg"), "{}", stderr(&output));
}
