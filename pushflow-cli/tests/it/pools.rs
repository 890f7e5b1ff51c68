//! Pools by their names: what tells them apart, and what is the same on all.

use serde_json::json;

use crate::{answer, directory_with, node, nodes, pushflow, run, run_json, sh, stderr, workflow};

/// All there are.
pub(crate) const POOLS: [&str; 9] = [
    "thread",
    "gevent",
    "in_place",
    "process",
    "ndprocess",
    "multiprocessing",
    "ndmultiprocessing",
    "billiard",
    "scaling",
];
/// Those of processes.
const PROCESSES: [&str; 6] = ["process", "ndprocess", "multiprocessing", "ndmultiprocessing", "billiard", "scaling"];

/// The process that runs a command is its parent: two of them, one after the other.
fn parents(options: &[&str]) -> (String, String, String) {
    let text = workflow(&[sh("a", "echo $PPID"), sh("b", "echo $PPID")], &[r#"{"source": "a", "target": "b"}"#]);
    let directory = crate::directory_with("w.json", &text);
    let mut command = pushflow(directory.path());
    command.args(["run", "w.json", "--outputs", "all", "--output-format", "json"]).args(options);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let own = format!("{}\n", child.id());
    let output = child.wait_with_output().unwrap();
    let answer = answer(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{options:?}: {answer}");
    let out = |node: &str| answer["nodes"][node]["out"].as_str().unwrap().to_owned();
    (own, out("a"), out("b"))
}

#[test]
fn commands_are_run_by_workers() {
    for pool in POOLS {
        let (own, first, second) = parents(&["--pool", pool, "--workers", "1"]);
        assert_eq!((first == own, first == second), (!PROCESSES.contains(&pool), true), "{pool}");
    }
}

#[test]
fn a_pool_of_processes_is_the_default() {
    let (own, first, _) = parents(&[]);
    assert_ne!(own, first);
}

#[test]
fn in_the_coroutine_environment_coroutines_are_the_default() {
    let (own, first, _) = parents(&["--coroutines"]);
    assert_eq!(own, first);
    for pool in POOLS {
        let (own, first, _) = parents(&["--coroutines", "--pool", pool, "--workers", "1"]);
        assert_eq!(first == own, !PROCESSES.contains(&pool), "{pool}");
    }
    let (own, first, _) = parents(&["--pool", "coroutine"]);
    assert_eq!(own, first);
}

#[test]
fn the_variable_of_the_environment_is_checked() {
    let directory = crate::directory_with("w.json", &nodes(&[sh("a", "echo $PPID")]));
    for (value, code, said) in [("1", 0, ""), ("0", 0, ""), ("on", 2, "PUSHFLOW_COROUTINES")] {
        let output =
            pushflow(directory.path()).args(["run", "w.json"]).env("PUSHFLOW_COROUTINES", value).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{value}");
        assert!(stderr(&output).contains(said), "{value}: {}", stderr(&output));
    }
}

#[test]
fn processes_are_started_by_each_method_and_scale() {
    for pool in PROCESSES {
        for method in ["forkserver", "spawn", "fork"] {
            let options = ["--pool", pool, "--start-method", method, "--scaling"];
            let options = [&options[..], &["-o", "scaling_workers=false", "-o", "context=spawn"]].concat();
            let (own, first, _) = parents(&options);
            assert_ne!(own, first, "{options:?}");
        }
    }
}

#[test]
fn the_names_of_the_predecessor_are_understood() {
    let (own, first, _) = parents(&["-o", "pool_type=multiprocessing", "-o", "max_workers=1", "-o", "context=fork"]);
    assert_ne!(own, first);
    let (own, first, _) = parents(&["-o", "pool_type=thread", "-o", "scaling_workers=True"]);
    assert_eq!(own, first);
    // What is pushflow's own comes first.
    let (own, first, _) = parents(&["-o", "pool_type=thread", "--pool", "process"]);
    assert_ne!(own, first);
}

/// Each of four commands waits until all four are there: with one worker none would end.
#[test]
fn scaling_has_a_worker_for_each_task() {
    let wait = "touch $0; while [ $(ls | grep -c here) -lt 4 ]; do sleep 0.01; done";
    let all: Vec<String> =
        (0..4).map(|n| node(&format!("n{n}"), wait, &format!(r#", {{"name": 0, "value": "here{n}"}}"#))).collect();
    for options in [&["--pool", "scaling"][..], &["--scaling"], &["--scaling", "--pool", "thread"], &["--workers", "4"]]
    {
        let output = run(&nodes(&all), options);
        assert_eq!(output.status.code(), Some(0), "{options:?}: {}", stderr(&output));
    }
}

#[test]
fn a_lost_worker_that_fails_the_run_is_14() {
    let killed = nodes(&[sh("a", "kill -KILL $PPID; sleep 60")]);
    for pool in PROCESSES {
        let (code, answer) = run_json(&killed, &["--pool", pool]);
        assert_eq!((code, &answer["status"], &answer["result"]), (14, &json!("failed"), &json!(null)), "{answer}");
        assert_eq!((&answer["error"]["kind"], &answer["failures"][0]["kind"]), (&json!("lost"), &json!("lost")));
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("SIGKILL"), "{message}");
        assert_eq!(answer["error"]["node"], "a");
    }
}

#[test]
fn a_lost_worker_costs_what_it_was_running() {
    let all = [sh("a", "kill -KILL $PPID; sleep 60"), sh("b", "printf fine")];
    for pool in PROCESSES {
        let (code, answer) = run_json(&nodes(&all), &["--pool", pool, "--workers", "1"]);
        assert_eq!((code, &answer["result"]["out"]), (11, &json!("fine")), "{pool}: {answer}");
    }
    let link = r#"{"source": "a", "target": "b", "on_error": true}"#;
    let (code, answer) = run_json(&workflow(&all, &[link]), &[]);
    assert_eq!((code, &answer["result"]["out"]), (0, &json!("fine")), "{answer}");
}

#[test]
fn a_task_is_tried_again_when_its_worker_was_lost() {
    let script = "[ -e tried ] && echo done && exit; touch tried; kill -KILL $PPID; sleep 60";
    let again = sh("a", script).replacen('{', r#"{"pushflow": {"retries": 1, "retry_on": ["lost"]}, "#, 1);
    for pool in PROCESSES {
        let (code, answer) = run_json(&nodes(std::slice::from_ref(&again)), &["--pool", pool]);
        assert_eq!((code, &answer["result"]["out"]), (0, &json!("done\n")), "{pool}: {answer}");
    }
}

/// Each of six tasks ends when all six have begun: all that can run does, on however few processors.
#[test]
fn what_can_run_runs_at_the_same_time_by_default() {
    let directory = directory_with("unused", "");
    let folder = directory.path().display();
    let meet = |id: &usize| {
        let script =
            format!("touch {folder}/here.{id}; until [ $(ls {folder}/here.* | wc -l) -ge 6 ]; do sleep 0.02; done");
        sh(&id.to_string(), &script)
    };
    let (code, answer) = run_json(&nodes(&[0, 1, 2, 3, 4, 5].map(|id| meet(&id))), &["--timeout", "60"]);
    assert_eq!(code, 0, "{answer}");
}
