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
    for arguments in [["--pool", "billiard"], ["-o", "pool_type=billiard"]] {
        let output = run(&nodes(&[sh("a", "true")]), &arguments);
        assert_eq!(output.status.code(), Some(2));
        let expected = "error: unknown pool type `billiard`, this build has: thread, in_place\n";
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn a_pool_needs_workers() {
    let output = run(&nodes(&[sh("a", "true")]), &["--workers", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
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
