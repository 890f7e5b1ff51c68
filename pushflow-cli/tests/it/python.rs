//! Python tasks, as the command line has them run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::{answer, directory_with, nodes, pushflow, run_json, stderr};

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

/// Modules beside a workflow may have the names of those that the worker program needs, and modules that every interpreter
/// runs as it starts may print: neither is of harm to a run, or mixes with its result.
#[test]
fn modules_of_other_people_are_no_harm() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "steps.step"}]}"#;
    let directory = directory_with("w.json", text);
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("steps.py", "import colorsys\n\n\ndef step():\n    return colorsys.mine\n");
    write("colorsys.py", "mine = True\n");
    write("sitecustomize.py", "print('printed as it starts')\n");
    let needed =
        ["json", "pickle", "select", "signal", "socket", "struct", "traceback", "weakref", "fcntl", "resource"];
    for name in needed {
        write(&format!("{name}.py"), "raise ImportError('the wrong one')\n");
    }
    for options in [&[][..], &["--start-method", "spawn"], &["--pool", "in_place"], &["--pool", "multiprocessing"]] {
        let output = pushflow(directory.path())
            .args(["run", "w.json", "--output-format", "json"])
            .args(options)
            .env("PYTHONPATH", directory.path())
            .output()
            .unwrap();
        let answer = answer(&output);
        assert_eq!(answer["result"]["return_value"], json!(true), "{options:?}: {answer}");
        assert!(stderr(&output).contains("printed as it starts"), "{options:?}");
    }
}

/// What a task has left for the end of its interpreter is there when the run has ended.
#[test]
fn what_tasks_leave_for_the_end_is_done() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "steps.step"}]}"#;
    let module = "
import atexit


def at_exit():
    with open('at exit', 'w') as file:
        file.write('written')


def step():
    global left
    left = open('left open', 'w')
    left.write('written')
    atexit.register(at_exit)
";
    for pool in ["in_place", "thread", "gevent", "process", "multiprocessing"] {
        let directory = directory_with("w.json", text);
        fs::write(directory.path().join("steps.py"), module).unwrap();
        let output = pushflow(directory.path()).args(["run", "w.json", "--pool", pool]).output().unwrap();
        assert!(output.status.success(), "{pool}: {}", stderr(&output));
        for name in ["at exit", "left open"] {
            let written = fs::read_to_string(directory.path().join(name)).unwrap_or_default();
            assert_eq!(written, "written", "{pool}: {name}");
        }
    }
}

/// What cannot be imported is an error of the task that needs it, and told once.
#[test]
fn a_module_that_is_not_there_is_an_error_of_its_task() {
    let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "no_such_module.f"}]}"#;
    let directory = directory_with("w.json", text);
    let output = pushflow(directory.path()).args(["run", "w.json", "--output-format", "json"]).output().unwrap();
    let answer = answer(&output);
    assert_eq!((output.status.code(), &answer["error"]["type"]), (Some(10), &json!("TaskExecutionError")));
    assert!(!stderr(&output).contains("in advance"), "{}", stderr(&output));
}

fn method(id: &str, function: &str, inputs: &str) -> String {
    format!(r#"{{"id": "{id}", "task_type": "method", "task_identifier": "{function}", "default_inputs": [{inputs}]}}"#)
}

/// As in ewoks, what is imported in advance and cannot be is the error of the workflow. Without, it is that of its node.
#[test]
fn what_cannot_be_imported_in_advance_is_an_error_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("made");
    let made = json!({"name": 0, "value": place});
    for (function, type_name, message) in [
        ("no_such_module.f", "ModuleNotFoundError", "No module named 'no_such_module'"),
        ("os.path.no_such_function", "ImportError", "Cannot import no_such_function from os.path"),
    ] {
        let workflow = nodes(&[method("a", "os.mkdir", &made.to_string()), method("b", function, "")]);
        for pool in ["process", "thread", "in_place"] {
            let (code, answer) = run_json(&workflow, &["--pool", pool, "-o", "pre_import=true"]);
            assert_eq!((code, &answer["status"]), (3, &json!("invalid")), "{answer}");
            let error = &answer["error"];
            assert_eq!((&error["type"], &error["message"]), (&json!(type_name), &json!(message)), "{answer}");
            assert_eq!((&error["node"], &error["line"]), (&json!("b"), &json!(1)), "{answer}");
            assert!(!place.exists());
        }
        let (code, answer) = run_json(&workflow, &["--pool", "thread"]);
        assert_eq!((code, &answer["failures"][0]["node"]), (11, &json!("b")), "{answer}");
        std::fs::remove_dir(&place).unwrap();
    }
    let workflow = nodes(&[method("b", "no_such_module.f", "")]);
    let directory = directory_with("w.json", &workflow);
    let output = pushflow(directory.path()).args(["run", "w.json", "-o", "pre_import=true"]).output().unwrap();
    let told = stderr(&output);
    assert!(told.contains("w.json:1:") && told.contains("No module named 'no_such_module'"), "{told}");
}

/// Nobody is there to send them: what is asked for cannot be had.
#[test]
fn events_need_an_interpreter_with_ewokscore() {
    let workflow = nodes(&[method("a", "builtins.dict", "")]);
    let (code, answer) = run_json(&workflow, &["--python", "/no/such/python", "-o", "execinfo=true"]);
    assert_eq!(code, 3, "{answer}");
    assert_eq!(answer["error"]["type"], "FileNotFoundError", "{answer}");
}

const ENDLESS: &str = "
import os, time

with open('pid.new', 'w') as file:
    file.write(str(os.getpid()))
os.rename('pid.new', 'pid')
time.sleep(100121)
";

/// Starts a workflow whose module is never imported to its end, and waits until that has begun; returns who imports it.
fn importing(directory: &Path, options: &[&str]) -> (Child, PathBuf) {
    let _ = fs::remove_file(directory.join("pid"));
    let mut command = pushflow(directory);
    command.args(["run", "w.json", "--output-format", "json"]).args(options);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while !directory.join("pid").exists() {
        std::thread::yield_now();
    }
    let pid = fs::read_to_string(directory.join("pid")).unwrap();
    (child, Path::new("/proc").join(pid))
}

#[test]
fn an_import_that_never_ends_is_broken_off() {
    let directory = directory_with("w.json", &nodes(&[method("a", "endless.f", "")]));
    let at = directory.path();
    fs::write(at.join("endless.py"), ENDLESS).unwrap();
    for pool in ["process", "multiprocessing", "billiard", "thread", "gevent"] {
        let (child, importer) = importing(at, &["--pool", pool, "-o", "forced_interruption=true"]);
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), importer.exists()), (Some(13), false), "{pool}: {}", answer(&output));
    }
    let (child, importer) = importing(at, &["--timeout", "5"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), importer.exists()), (Some(12), false), "{}", answer(&output));
}

#[test]
fn who_imports_ends_with_a_parent_that_is_killed() {
    let directory = directory_with("w.json", &nodes(&[method("a", "endless.f", "")]));
    fs::write(directory.path().join("endless.py"), ENDLESS).unwrap();
    for pool in ["process", "multiprocessing", "thread"] {
        let (mut child, importer) = importing(directory.path(), &["--pool", pool]);
        child.kill().unwrap();
        child.wait().unwrap();
        // Somebody else reaps it.
        while importer.exists() {
            std::thread::yield_now();
        }
    }
}

/// Who names a program that is no interpreter is told which one that was, and how it ended.
#[test]
fn a_program_that_is_no_interpreter_is_named() {
    let text = format!(r#"{{"nodes": [{}]}}"#, method("a", "os.getcwd", ""));
    let directory = directory_with("w.json", &text);
    for (program, end) in [("/bin/true", "exited with code 0"), ("/bin/false", "exited with code 1")] {
        for pool in ["process", "multiprocessing", "thread", "in_place"] {
            let output = pushflow(directory.path())
                .args(["run", "w.json", "--python", program, "--pool", pool])
                .output()
                .unwrap();
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(14), "{pool}: {said}");
            let wanted = format!("workers of {program} end before they are ready; the last: worker ");
            assert!(said.contains(&wanted) && said.contains(end), "{pool}: {said}");
        }
    }
}

/// Of a worker's output the end is kept. What is dropped of it is told; what a worker prints as it ends, too.
#[test]
fn what_is_not_shown_is_counted() {
    let text = format!(r#"{{"nodes": [{}]}}"#, method("a", "prints.much", ""));
    let directory = directory_with("w.json", &text);
    let module = "import atexit\n\ndef much():\n    print('x' * 3000000)\n    atexit.register(print, 'at the exit')\n";
    fs::write(directory.path().join("prints.py"), module).unwrap();
    let output = pushflow(directory.path()).args(["run", "w.json"]).output().unwrap();
    let said = stderr(&output);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let note = lines[0].strip_prefix("a: [").and_then(|line| line.split_once(" bytes before this were dropped"));
    let dropped: usize = note.expect(lines[0]).0.parse().unwrap();
    assert_eq!(dropped + lines[1].trim_start_matches("a: ").len() + 1, 3_000_001);
    assert_eq!(lines[2], "a: at the exit");
}
