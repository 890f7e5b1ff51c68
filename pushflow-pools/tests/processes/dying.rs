//! What is left when the parent is killed, and workers at any moment.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::task::Recipe;
use pushflow_core::value::Buffer;
use pushflow_core::{Context, Outcome, Payload, Pool, Task, Value, register_task_kind};
use pushflow_signals::StartMethod;

use crate::LONG;
use crate::backends::{Backend, Setup};
use crate::gates::{Gate, Held, start};
use crate::suite::{is_usable, wait};

/// Names the part of a parent that is killed.
pub(crate) const PARENT: &str = "a parent that is killed";
const SETUP: &str = "PUSHFLOW_POOLS_TEST_SETUP";
const DIRECTORY: &str = "PUSHFLOW_POOLS_TEST_DIRECTORY";
const GATE: &str = "PUSHFLOW_POOLS_TEST_GATE";
/// How many executions it has sent ahead.
const AHEAD: usize = 60;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        daemonic_workers_die_with_their_parent,
        other_workers_end_what_they_run_and_begin_nothing,
        workers_are_killed_before_they_are_ready,
        what_kills_its_readers_is_blamed_at_last,
    ]
}

fn all(daemonic: bool) -> impl Iterator<Item = Setup> {
    Setup::all().filter(move |setup| !setup.scaling && setup.backend.daemonic == daemonic)
}

/// A parent whose one worker runs an execution at the gate, and has been sent more.
fn parent(setup: Setup, gate: &Gate, directory: &Path) -> (Child, Held) {
    let mut command = crate::program(PARENT);
    command.env(SETUP, format!("{} {}", setup.backend.name, setup.method)).env(DIRECTORY, directory);
    command.env(GATE, gate.inputs().get("socket").and_then(Value::as_str).unwrap());
    let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "sent\n");
    (parent, gate.wait())
}

pub(crate) fn be_killed() -> ExitCode {
    let (setup, directory) = (std::env::var(SETUP).unwrap(), std::env::var(DIRECTORY).unwrap());
    let (name, method) = setup.split_once(' ').unwrap();
    let builder = Backend::named(name).unwrap().builder().workers(1).start_method(method.parse().unwrap());
    let pool = Arc::new(builder.build().unwrap()) as Arc<dyn Pool>;
    // So short that many are sent ahead, then one that waits.
    let quick: Vec<Handle> = (0..500).map(|_| start(&pool, "echo", Payload::new())).collect();
    quick.into_iter().for_each(|handle| drop(wait(handle)));
    let inputs = |n: usize| {
        let file = format!("{directory}/{n}");
        let payload = Payload::single("file", file).with("then", if n == 0 { "gate" } else { "echo" });
        let payload = payload.with("socket", std::env::var(GATE).unwrap());
        // More than the worker reads at once.
        payload.with("data", Buffer::from(vec![1; 60_000]))
    };
    let _ahead: Vec<Handle> = (0..AHEAD).map(|n| start(&pool, "leave", inputs(n))).collect();
    println!("sent");
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// Waits until a process is not there any more.
fn is_gone(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    // Whoever inherits it may have reaped it already.
    let Ok(process) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) else { return };
    let timeout = rustix::time::Timespec::try_from(LONG).unwrap();
    let mut end = [rustix::event::PollFd::new(&process, rustix::event::PollFlags::IN)];
    let ended = rustix::io::retry_on_intr(|| rustix::event::poll(&mut end, Some(&timeout))).unwrap();
    assert_eq!(ended, 1, "worker {pid:?} is still there");
}

fn left(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn daemonic_workers_die_with_their_parent() {
    for setup in all(true) {
        let (gate, directory) = (Gate::new(), tempfile::tempdir().unwrap());
        let (mut parent, held) = parent(setup, &gate, directory.path());
        parent.kill().unwrap();
        parent.wait().unwrap();
        is_gone(held.pid);
        assert_eq!(left(directory.path()), 0, "{}", setup.name());
    }
}

fn other_workers_end_what_they_run_and_begin_nothing() {
    for setup in all(false) {
        let (gate, directory) = (Gate::new(), tempfile::tempdir().unwrap());
        let (mut parent, held) = parent(setup, &gate, directory.path());
        parent.kill().unwrap();
        parent.wait().unwrap();
        let pid = held.pid;
        drop(held);
        is_gone(pid);
        assert_eq!(left(directory.path()), 1, "{}", setup.name());
    }
}

fn workers_are_killed_before_they_are_ready() {
    for setup in Setup::all().filter(|setup| setup.method != StartMethod::Spawn) {
        let gate = Gate::new();
        let inputs = gate.inputs();
        let pool = setup.with(move |builder| builder.initializer("gate", inputs.clone())).unwrap();
        let handles: Vec<Handle> = (0..10_i64).map(|n| start(&pool, "echo", Payload::single("n", n))).collect();
        for _ in 0..6 {
            gate.wait().kill();
        }
        std::thread::scope(|scope| {
            // Whoever comes now may pass.
            scope.spawn(|| while gate.wait().pid != 0 {});
            let _end = Opened(&gate);
            for (n, handle) in (0_i64..).zip(handles) {
                assert_eq!(wait(handle).unwrap(), Payload::single("n", n), "{}", setup.name());
            }
            is_usable(&pool);
            pool.close();
            pool.join(Some(LONG)).unwrap();
        });
    }
}

/// Tells who waits at a gate that nobody comes any more.
struct Opened<'a>(&'a Gate);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.come(0);
    }
}

/// Reading it kills: the worker makes the task of a recipe when it is told of it, before it begins any call.
#[derive(Debug)]
struct Deadly;

impl Task for Deadly {
    fn run(&self, _: &Payload, _: &Context<'_>) -> Outcome {
        Ok(Payload::new())
    }
    fn recipe(&self) -> Option<Recipe> {
        Some(Recipe { kind: "deadly".into(), settings: Value::Null })
    }
}
register_task_kind!("deadly", |_| std::process::exit(77));

fn what_kills_its_readers_is_blamed_at_last() {
    for setup in Setup::all() {
        let pool = setup.make();
        let deadly = Handle::submit(&*pool, Arc::new(Deadly), Payload::new()).unwrap();
        let others: Vec<Handle> = (0..100).map(|_| start(&pool, "echo", Payload::new())).collect();
        let error = wait(deadly).unwrap_err();
        let code = error.lost_worker().and_then(|worker| worker.exit_code);
        assert_eq!((error.kind(), code), (ErrorKind::Lost, Some(77)), "{}: {error:?}", setup.name());
        assert!(error.text().starts_with("3 workers have ended while the task waited in them"), "{error}");
        others.into_iter().for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
    }
}
