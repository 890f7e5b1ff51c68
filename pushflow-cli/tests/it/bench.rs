//! `pushflow bench`: figures of pools, ours and those of an interpreter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{answer, assert_gone, is_running, pushflow, stderr, stdout};

const QUICK: [&str; 3] = ["bench", "--rounds=1", "--time=0.001"];

fn bench(directory: &Path, options: &[&str]) -> Output {
    pushflow(directory).args(QUICK).args(options).env("TMPDIR", directory).output().unwrap()
}

/// A directory with an interpreter that has one pool, and does with a case what a script says.
fn interpreter(script: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("python");
    let text =
        format!("#!/bin/sh\nif [ \"$2\" = --list ]; then echo '[\"multiprocessing.Pool\"]'; exit; fi\n{script}\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn rows(object: &Value) -> &Vec<Value> {
    object["rows"].as_array().unwrap()
}

#[test]
fn every_pool_of_ours_has_its_figures() {
    let directory = tempfile::tempdir().unwrap();
    let output = bench(directory.path(), &["--no-python", "--payload=100,100k", "--output-format=json", "--scaling"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let object = answer(&output);
    assert_eq!((rows(&object).len(), &object["stopped"]), (7 * 2, &false.into()));
    for row in rows(&object) {
        let is_of_processes = !["gevent", "thread"].contains(&row["pool"].as_str().unwrap());
        let mut expected = vec!["interrupt", "payload 100", "payload 102400", "round_trip", "start", "throughput"];
        if is_of_processes {
            expected.insert(1, "memory");
        }
        let values = row["values"].as_object().unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), expected, "{row}");
        for value in values.values() {
            assert_eq!(value.as_array().unwrap().len(), 1, "{row}");
            assert!(value[0].as_f64().unwrap() > 0.0, "{row}");
        }
        assert_eq!((&row["error"], row["start_method"].is_null()), (&Value::Null, !is_of_processes));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left there");
}

#[test]
fn tasks_start_methods_and_numbers_of_workers_are_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        ["--no-python", "--pool=process", "--start-method=fork,spawn", "--workers=1,3", "--measure=round-trip"];
    for (task, least) in [("noop", 0.0), ("sleep", 0.01), ("cpu", 0.01), ("echo", 0.0)] {
        let task = format!("--task={task}");
        let more = [task.as_str(), "--duration=0.01", "--rounds=2", "--output-format=json"];
        let output =
            pushflow(directory.path()).args(["bench", "--time=0.001"]).args(options).args(more).output().unwrap();
        let object = answer(&output);
        let found: Vec<Value> = rows(&object).iter().map(|row| json!([row["start_method"], row["workers"]])).collect();
        assert_eq!(found, [json!(["fork", 1]), json!(["fork", 3]), json!(["spawn", 1]), json!(["spawn", 3])]);
        for row in rows(&object) {
            assert_eq!(row["values"].as_object().unwrap().len(), 1);
            let values = row["values"]["round_trip"].as_array().unwrap();
            assert_eq!(values.len(), 2, "the first of three rounds does not count");
            assert!(values.iter().all(|value| value.as_f64().unwrap() > least), "{row}");
        }
    }
}

#[test]
fn pools_of_an_interpreter_are_measured_beside_ours() {
    let directory = interpreter(r#"echo '{"figures": {"round_trip": 0.0025, "throughput": 1234.0}}'"#);
    let options = ["--python=./python", "--pool=thread,multiprocessing.Pool", "--measure=round-trip,throughput"];
    let output = bench(directory.path(), &options);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["pool", "round", "trip", "throughput"]);
    assert!(lines[1].starts_with("thread x2 "), "{text}");
    let theirs: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(theirs, ["multiprocessing.Pool", "forkserver", "x2", "2.50", "ms", "±0%", "1234/s", "±0%"]);
}

/// With whatever interpreter there is on this machine.
#[test]
fn pools_of_python_are_measured() {
    let has_python = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    let directory = tempfile::tempdir().unwrap();
    let pool =
        "--pool=concurrent.futures.ThreadPoolExecutor,concurrent.futures.ProcessPoolExecutor,multiprocessing.Pool";
    let more = [pool, "--start-method=fork", "--payload=100", "--output-format=json", "--python=python3"];
    let output = bench(directory.path(), &more);
    if !has_python {
        assert_eq!(output.status.code(), Some(2));
        return;
    }
    let object = answer(&output);
    assert_eq!(rows(&object).len(), 3);
    for row in rows(&object) {
        assert_eq!((&row["side"], &row["error"]), (&"python".into(), &Value::Null), "{row}");
        for figure in ["start", "round_trip", "throughput", "payload 100", "interrupt"] {
            assert!(row["values"][figure][0].as_f64().unwrap() > 0.0, "{figure}: {row}");
        }
        let has_memory = row["values"]["memory"][0].as_f64().is_some_and(|bytes| bytes > 0.0);
        assert_eq!(has_memory, row["start_method"] == "fork", "{row}");
    }
}

#[test]
fn what_cannot_be_measured_says_why() {
    for (script, expected) in [
        ("echo '{\"error\": \"ValueError: no\"}'", "ValueError: no"),
        ("echo last words >&2; kill -KILL $$", "it ended: signal: 9 (SIGKILL) last words"),
        ("exit 3", "it ended: exit status: 3 "),
        ("sleep 100117 & sleep 100117", "it did not end within 100ms"),
    ] {
        let directory = interpreter(script);
        let options = ["--python=./python", "--pool=multiprocessing.Pool", "--timeout=0.1", "--output-format=json"];
        let object = answer(&bench(directory.path(), &options));
        assert_eq!(rows(&object)[0]["error"], expected, "{script}");
    }
    assert_gone("100117");
}

#[test]
fn a_signal_ends_it_with_what_it_measures() {
    let directory = interpreter("trap '' INT TERM; sleep 100118 & sleep 100118");
    let mut command = pushflow(directory.path());
    command.args(QUICK).args(["--python=./python", "--pool=multiprocessing.Pool", "--output-format=json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !is_running("sleep\x00100118") {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &answer(&output)["stopped"]), (Some(13), &true.into()));
    assert_gone("100118");
}

fn saved(directory: &Path, name: &str, pool: &str, figures: &Value) {
    let row = json!({
        "side": "pushflow", "pool": pool, "start_method": "fork", "workers": 2, "scaling": false, "task": "noop",
        "duration": 0.001, "payloads": [64], "measures": ["start"], "time": 0.1, "values": figures, "error": null,
    });
    let machine = json!({"processors": 2, "kernel": "6", "pushflow": "0.1.0"});
    let object = json!({"version": 1, "machine": machine, "rounds": 3, "stopped": false, "rows": [row]});
    fs::write(directory.join(name), object.to_string()).unwrap();
}

#[test]
fn two_saved_runs_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let before = json!({"round_trip": [1e-6, 1.1e-6, 0.9e-6], "start": [0.01, 0.01, 0.01], "throughput": [100.0]});
    let after = json!({"round_trip": [0.9e-6, 1.2e-6, 1e-6], "start": [0.02, 0.02, 0.02], "throughput": [300.0]});
    saved(at, "a", "process", &before);
    saved(at, "b", "process", &after);
    let output = bench(at, &["--compare", "a", "b"]);
    let text = stdout(&output);
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "pool figure before after ratio",
            "process fork x2 start 10 ms 20 ms 2.00 worse",
            "process fork x2 round trip 1 us 1 us 1.00",
            "process fork x2 throughput 100/s 300/s 3.00 better",
        ]
    );
    saved(at, "c", "billiard", &after);
    let output = bench(at, &["--compare", "a", "c", "--output-format=json"]);
    assert_eq!(answer(&output)["unmatched"], json!(["process fork x2", "billiard fork x2"]));
}

#[test]
fn what_was_saved_can_be_compared() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let save = format!("--save={name}");
        let output = bench(directory.path(), &["--no-python", "--pool=thread", "--measure=start,round-trip", &save]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let object = answer(&bench(directory.path(), &["--compare", "a", "b", "--output-format=json"]));
    assert_eq!((&object["same_machine"], &object["unmatched"]), (&true.into(), &json!([])));
    assert_eq!(object["rows"][0]["figures"].as_array().unwrap().len(), 2);
}

#[test]
fn arguments_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("old"),
        r#"{"version": 0, "machine": {"processors": 1, "kernel": "", "pushflow": ""},
        "rounds": 1, "stopped": false, "rows": []}"#,
    )
    .unwrap();
    fs::write(directory.path().join("text"), "text").unwrap();
    for (options, expected) in [
        (&["--pool=threads", "--no-python"][..], "error: unknown pool `threads`, there are: gevent, thread, process, "),
        (&["--workers=0"], "error: invalid value '0' for '--workers <N>'"),
        (&["--payload=1T"], "error: invalid value '1T' for '--payload <BYTES>': expected a number of bytes"),
        (&["--python=./none"], "error: ./none: no such program"),
        (&["--python=true"], "error: true: it does not say which pools it has: exit status: 0"),
        (&["--compare", "old"], "error: 2 values required for '--compare <BEFORE> <AFTER>'"),
        (&["--compare", "old", "old"], "error: old: expected version 1 of a saved run, found 0"),
        (&["--compare", "text", "old"], "error: text: expected what `bench --save` writes: "),
        (&["--compare", "none", "old"], "error: none: No such file or directory"),
        (&["--save=none/file", "--no-python"], "error: none/file: No such file or directory"),
    ] {
        let output = bench(directory.path(), options);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{options:?}");
        assert!(stderr(&output).starts_with(expected), "{options:?}: {}", stderr(&output));
    }
}
