//! Arguments that cannot be used.

use crate::{nodes, run, run_json, sh, stderr, stdout};

#[test]
fn unknown_arguments_are_2() {
    for arguments in
        [["--bogus", "1"], ["--outputs", "some"], ["--timeout", "0"], ["--timeout", "x"], ["--workers", "-1"]]
    {
        let output = run(&nodes(&[sh("a", "true")]), &arguments);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    }
}

#[test]
fn negative_numbers_are_bad_numbers() {
    for (option, number, expected) in [
        ("--timeout", "-1", "expected a number of seconds above 0"),
        ("--grace", "-0.5", "expected a number of seconds above 0"),
        ("--timeout", "-1e3", "expected a number of seconds above 0"),
        ("--workers", "-1", "expected a whole number above 0"),
    ] {
        let output = run(&nodes(&[sh("a", "true")]), &[option, number]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("error: invalid value '{number}' for '{option} <")), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn an_unknown_pool_is_2_and_says_which_there_are() {
    for arguments in [["--pool", "biliard"], ["-o", "pool_type=biliard"]] {
        let output = run(&nodes(&[sh("a", "true")]), &arguments);
        assert_eq!(output.status.code(), Some(2));
        let expected = "error: unknown pool type `biliard`, this build has: gevent, thread, process, ndprocess, multiprocessing, \
                        ndmultiprocessing, billiard, scaling, in_place\n";
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn unusable_settings_of_pools_are_2_and_say_what_was_expected() {
    let methods = "expected one of: forkserver, spawn, fork";
    for (arguments, expected) in [
        (&["--workers", "0"][..], "a pool needs at least one worker, at most 4096: 0"),
        (&["--workers", "5000"], "a pool needs at least one worker, at most 4096: 5000"),
        (&["--workers", "0", "--scaling", "--pool", "thread"], "a pool needs at least one worker, at most 4096: 0"),
        (&["--start-method", "threads"], &format!("unknown start method `threads`, {methods}")),
        (&["-o", "context=threads"], "option `context` must be one of forkserver, spawn, fork, found 'threads'"),
        (&["-o", "scaling_workers=1"], "option `scaling_workers` must be true or false, found 1"),
        (&["-o", "max_workers=many"], "option `max_workers` must be a number, found 'many'"),
        (
            &["--pool", "thread", "--start-method", "fork"],
            "the setting `start method` is of pools of processes only, found: fork",
        ),
    ] {
        let output = run(&nodes(&[sh("a", "true")]), arguments);
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
        assert!(said.starts_with("error: ") && said.contains(expected), "{said}");
    }
}

#[test]
fn options_of_ewoks_are_taken_or_refused_with_the_reason() {
    let taken =
        ["-j", "7", "--sqlite3", "e.db", "--disable-events", "--engine", "ppf", "--data-scheme", "json", "-l", "info"];
    let output = run(&nodes(&[sh("a", "true")]), &taken);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("started: a"), "{}", stderr(&output));
    for (arguments, expected) in [
        (&["--engine", "dask"][..], "`--engine dask` is not supported: pushflow executes as the engine `ppf` does"),
        (&["--workflow-module", "m"], "`--workflow-module` is not supported: give the file of the workflow"),
        (
            &["--workflow-format", "ows"],
            "`--workflow-format` is not supported: the name of the file says whether it is",
        ),
        (&["--search"], "`--search` is not supported: give the file of one workflow"),
        (&["--test"], "`--test` is not supported: pushflow comes without workflows"),
        (&["-t", "x"], "expected NAME=VALUE, found `x`"),
    ] {
        let output = run(&nodes(&[sh("a", "true")]), arguments);
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
        assert!(said.starts_with("error: ") && said.contains(expected), "{said}");
    }
}

#[test]
fn usage_has_an_answer_too() {
    let (code, answer) = run_json(&nodes(&[sh("a", "true")]), &["--bogus"]);
    assert_eq!(
        (code, answer["status"].as_str(), answer["error"]["kind"].as_str()),
        (2, Some("invalid"), Some("usage"))
    );
    let directory = tempfile::tempdir().unwrap();
    let output = crate::pushflow(directory.path()).args(["run", "--output-format", "json"]).output().unwrap();
    let message = "the following required arguments were not provided: <FILE>";
    assert_eq!(crate::answer(&output)["error"]["message"], message);
}

#[test]
fn help_and_version_are_0() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["check", "-h"]] {
        let directory = tempfile::tempdir().unwrap();
        let output = crate::pushflow(directory.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}
