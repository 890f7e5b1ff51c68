//! Starting commands, their input and output, and what keeps them from starting.

use std::sync::Arc;
use std::time::Instant;

use pushflow_signals::{Command, Ended, Error, Finished, Output, Stdin, Stream};

use crate::{LONG, Test, tests};

pub(crate) const TESTS: &[Test] = tests![
    codes_signals_and_outputs_come_back,
    arguments_go_unchanged,
    big_input_and_output_at_once,
    a_command_need_not_read_its_input,
    the_environment_is_as_asked,
    the_working_directory_is_as_asked,
    merged_output_keeps_its_order,
    streamed_output_comes_in_pieces,
    a_command_sees_default_signal_dispositions,
    what_keeps_a_command_from_starting_is_told_apart,
];

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script]).stdout(Output::Capture).stderr(Output::Capture)
}

fn run(command: Command) -> Finished {
    command.start().unwrap().wait(Some(Instant::now() + LONG)).unwrap()
}

fn out(finished: &Finished) -> &str {
    std::str::from_utf8(finished.stdout.as_deref().unwrap()).unwrap()
}

fn codes_signals_and_outputs_come_back() {
    let finished = run(shell("echo out; echo err >&2; exit 7"));
    assert_eq!((finished.code(), finished.signal(), finished.ended), (Some(7), None, Ended::ByItself));
    assert_eq!((out(&finished), finished.stderr.as_deref()), ("out\n", Some(&b"err\n"[..])));
    let killed = run(shell("kill -TERM $$"));
    assert_eq!((killed.code(), killed.signal().unwrap().to_string().as_str()), (None, "SIGTERM"));
}

fn arguments_go_unchanged() {
    let odd = ["a b", "", "*", "$HOME", "\"'", "\n"];
    let finished = run(Command::new("printf").args(["%s|"]).args(odd).stdout(Output::Capture));
    assert_eq!(out(&finished), "a b||*|$HOME|\"'|\n|");
}

fn big_input_and_output_at_once() {
    let bytes: Vec<u8> = (0..64 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    let input: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(bytes.clone());
    let finished = run(Command::new("cat").stdin(Stdin::Bytes(input)).stdout(Output::Capture));
    assert!(finished.stdout.unwrap() == bytes);
}

fn a_command_need_not_read_its_input() {
    let input = Stdin::Bytes(Arc::new(vec![0_u8; 10 << 20]));
    assert_eq!(run(Command::new("true").stdin(input)).code(), Some(0));
}

fn the_environment_is_as_asked() {
    let finished = run(shell("echo $A-$HOME-$PUSHFLOW_GONE").env_clear().env("A", "1").env("PATH", "/usr/bin:/bin"));
    assert_eq!(out(&finished), "1--\n");
    let removed = run(shell("echo ${HOME-none}").env_remove("HOME"));
    assert_eq!(out(&removed), "none\n");
}

fn the_working_directory_is_as_asked() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().canonicalize().unwrap();
    let finished = run(Command::new("pwd").current_dir(&directory).stdout(Output::Capture));
    assert_eq!(out(&finished).trim_end(), directory.to_str().unwrap());
}

fn merged_output_keeps_its_order() {
    let finished = run(shell("for i in 1 2 3; do echo o$i; echo e$i >&2; done").stderr(Output::Merge));
    assert_eq!(out(&finished), "o1\ne1\no2\ne2\no3\ne3\n");
    assert_eq!(finished.stderr, None);
}

fn streamed_output_comes_in_pieces() {
    let mut lines = [0, 0];
    let take = |stream, bytes: &[u8]| {
        let index = usize::from(stream == Stream::Stderr);
        lines[index] += bytes.iter().filter(|byte| **byte == b'\n').count();
    };
    let both = shell("seq 100000; seq 1000 >&2").stdout(Output::Stream).stderr(Output::Stream);
    let finished = both.start().unwrap().wait_with(Some(Instant::now() + LONG), take).unwrap();
    assert_eq!((finished.stdout, finished.stderr), (None, None));
    assert_eq!(lines, [100_000, 1000]);
}

fn a_command_sees_default_signal_dispositions() {
    // With SIGPIPE ignored, as Rust programs have it, `yes` would end with an error message instead.
    let finished = run(shell("yes | head -n 1"));
    assert_eq!((out(&finished), finished.stderr.as_deref()), ("y\n", Some(&b""[..])));
}

fn what_keeps_a_command_from_starting_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    std::fs::write(&plain, "text").unwrap();
    let start = |command: Command| command.start().unwrap_err();

    let error = start(Command::new("pushflow-no-such-program"));
    assert!(matches!(&error, Error::NotFound { program, .. } if program == "pushflow-no-such-program"), "{error}");
    assert_eq!(error.errno(), Some(2));
    for program in [plain.as_path(), directory.path()] {
        let error = start(Command::new(program));
        assert!(matches!(error, Error::NotExecutable { .. }), "{error}");
    }
    for missing in [directory.path().join("missing"), plain] {
        let error = start(Command::new("true").current_dir(&missing));
        assert!(matches!(&error, Error::WorkingDirectory { directory, .. } if *directory == missing), "{error}");
    }
    let error = start(Command::new("true").args(["a\0b"]));
    assert!(matches!(error, Error::Nul { .. }), "{error}");
    let error = start(Command::new("true").args([String::from("x").repeat(4 << 20)]));
    assert!(matches!(error, Error::System { action: "start a process", .. }), "{error}");
}
