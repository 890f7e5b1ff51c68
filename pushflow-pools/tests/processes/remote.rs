//! Workers that somebody else starts: processes of this program, of which the pool has only the standard streams.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::value::Buffer;
use pushflow_core::{Payload, Pool, TaskError, Value};
use pushflow_pools::process::{Connection, ProcessPool, ProcessPoolBuilder};

use crate::LONG;
use crate::gates::{Gate, start};
use crate::origins::{Ear, Single, Told};
use crate::suite::{is_usable, wait};

/// Names the part of the worker.
pub(crate) const PART: &str = "remote worker";

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        results_errors_and_panics_come_back,
        large_buffers_are_part_of_the_frame,
        what_cannot_be_sent_to_a_remote_worker_is_an_outcome,
        one_execution_is_interrupted_by_a_frame,
        an_early_interruption_is_not_forgotten,
        all_that_runs_is_interrupted_by_a_frame,
        what_does_not_end_is_given_up,
        time_limits_hold_for_remote_workers,
        a_killed_remote_worker_costs_one_execution,
        a_remote_worker_that_exits_costs_one_execution,
        a_silent_worker_is_given_up,
        the_first_word_may_take_longer,
        garbage_is_a_clear_error,
        a_failing_connection_fails_what_waits,
        a_connection_that_works_at_the_second_try_is_used,
        printing_does_not_corrupt_the_stream,
        progress_and_events_of_remote_workers_are_told,
        an_initializer_runs_in_remote_workers,
        remote_workers_are_replaced,
        remote_workers_end_with_the_pool,
        a_remote_worker_ends_with_its_stream,
    ]
}

pub(crate) fn play() -> ExitCode {
    pushflow_pools::process::serve_standard_streams().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// The processes behind the connections, in the order in which they were made.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<Vec<Child>>>);

impl Fleet {
    fn connect(&self, mut command: Command) -> io::Result<Connection> {
        // In a group of its own: the kernel lets those go on that were stopped in a group whose last tie to its session goes.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (reader, writer) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        self.0.lock().unwrap().push(child);
        Ok(Connection::new(reader, writer))
    }

    fn pool(&self, settings: impl FnOnce(ProcessPoolBuilder) -> ProcessPoolBuilder) -> Arc<dyn Pool> {
        let fleet = self.clone();
        let builder = ProcessPool::builder().connect(Arc::new(move || fleet.connect(crate::program(PART))));
        Arc::new(settings(builder.workers(1).grace(Duration::from_millis(200))).build().unwrap())
    }

    fn of(settings: impl FnOnce(ProcessPoolBuilder) -> ProcessPoolBuilder) -> (Fleet, Arc<dyn Pool>) {
        let fleet = Fleet::default();
        let pool = fleet.pool(settings);
        (fleet, pool)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits for the end of all, which is to come by itself.
    fn ends(&self) -> Vec<ExitStatus> {
        let children = std::mem::take(&mut *self.0.lock().unwrap());
        let pids: Vec<i32> = children.iter().map(|child| child.id().cast_signed()).collect();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let wait = |mut child: Child| child.wait().unwrap();
            let _ = tell.send(children.into_iter().map(wait).collect());
        });
        told.recv_timeout(LONG).unwrap_or_else(|_| {
            for pid in pids {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            panic!("a remote worker does not end");
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().unwrap().iter_mut().for_each(|child| drop(child.kill()));
        }
    }
}

fn raised(pool: &Arc<dyn Pool>, task: &str, inputs: Payload) -> TaskError {
    wait(start(pool, task, inputs)).unwrap_err()
}

fn results_errors_and_panics_come_back() {
    let (fleet, pool) = Fleet::of(|builder| builder.workers(2));
    let handles: Vec<Handle> = (0..200_i64).map(|n| start(&pool, "echo", Payload::single("n", n))).collect();
    for (n, handle) in (0_i64..).zip(handles) {
        assert_eq!(wait(handle).unwrap(), Payload::single("n", n));
    }
    let error = raised(&pool, "raise", Payload::new());
    assert_eq!((error.kind(), error.text()), (ErrorKind::Raised, "no"));
    let error = raised(&pool, "panic_quietly", Payload::new());
    assert_eq!((error.kind(), error.text()), (ErrorKind::Panicked, "as expected"));
    drop(pool);
    let ends = fleet.ends();
    assert!(ends.len() == 2 && ends.iter().all(ExitStatus::success), "{ends:?}");
}

fn large_buffers_are_part_of_the_frame() {
    let (_fleet, pool) = Fleet::of(|builder| builder);
    let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1] ^ 0x5A).collect();
    let inputs = Payload::single("data", Buffer::from(bytes));
    let handles: Vec<Handle> = (0..10).map(|_| start(&pool, "echo", inputs.clone())).collect();
    handles.into_iter().for_each(|handle| assert_eq!(wait(handle).unwrap(), inputs));
}

fn what_cannot_be_sent_to_a_remote_worker_is_an_outcome() {
    let (_fleet, pool) = Fleet::of(|builder| builder);
    assert_eq!(raised(&pool, "deep", Payload::new()).kind(), ErrorKind::Delivery);
    is_usable(&pool);
}

fn one_execution_is_interrupted_by_a_frame() {
    let (fleet, pool) = Fleet::of(|builder| builder.grace(LONG));
    for task in ["cooperate", "spin"] {
        let gate = Gate::new();
        let handle = start(&pool, task, gate.inputs());
        let _held = gate.wait();
        let waiting = start(&pool, "is_interrupted", Payload::new());
        handle.interrupt();
        let error = wait(handle).unwrap_err();
        assert!(error.kind() == ErrorKind::Interrupted && error.lost_worker().is_none(), "{task}: {error:?}");
        assert!(wait(waiting).is_ok());
    }
    assert_eq!(fleet.len(), 1);
}

/// It may come to the worker before that has begun the call.
fn an_early_interruption_is_not_forgotten() {
    let (fleet, pool) = Fleet::of(|builder| builder.grace(LONG));
    is_usable(&pool);
    for _ in 0..200 {
        let handle = start(&pool, "forever", Payload::new());
        handle.interrupt();
        assert_eq!(wait(handle).unwrap_err().kind(), ErrorKind::Interrupted);
    }
    assert_eq!(fleet.len(), 1);
}

fn all_that_runs_is_interrupted_by_a_frame() {
    let (fleet, pool) = Fleet::of(|builder| builder.grace(LONG).workers(2));
    let gate = Gate::new();
    let (busy, _held) = gate.occupy(&pool, "cooperate", 2);
    let waiting: Vec<Handle> = (0..10).map(|_| start(&pool, "is_interrupted", Payload::new())).collect();
    pool.interrupt();
    for handle in busy {
        let error = wait(handle).unwrap_err();
        assert!(error.kind() == ErrorKind::Interrupted && error.lost_worker().is_none(), "{error:?}");
    }
    waiting.into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
    assert_eq!(fleet.len(), 2);
}

fn what_does_not_end_is_given_up() {
    let (fleet, pool) = Fleet::of(|builder| builder);
    let gate = Gate::new();
    let handle = start(&pool, "gate", gate.inputs());
    let held = gate.wait();
    let waiting = start(&pool, "echo", Payload::new());
    handle.interrupt();
    let error = wait(handle).unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && error.lost_worker().is_some(), "{error:?}");
    assert!(wait(waiting).is_ok());
    drop((held, pool));
    assert_eq!(fleet.ends().len(), 2);
}

fn time_limits_hold_for_remote_workers() {
    const SOON: Duration = Duration::from_millis(50);
    let (fleet, pool) = Fleet::of(|builder| builder.grace(LONG).soft_time_limit(Some(SOON)));
    let gate = Gate::new();
    let handle = start(&pool, "cooperate", gate.inputs());
    let _held = gate.wait();
    let error = wait(handle).unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.lost_worker().is_none(), "{error:?}");
    assert_eq!(fleet.len(), 1);
    let (fleet, pool) = Fleet::of(|builder| builder.grace(LONG).hard_time_limit(Some(SOON * 10)));
    let handle = start(&pool, "gate", gate.inputs());
    let held = gate.wait();
    let error = wait(handle).unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.lost_worker().is_some(), "{error:?}");
    is_usable(&pool);
    drop((held, pool));
    assert_eq!(fleet.ends().len(), 2);
}

fn a_killed_remote_worker_costs_one_execution() {
    let (fleet, pool) = Fleet::of(|builder| builder.workers(2));
    let gate = Gate::new();
    let (busy, mut held) = gate.occupy(&pool, "gate", 2);
    let waiting: Vec<Handle> = (0..50_i64).map(|n| start(&pool, "echo", Payload::single("n", n))).collect();
    held.pop().unwrap().kill();
    waiting.into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
    drop(held);
    let lost: Vec<TaskError> = busy.into_iter().filter_map(|handle| wait(handle).err()).collect();
    let [error] = &lost[..] else { panic!("{} executions were lost", lost.len()) };
    assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}");
    drop(pool);
    let killed = |status: &&ExitStatus| !status.success();
    assert_eq!(fleet.ends().iter().filter(killed).count(), 1);
}

fn a_remote_worker_that_exits_costs_one_execution() {
    let (fleet, pool) = Fleet::of(|builder| builder);
    for _ in 0..5 {
        let error = raised(&pool, "exit", Payload::single("code", 0));
        assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}");
        is_usable(&pool);
    }
    assert_eq!(fleet.len(), 6);
}

fn a_silent_worker_is_given_up() {
    let (fleet, pool) = Fleet::of(|builder| builder.heartbeat(Duration::from_millis(100)));
    let gate = Gate::new();
    let handle = start(&pool, "gate", gate.inputs());
    let held = gate.wait();
    // Begun by nobody yet.
    let waiting = start(&pool, "echo", Payload::new());
    let pid = nix::unistd::Pid::from_raw(held.pid.cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    let error = wait(handle).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}");
    assert!(error.text().contains("silent for 500ms"), "{error}");
    assert!(wait(waiting).is_ok());
    // When it goes on it finds that nobody is there, and ends.
    kill(pid, Signal::SIGCONT).unwrap();
    drop((held, pool));
    assert_eq!(fleet.ends().len(), 2);
}

fn the_first_word_may_take_longer() {
    let fleet = Fleet::default();
    let connects = fleet.clone();
    let connect = move || {
        let program = crate::program(PART);
        let mut command = Command::new("sh");
        // Many heartbeats; how long it is silent is the subject.
        command.arg("-c").arg("sleep 0.3; exec \"$0\"").arg(program.get_program());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        connects.connect(command)
    };
    let builder = ProcessPool::builder().workers(1).heartbeat(Duration::from_millis(10)).connect(Arc::new(connect));
    let pool: Arc<dyn Pool> = Arc::new(builder.build().unwrap());
    is_usable(&pool);
    drop(pool);
    assert_eq!(fleet.ends().len(), 1, "one was enough");
}

fn garbage_is_a_clear_error() {
    let shell = |script: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    };
    let scripts = [
        ("echo 'bash: pushflow: command not found'", "no frame"),
        ("yes", "no frame"),
        ("exec cat", "it is for workers"),
        ("exit 1", "ended"),
        ("printf x; exec sleep 3600", "silent"),
        ("exec sleep 3600", "silent"),
        // A frame that announces more than comes.
        (r"printf '\377\377\377\377\001\002\000\000\000\000\000\000\000\000\000\000'; exec sleep 3600", "silent"),
        // `Failed`, with a body that is none.
        (r"printf '\001\000\000\000\001\003\000\000\000\000\000\000\000\000\000\000x'; exec sleep 3600", "Failed"),
        // A reply to what nobody has asked.
        (r"printf '\000\000\000\000\001\011\000\000\000\000\000\000\000\000\000\000'; exec sleep 3600", "Reply"),
    ];
    for (script, wanted) in scripts {
        let fleet = Fleet::default();
        let connections = fleet.clone();
        let builder = ProcessPool::builder().connect(Arc::new(move || connections.connect(shell(script))));
        // Soon where that is the subject, and else only for a deadlock.
        let heartbeat = if wanted == "silent" { Duration::from_millis(20) } else { LONG / 5 };
        let builder =
            builder.workers(2).grace(Duration::from_millis(50)).heartbeat(heartbeat).connect_timeout(heartbeat * 5);
        let pool: Arc<dyn Pool> = Arc::new(builder.build().unwrap());
        let waiting: Vec<Handle> = (0..5).map(|_| start(&pool, "echo", Payload::new())).collect();
        for handle in waiting {
            let error = wait(handle).unwrap_err();
            assert_eq!(&**error.type_name(), "BrokenProcessPool", "{error:?}");
            assert!(error.text().contains(wanted), "{script}: no `{wanted}` in {error}");
        }
        assert!(fleet.len() <= 3 + 5 + 2, "{script}: {} connections", fleet.len());
        drop(pool);
        // Those that sleep do not look.
        fleet.0.lock().unwrap().iter_mut().for_each(|child| drop(child.kill()));
        fleet.ends();
    }
}

fn refusing(times: usize, fleet: &Fleet) -> Arc<dyn Pool> {
    let (left, fleet) = (Mutex::new(times), fleet.clone());
    let connect = move || {
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody is there"));
        }
        fleet.connect(crate::program(PART))
    };
    Arc::new(ProcessPool::builder().connect(Arc::new(connect)).workers(1).build().unwrap())
}

fn a_failing_connection_fails_what_waits() {
    let pool = refusing(usize::MAX, &Fleet::default());
    let waiting: Vec<Handle> = (0..5).map(|_| start(&pool, "echo", Payload::new())).collect();
    for handle in waiting {
        let error = wait(handle).unwrap_err();
        assert_eq!(&**error.type_name(), "BrokenProcessPool", "{error:?}");
        assert!(error.text().contains("nobody is there"), "{error}");
    }
    pool.close();
    pool.join(Some(LONG)).unwrap();
}

fn a_connection_that_works_at_the_second_try_is_used() {
    for times in [1, 2] {
        let fleet = Fleet::default();
        let pool = refusing(times, &fleet);
        is_usable(&pool);
    }
}

fn printing_does_not_corrupt_the_stream() {
    let fleet = Fleet::default();
    let connections = fleet.clone();
    let connect = move || {
        let mut command = crate::program(PART);
        command.stderr(Stdio::null());
        connections.connect(command)
    };
    let pool: Arc<dyn Pool> = Arc::new(ProcessPool::builder().connect(Arc::new(connect)).workers(1).build().unwrap());
    for _ in 0..10 {
        let inputs = Payload::single("lines", 100).with("text", "printed");
        assert_eq!(wait(start(&pool, "print", inputs)).unwrap(), Payload::single("lines", 100));
    }
    assert_eq!(fleet.len(), 1);
}

fn progress_and_events_of_remote_workers_are_told() {
    let (_fleet, pool) = Fleet::of(|builder| builder);
    let ear = Ear::default();
    let single = Single::new("progress").node("far", 1).listener(&ear.listener());
    assert!(single.start(&*pool, Payload::new()).wait().is_ok());
    let progress = Told::Progress { node: "far".to_owned(), fraction: 0.5 };
    assert_eq!(ear.take(), [progress, Told::Message { node: "far".to_owned(), text: "half way".to_owned() }]);
}

fn an_initializer_runs_in_remote_workers() {
    let (_fleet, pool) = Fleet::of(|builder| builder.initializer("remember", Payload::single("x", 7)));
    assert_eq!(wait(start(&pool, "recall", Payload::new())).unwrap(), Payload::single("x", 7));
    let (fleet, pool) = Fleet::of(|builder| builder.initializer("raise", Payload::new()));
    let error = raised(&pool, "echo", Payload::new());
    assert!(error.text().contains("RuntimeError: no"), "{error}");
    assert_eq!(fleet.len(), 3);
}

fn remote_workers_are_replaced() {
    let (fleet, pool) = Fleet::of(|builder| builder.max_tasks_per_child(Some(2)));
    let pid = |handle| wait(handle).unwrap().get("pid").and_then(Value::as_int).unwrap();
    let handles: Vec<Handle> = (0..8).map(|_| start(&pool, "pid", Payload::new())).collect();
    let pids: Vec<i64> = handles.into_iter().map(pid).collect();
    for pid in &pids {
        assert!(pids.iter().filter(|other| *other == pid).count() <= 2, "{pids:?}");
    }
    drop(pool);
    assert!(fleet.ends().iter().all(ExitStatus::success));
}

fn remote_workers_end_with_the_pool() {
    let (fleet, pool) = Fleet::of(|builder| builder.workers(2));
    let gate = Gate::new();
    let (busy, held) = gate.occupy(&pool, "gate", 2);
    pool.close();
    assert!(pool.join(Some(Duration::from_millis(20))).is_err());
    drop(held);
    pool.join(Some(LONG)).unwrap();
    busy.into_iter().for_each(|handle| assert!(handle.is_done() && handle.wait().is_ok()));
    let ends = fleet.ends();
    assert!(ends.len() == 2 && ends.iter().all(ExitStatus::success), "{ends:?}");
}

fn a_remote_worker_ends_with_its_stream() {
    for task in ["cooperate", "spin"] {
        let gate = Gate::new();
        let (fleet, pool) = Fleet::of(|builder| builder.heartbeat(Duration::from_millis(20)));
        let handle = start(&pool, task, gate.inputs());
        let held = gate.wait();
        let pid = nix::unistd::Pid::from_raw(held.pid.cast_signed());
        // Given up while it is stopped, it finds the end of its stream, and interrupts what it runs.
        kill(pid, Signal::SIGSTOP).unwrap();
        assert_eq!(wait(handle).unwrap_err().kind(), ErrorKind::Lost);
        kill(pid, Signal::SIGCONT).unwrap();
        drop(pool);
        fleet.ends();
        drop(held);
    }
}
