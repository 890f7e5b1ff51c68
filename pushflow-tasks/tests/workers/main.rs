//! Tasks in worker processes: the outcome is the same as on threads, and nothing goes on that was broken off.
//!
//! The harness is our own, for `init` has to be the first line of `main`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the tests make a named pipe")]

mod nested;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use pushflow_core::engine::{Keep, Network, RunOptions};
use pushflow_core::event::Event;
use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::handle::Handle;
use pushflow_core::payload::Key;
use pushflow_core::{ErrorKind, Outcome, Payload, Pool, Task, Value, engine, register_task, registry};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_signals::StartMethod;
use pushflow_tasks::ppfport::PpfPort;
use pushflow_tasks::script::Script;
use pushflow_tasks::subprocess::Output;
use pushflow_tasks::{Subprocess, Tasks};

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);

register_task!("tests.answer", |_, _| Ok(Payload::single("answer", 42)));

/// A case, with its name.
type Case = (&'static str, fn(Setup));

fn main() -> ExitCode {
    pushflow_signals::init();
    let trials = setups().flat_map(|setup| {
        let cases: [Case; 4] = [
            ("same_as_on_threads", same_as_on_threads),
            ("an_interruption_ends_a_command", an_interruption_ends_a_command),
            ("so_does_its_timeout", so_does_its_timeout),
            ("lines_are_told_as_they_come", lines_are_told_as_they_come),
        ];
        cases.map(move |(name, case)| {
            Trial::test(format!("{}::{name}", setup.name()), move || {
                case(setup);
                Ok(())
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.chain(nested::trials()).collect()).exit_code()
}

/// A pool of processes.
#[derive(Clone, Copy)]
struct Setup {
    pool: &'static str,
    method: StartMethod,
}

/// Each type, and each start method for one that is daemonic and one that is not.
fn setups() -> impl Iterator<Item = Setup> {
    let names = ["process", "ndprocess", "multiprocessing", "ndmultiprocessing", "billiard", "scaling"];
    let all = names.into_iter().flat_map(|pool| StartMethod::ALL.map(|method| Setup { pool, method }));
    all.filter(|setup| setup.method == StartMethod::default() || matches!(setup.pool, "process" | "multiprocessing"))
}

impl Setup {
    fn name(self) -> String {
        format!("{}::{}", self.pool, self.method)
    }

    fn make(self) -> Arc<dyn Pool> {
        let settings = PoolSettings {
            workers: Some(2),
            start_method: Some(self.method),
            grace: Some(Duration::from_secs(20)),
            ..PoolSettings::default()
        };
        factory::create(self.pool, &settings).unwrap()
    }
}

fn sh(script: &str) -> Subprocess {
    Subprocess::new("sh").args(["-c", script])
}

fn outcome(pool: &dyn Pool, task: Arc<dyn Task>, inputs: Payload) -> Outcome {
    match Handle::submit(pool, task, inputs).unwrap().wait_timeout(LONG) {
        Ok(outcome) => outcome,
        Err(handle) => panic!("no outcome: {handle:?}"),
    }
}

/// What is seen of an outcome from outside.
fn seen(outcome: Outcome) -> Result<Payload, (ErrorKind, String, String, Vec<String>)> {
    outcome.map_err(|error| {
        (error.kind(), error.type_name().to_string(), error.text().to_owned(), error.traceback().to_vec())
    })
}

fn tasks(directory: &Path) -> Vec<(Arc<dyn Task>, Payload)> {
    let file = directory.join("both.sh");
    fs::write(&file, "echo one $1; echo two >&2; exit 3").unwrap();
    let script = |identifier: &str| -> Arc<dyn Task> { Arc::new(Script::new(identifier)) };
    let captured = Payload::single("_capture_output", true);
    let large = Payload::single("stdin", Value::Bytes(vec![b'x'; 2 << 20].into()));
    let settings = Subprocess::new("sh")
        .args(["-c", "cat; pwd; echo ${PF_SET-none} ${HOME-none}; exit 4"])
        .env("PF_SET", "set")
        .env_remove("HOME")
        .current_dir(directory.canonicalize().unwrap())
        .stdin(*b"a\xffb")
        .accept_any_exit_code();
    let of = |command: Subprocess| -> Arc<dyn Task> { Arc::new(command) };
    vec![
        (Arc::new(registry::find("tests.answer").unwrap()), Payload::new()),
        (Arc::new(PpfPort), Payload::from([("a", Value::Int(1)), ("_ppfdict", Value::map([("b", 2)]))])),
        (Arc::new(PpfPort), Payload::single(Key::Position(0), 1)),
        (of(settings), Payload::new()),
        (of(Subprocess::new("cat")), large),
        (of(Subprocess::new("printf").arg("%s")), Payload::single(Key::Position(0), Value::Bytes(vec![255].into()))),
        (of(sh("echo out; echo err >&2; exit 7")), Payload::new()),
        (of(sh("echo out; echo err >&2").merge_stderr()), Payload::new()),
        (of(sh("echo nothing").output(Output::Null)), Payload::new()),
        (of(sh("kill -KILL $$").accept_any_exit_code()), Payload::new()),
        (of(Subprocess::new("no-such-command")), Payload::new()),
        (of(Subprocess::new("true")), Payload::single("cwd", "/no/such/place")),
        (of(Subprocess::new("true")), Payload::single("argv", Value::list(vec!["x".repeat(100_000); 100]))),
        (of(Subprocess::new("true")), Payload::single("unknown", 1)),
        (script("echo a  b"), captured.clone().with("x", 1)),
        (script("echo not captured"), Payload::new()),
        (script(file.to_str().unwrap()), captured.clone().with(Key::Position(0), "x y")),
        (script(file.to_str().unwrap()), captured.with("_raise_on_error", true)),
        (script("no-such-command"), Payload::new()),
    ]
}

fn same_as_on_threads(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    let (threads, processes) = (factory::create("thread", &PoolSettings::default()).unwrap(), setup.make());
    for (number, (task, inputs)) in tasks(directory.path()).into_iter().enumerate() {
        let wanted = seen(outcome(&*threads, Arc::clone(&task), inputs.clone()));
        // A worker that has had it once knows it.
        for _ in 0..2 {
            let found = seen(outcome(&*processes, Arc::clone(&task), inputs.clone()));
            assert!(found == wanted, "task {number}: found {found:.500?}, wanted {wanted:.500?}");
        }
    }
}

/// A named pipe from which a script is heard.
fn pipe(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// A number of seconds that no other process sleeps for.
fn mark(setup: Setup, base: u32) -> String {
    let place = setups().position(|other| other.name() == setup.name()).unwrap();
    format!("{}.{place}5", base + std::process::id())
}

fn an_interruption_ends_a_command(setup: Setup) {
    let pool = setup.make();
    let mark = mark(setup, 100_000);
    for prefix in ["", "trap '' INT TERM; "] {
        let directory = tempfile::tempdir().unwrap();
        let pipe = pipe(directory.path());
        let script = format!("{prefix}sleep {mark} & echo ready > {}; sleep {mark}", pipe.display());
        let task = Arc::new(sh(&script).grace(Duration::from_millis(50)));
        let handle = Handle::submit(&*pool, task, Payload::new()).unwrap();
        assert_eq!(fs::read_to_string(&pipe).unwrap(), "ready\n");
        handle.interrupt();
        let error = handle.wait_timeout(LONG).unwrap().unwrap_err();
        let found = (error.kind(), error.text());
        assert_eq!(found, (ErrorKind::Interrupted, "the task was interrupted"), "{prefix:?}");
        assert_gone(&mark);
        // The next one is not interrupted.
        assert!(outcome(&*pool, Arc::new(sh("true")), Payload::new()).is_ok());
    }
}

/// A workflow of one node.
fn network(node: &str) -> Arc<Network> {
    let text = format!(r#"{{"nodes": [{node}]}}"#);
    let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
    Arc::new(engine::compile(&graph, &Tasks::new().grace(Duration::from_millis(50))).unwrap())
}

fn so_does_its_timeout(setup: Setup) {
    let mark = mark(setup, 200_000);
    let node = |prefix: &str| {
        network(&format!(
            r#"{{"id": "a", "task_type": "subprocess", "task_identifier": "sh", "pushflow": {{"timeout": 0.1}},
                "default_inputs": [{{"name": "argv", "value": ["-c", "{prefix} sleep {mark}"]}}]}}"#
        ))
    };
    for prefix in ["", "trap '' INT TERM;"] {
        let report = node(prefix).start(setup.make(), RunOptions::default()).wait();
        let failure = &report.failures[0];
        assert_eq!((failure.kind, &*failure.type_name), (ErrorKind::TimedOut, "TimeoutError"), "{failure:?}");
        assert_gone(&mark);
    }
}

fn lines_are_told_as_they_come(setup: Setup) {
    let node = r#"{"id": "a", "task_type": "script", "task_identifier": "printf 1\\n\\n2\\n"}"#;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let options = RunOptions::default().keep(Keep::None).listener(Arc::new(move |event: &Event<'_>| match event {
        Event::Message { text, .. } => into.lock().unwrap().push((*text).to_owned()),
        Event::Progress { .. } => into.lock().unwrap().push("progress".to_owned()),
        _ => {}
    }));
    network(node).start(setup.make(), options).wait();
    assert_eq!(*told.lock().unwrap(), ["1", "", "2"]);
}

/// Waits until no process has a text among its arguments; they have got their signals, so it is for the kernel only.
fn assert_gone(mark: &str) {
    let limit = Instant::now() + LONG;
    while is_running(mark) {
        assert!(Instant::now() < limit, "a process with {mark} goes on");
        std::thread::yield_now();
    }
}

/// Whether a process has a text among its arguments.
fn is_running(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.into_iter().filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(mark))
}
