//! `script` nodes, by the conventions of ewoks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pushflow_core::payload::Key;
use pushflow_core::{Payload, Value};
use pushflow_tasks::script::Script;

use crate::{run, text};

fn captured() -> Payload {
    Payload::single("_capture_output", true)
}

#[test]
fn inputs_become_arguments() {
    let inputs = Payload::from([
        (Key::from("_capture_output"), Value::Bool(true)),
        (Key::from("1"), "second".into()),
        (Key::from("x"), Value::Int(1)),
        (Key::from("long"), Value::list([Value::from("a"), Value::Null])),
        (Key::from("flag"), "".into()),
        (Key::from("gone"), Value::Missing),
        (Key::Position(0), Value::Float(1.5)),
        (Key::from("truth"), Value::Bool(true)),
    ]);
    let outputs = run(&Script::new("echo"), inputs).unwrap();
    assert_eq!(text(&outputs, "out"), "-x 1 --long ['a', None] --flag --truth True 1.5 second\n");
    assert_eq!(text(&outputs, "err"), "");
}

#[test]
fn commands_are_split_at_single_spaces() {
    let outputs = run(&Script::new("printf [%s] a  b 'c d'"), captured()).unwrap();
    assert_eq!(text(&outputs, "out"), "[a][][b]['c][d']");
}

#[test]
fn without_capture_there_is_no_output() {
    let outputs = run(&Script::new("echo hello"), Payload::new()).unwrap();
    assert_eq!(outputs, Payload::from([("return_code", Value::Int(0)), ("out", Value::Null), ("err", Value::Null)]));
}

#[test]
fn error_output_is_merged_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("both.sh");
    fs::write(&file, "echo one; echo two >&2; echo three").unwrap();
    let script = Script::new(file.to_str().unwrap());
    let outputs = run(&script, captured().with("_merge_err", true)).unwrap();
    assert_eq!((text(&outputs, "out"), outputs.get("err")), ("one\ntwo\nthree\n", Some(&Value::Null)));
    let outputs = run(&script, captured()).unwrap();
    assert_eq!((text(&outputs, "out"), text(&outputs, "err")), ("one\nthree\n", "two\n"));
}

#[test]
fn a_failing_command_is_an_error_on_request_only() {
    let outputs = run(&Script::new("false"), captured()).unwrap();
    assert_eq!(outputs.get("return_code"), Some(&Value::Int(1)));
    let error = run(&Script::new("false"), Payload::single("_raise_on_error", true)).unwrap_err();
    assert_eq!(error.text(), "Command '['false']' returned non-zero exit status 1.");
    assert_eq!(error.type_name(), "CalledProcessError");
    let killed = Payload::from([("_raise_on_error", Value::from(true)), ("c", "kill -9 $$".into())]);
    let error = run(&Script::new("sh"), killed).unwrap_err();
    assert_eq!(error.text(), "Command '['sh', '-c', 'kill -9 $$']' died with <Signals.SIGKILL: 9>.");
}

#[test]
fn a_missing_command_is_what_python_says() {
    let error = run(&Script::new("no-such-command -x"), captured()).unwrap_err();
    assert_eq!(error.text(), "[Errno 2] No such file or directory: 'no-such-command'");
    assert_eq!(error.type_name(), "FileNotFoundError");
    let error = run(&Script::new(""), captured()).unwrap_err();
    assert_eq!(error.text(), "[Errno 2] No such file or directory: ''");
}

#[test]
fn files_are_run_by_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a.py"), "import sys; print(sys.argv[1:])").unwrap();
    fs::write(path("b"), "echo bash $BASH_VERSION | cut -c 1-4; echo $1").unwrap();
    fs::write(path("c.py"), "#!/bin/sh\necho shebang").unwrap();
    fs::set_permissions(path("c.py"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(path("d"), "#!/bin/sh\necho not executable").unwrap();
    let out = |name: &str| {
        let inputs = captured().with(Key::Position(0), "x y");
        let outputs = run(&Script::new(path(name).to_str().unwrap()), inputs);
        outputs.map(|outputs| text(&outputs, "out").to_owned())
    };
    assert_eq!(out("a.py").unwrap(), "['x y']\n");
    let with_interpreter = Script::new(path("a.py").to_str().unwrap()).python("echo");
    let outputs = run(&with_interpreter, captured()).unwrap();
    assert_eq!(text(&outputs, "out"), format!("{}\n", path("a.py").display()));
    assert_eq!(out("b").unwrap(), "bash\nx y\n");
    assert_eq!(out("c.py").unwrap(), "shebang\n");
    let error = out("d").unwrap_err();
    assert_eq!(error.text(), format!("[Errno 13] Permission denied: '{}'", path("d").display()));
}

#[test]
fn output_that_is_no_text_is_replaced() {
    let outputs = run(&Script::new(r"printf a\377b"), captured()).unwrap();
    assert_eq!(text(&outputs, "out"), "a\u{fffd}b");
}

#[test]
fn hostile_inputs_are_errors() {
    let error = run(&Script::new("echo"), captured().with(Key::Position(0), "a\0b")).unwrap_err();
    assert!(error.text().contains("embedded null byte"), "{error}");
    let error = run(&Script::new("echo"), captured().with(Key::Position(0), "x".repeat(10_000_000))).unwrap_err();
    assert_eq!(error.text(), "[Errno 7] Argument list too long: 'echo'");
}
