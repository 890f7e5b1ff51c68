//! Python tasks, as the command line has them run.

use std::fs;

use serde_json::json;

use crate::{answer, directory_with, pushflow, stderr};

const MODULE: &str = "
import os

with open('imported', 'a') as file:
    file.write('%d ' % os.getpid())


def pid():
    return os.getpid()
";

/// By default modules are imported once, by the process that workers are forked from.
#[test]
fn modules_are_imported_once_unless_told_otherwise() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "imports.pid"}]}"#;
    for (options, is_imported_by_worker) in
        [(&[][..], false), (&["-o", "pre_import=null"], false), (&["-o", "pre_import=false"], true)]
    {
        let directory = directory_with("w.json", text);
        fs::write(directory.path().join("imports.py"), MODULE).unwrap();
        let output = pushflow(directory.path())
            .args(["run", "w.json", "--output-format", "json"])
            .args(options)
            .output()
            .unwrap();
        let worker = answer(&output)["result"]["return_value"].as_i64().unwrap();
        let importers = fs::read_to_string(directory.path().join("imported")).unwrap();
        let importers: Vec<i64> = importers.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!((importers.len(), importers[0] == worker), (1, is_imported_by_worker), "{options:?}");
    }
}

/// What cannot be imported is an error of the task that needs it, and told once.
#[test]
fn a_module_that_is_not_there_is_an_error_of_its_task() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "no_such_module.f"}]}"#;
    for (options, mentions) in [(&[][..], 0), (&["-o", "pre_import=true"], 1)] {
        let directory = directory_with("w.json", text);
        let output = pushflow(directory.path())
            .args(["run", "w.json", "--output-format", "json"])
            .args(options)
            .output()
            .unwrap();
        let answer = answer(&output);
        assert_eq!((output.status.code(), &answer["error"]["type"]), (Some(10), &json!("TaskExecutionError")));
        assert_eq!(stderr(&output).matches("in advance").count(), mentions, "{}", stderr(&output));
    }
}
