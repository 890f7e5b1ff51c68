//! Commands as tasks.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pushflow_core::event::{Event, Listener, RunId};
use pushflow_core::interrupt::{Cause, Interruption};
use pushflow_core::payload::Key;
use pushflow_core::{Context, ErrorKind, Payload, Task, Value};
use pushflow_tasks::Subprocess;
use pushflow_tasks::subprocess::Output;

use crate::{LONG, run, text};

fn sh(script: &str) -> Subprocess {
    Subprocess::new("sh").args(["-c", script])
}

#[test]
fn arguments_come_from_argv_and_positions() {
    let argv = Value::list([Value::from("[%s]"), Value::Int(1), Value::Float(0.5), Value::Bool(true)]);
    let inputs = Payload::from([
        (Key::Position(1), Value::from("last")),
        (Key::from("argv"), argv),
        (Key::from("0"), Value::Bytes(b"b y".to_vec().into())),
    ]);
    let outputs = run(&Subprocess::new("printf"), inputs).unwrap();
    assert_eq!(text(&outputs, "out"), "[1][0.5][True][b y][last]");
    assert_eq!(outputs.get("return_code"), Some(&Value::Int(0)));
}

#[test]
fn a_missing_command_names_it() {
    let error = run(&Subprocess::new("no-such-command"), Payload::new()).unwrap_err();
    assert_eq!(error.text(), "[Errno 2] No such file or directory: 'no-such-command'");
    assert_eq!(error.kind(), ErrorKind::Raised);
}

#[test]
fn exit_codes_are_errors_unless_accepted() {
    let failing = sh("echo context; echo why >&2; exit 7");
    let error = run(&failing, Payload::new()).unwrap_err();
    assert_eq!(error.text(), "command `sh -c echo context; echo why >&2; exit 7` ended with exit code 7: why");
    let outputs = run(&failing, Payload::single("check", false)).unwrap();
    assert_eq!(outputs.get("return_code"), Some(&Value::Int(7)));
    let outputs = run(&sh("kill -KILL $$").accept_any_exit_code(), Payload::new()).unwrap();
    assert_eq!(outputs.get("return_code"), Some(&Value::Int(-9)));
}

#[test]
fn big_output_and_input_pass_both_ways_at_once() {
    let megabytes = vec![b'x'; 20 << 20];
    let inputs = Payload::single("stdin", Value::Bytes(megabytes.into()));
    let outputs = run(&Subprocess::new("cat"), inputs).unwrap();
    assert_eq!(text(&outputs, "out").len(), 20 << 20);
    // A command that does not read all of its input is none the worse for it.
    let inputs = Payload::single("stdin", Value::Bytes(vec![b'x'; 1 << 20].into()));
    assert_eq!(text(&run(&Subprocess::new("head").args(["-c", "3"]), inputs).unwrap(), "out"), "xxx");
}

#[test]
fn without_stdin_there_is_nothing_to_read() {
    assert_eq!(text(&run(&Subprocess::new("cat"), Payload::new()).unwrap(), "out"), "");
}

#[test]
fn output_that_is_no_text_stays_bytes() {
    let outputs = run(&sh(r"printf 'a\377'"), Payload::new()).unwrap();
    assert_eq!(outputs.get("out"), Some(&Value::Bytes(vec![b'a', 255].into())));
}

#[test]
fn the_environment_is_that_of_this_process_with_changes() {
    let inputs = Payload::single("env", Value::map([("PF_TEST", Value::Int(1)), ("HOME", Value::Null)]));
    let outputs = run(&sh("echo $PF_TEST ${HOME-none} ${PATH:+path}"), inputs).unwrap();
    assert_eq!(text(&outputs, "out"), "1 none path\n");
}

#[test]
fn the_working_directory_is_set_or_named_in_the_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let path = path.to_str().unwrap();
    let outputs = run(&Subprocess::new("pwd"), Payload::single("cwd", path)).unwrap();
    assert_eq!(text(&outputs, "out").trim_end(), path);
    let error = run(&Subprocess::new("pwd"), Payload::single("cwd", "/no/such/place")).unwrap_err();
    assert_eq!(error.text(), "[Errno 2] No such file or directory: '/no/such/place'");
}

#[test]
fn lines_are_told_as_they_come() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let listener: Listener = Arc::new(move |event| {
        if let Event::Message { text, .. } = event {
            into.lock().unwrap().push((*text).to_owned());
        }
    });
    let ctx = Context::new("node", RunId(1), 1).with_listener(Some(&listener));
    let lines = sh("printf 'one\ntw'; printf 'o\n\nend'");
    let outputs = lines.run(&Payload::single("stream", true), &ctx).unwrap();
    assert_eq!(*told.lock().unwrap(), ["one", "two", "", "end"]);
    assert_eq!(text(&outputs, "out"), "one\ntwo\n\nend");
    told.lock().unwrap().clear();
    let outputs = lines.clone().output(Output::Stream).run(&Payload::new(), &ctx).unwrap();
    assert_eq!(outputs.get("out"), Some(&Value::Null));
    assert_eq!(told.lock().unwrap().len(), 4);
    // Many lines, of both streams at once.
    told.lock().unwrap().clear();
    sh("seq 50000; seq 50000 >&2").output(Output::Stream).run(&Payload::new(), &ctx).unwrap();
    assert_eq!(told.lock().unwrap().len(), 100_000);
}

#[test]
fn the_deadline_ends_it_with_what_it_started() {
    let mark = Interruption::with_deadline(Some(Instant::now() + Duration::from_millis(200)));
    let ctx = Context::new("node", RunId(1), 1).with_marks(Some(&mark), None);
    let begin = Instant::now();
    let stubborn = sh("trap '' TERM INT; sleep 60 & sleep 60").grace(Duration::from_millis(100));
    let error = stubborn.run(&Payload::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() < LONG, "{:?}", begin.elapsed());
    // Nothing is started after it.
    let error = sh("exit 0").run(&Payload::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn an_interruption_ends_it() {
    for output in [Output::Capture, Output::CaptureAndStream] {
        let mark = Interruption::new();
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let ctx = Context::new("node", RunId(1), 1).with_marks(Some(&mark), None);
            let running = scope.spawn(move || sh("sleep 60").output(output).run(&Payload::new(), &ctx));
            mark.interrupt(Cause::Interrupted);
            let error = running.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        });
        assert!(begin.elapsed() < LONG, "{:?}", begin.elapsed());
    }
}

#[test]
fn hostile_inputs_are_errors_that_name_them() {
    let cases = [
        (Payload::single("argv", "text"), "argv must be a list of arguments, found text"),
        (
            Payload::single("argv", Value::list([Value::Null])),
            "item 0 of 'argv' must be text, a number or bytes, found null",
        ),
        (Payload::single("argv", Value::list(["a\0b"])), "embedded null byte in argument 1"),
        (Payload::single("cwd", "a\0b"), "embedded null byte in the working directory"),
        (Payload::single("env", Value::map([("A", "\0")])), "embedded null byte in variable 'A'"),
        (Payload::single("env", Value::map([("A=B", "c")])), "illegal name of a variable: 'A=B'"),
        (Payload::single("env", 1), "env must be an object of variables, found integer"),
        (Payload::single("stdin", 1), "stdin must be text or bytes, found integer"),
        (Payload::single("check", 1), "check must be true or false, found integer"),
        (
            Payload::single("args", 1),
            "unknown input 'args' of a subprocess task, expected: argv, env, cwd, stdin, capture, stream, check, and positions",
        ),
    ];
    for (inputs, message) in cases {
        let error = run(&Subprocess::new("true"), inputs).unwrap_err();
        assert_eq!(error.text(), message);
    }
    let huge = Payload::single("argv", Value::list(vec!["x".repeat(100_000); 100]));
    assert_eq!(run(&Subprocess::new("true"), huge).unwrap_err().text(), "[Errno 7] Argument list too long: 'true'");
}
