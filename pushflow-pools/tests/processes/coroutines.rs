//! Coroutines beside processes: hundreds of thousands that wait, what they may do without holding up others, their ends.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::{Context, Outcome, Payload, Pool, Task, TaskError, Value, register_task, wait};
use pushflow_pools::{CoroutinePool, ThreadPool, factory};
use pushflow_signals::leaks::Snapshot;
use pushflow_signals::{Command, Inside, Process, Returned, StartMethod, register_process};

use crate::LONG;
use crate::backends::{BACKENDS, Setup};
use crate::gates::{Gate, named};

pub(crate) const OVERFLOWING: &str = "coroutines-overflowing";
pub(crate) const INTERRUPTED: &str = "coroutines-interrupted";
pub(crate) const ENVIRONMENT: &str = "coroutines-environment";
const SLEEPERS: usize = 200_000;
/// Coroutines that go on while others wait.
const OTHERS: usize = 1000;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        two_hundred_thousand_sleep_at_once_and_wake,
        what_waits_for_processes_lets_others_go_on,
        coroutines_move_between_threads_with_what_is_theirs,
        an_overflow_ends_the_process_with_its_reason,
        amid_interruptions_each_has_one_outcome_and_nothing_is_left,
        a_forked_process_has_no_coroutines,
        a_storm_in_the_coroutine_environment,
        the_suite_passes_in_the_coroutine_environment,
        the_default_pool_is_that_of_the_environment,
    ]
}

fn task(run: impl Fn(&Payload, &Context<'_>) -> Outcome + Send + Sync + 'static) -> Arc<dyn Task> {
    Arc::new(run)
}

fn start(pool: &dyn Pool, task: Arc<dyn Task>) -> Handle {
    Handle::submit(pool, task, Payload::new()).unwrap()
}

/// A number that can be waited for.
#[derive(Default)]
struct Count(Mutex<(usize, Vec<Waker>)>);

impl Count {
    fn add(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wait(&self, least: usize) {
        wait::block(None, |waker| {
            let mut state = self.0.lock().unwrap();
            if state.0 >= least {
                return Some(());
            }
            state.1.push(waker.clone());
            None
        });
    }
}

fn two_hundred_thousand_sleep_at_once_and_wake() {
    let pool = CoroutinePool::builder().build().unwrap();
    let asleep = Arc::new(AtomicUsize::new(0));
    let all = Arc::new(Count::default());
    let sleep = {
        let (asleep, all) = (Arc::clone(&asleep), Arc::clone(&all));
        task(move |_, ctx| {
            if asleep.fetch_add(1, Ordering::SeqCst) + 1 == SLEEPERS {
                all.add();
            }
            ctx.sleep(Duration::from_secs(3600));
            asleep.fetch_sub(1, Ordering::SeqCst);
            ctx.check().map(|()| Payload::new())
        })
    };
    let handles: Vec<_> = (0..SLEEPERS).map(|_| start(&pool, Arc::clone(&sleep))).collect();
    all.wait(1);
    assert_eq!(asleep.load(Ordering::SeqCst), SLEEPERS);
    assert_eq!(pool.stats().running.len(), SLEEPERS);
    pool.interrupt();
    for handle in handles {
        assert_eq!(handle.wait().unwrap_err().kind(), ErrorKind::Interrupted);
    }
    assert_eq!(asleep.load(Ordering::SeqCst), 0);
    pool.close();
    pool.join(Some(LONG)).unwrap();
}

/// Comes to the gate in a process of its own, and waits there.
fn come(inside: &mut Inside) -> Returned {
    let path = String::from_utf8(inside.input.clone())?;
    let gate = named("gate");
    gate.run(&Payload::single("socket", path), &Context::new("", pushflow_core::event::RunId::default(), 1))?;
    Ok(Vec::new())
}
register_process!("come-to-the-gate", come);

/// More of them wait at the same time than there are threads for coroutines; were one of them to block a thread, the others would
/// never make their progress.
fn what_waits_for_processes_lets_others_go_on() {
    let pool = CoroutinePool::builder().build().unwrap();
    let gate = Gate::new();
    let inputs = gate.inputs();
    let socket = inputs.get("socket").and_then(Value::as_str).unwrap().to_owned();
    let mut waiting: Vec<Arc<dyn Task>> = Vec::new();
    for setup in Setup::all() {
        waiting.push(task(move |inputs, _| {
            let nested = setup.make();
            Handle::submit(&*nested, named("gate"), inputs.clone())?.wait()
        }));
    }
    for method in [StartMethod::Forkserver, StartMethod::Spawn, StartMethod::Fork] {
        for daemonic in [false, true] {
            let socket = socket.clone();
            waiting.push(task(move |_, _| {
                let process = Process::builder("come-to-the-gate").method(method).input(socket.clone());
                let process = if daemonic { process.daemonic() } else { process };
                process.start()?.wait(None)?.returned.map_err(|failure| TaskError::message(format!("{failure:?}")))?;
                Ok(Payload::new())
            }));
        }
    }
    for _ in 0..8 {
        let socket = socket.clone();
        waiting.push(task(move |_, _| {
            let program = std::env::current_exe()?;
            let command = Command::new(program).env(crate::PART, COMMAND).env("SOCKET", &socket);
            let finished = command.start()?.wait(None)?;
            assert_eq!(finished.code(), Some(0));
            Ok(Payload::new())
        }));
    }
    waiting.push(task(|inputs, _| {
        let nested = ThreadPool::builder().workers(1).build()?;
        Handle::submit(&nested, named("gate"), inputs.clone())?.wait()
    }));
    let count = waiting.len();
    let handles: Vec<_> =
        waiting.into_iter().map(|task| Handle::submit(&pool, task, inputs.clone()).unwrap()).collect();
    let held: Vec<_> = (0..count).map(|_| gate.wait()).collect();
    // All of them wait now.
    let ends = Arc::new(AtomicBool::new(false));
    let progress: Arc<Vec<AtomicU64>> = Arc::new((0..OTHERS).map(|_| AtomicU64::new(0)).collect());
    let far = Arc::new(Count::default());
    let others: Vec<_> = (0..OTHERS)
        .map(|index| {
            let (ends, progress, far) = (Arc::clone(&ends), Arc::clone(&progress), Arc::clone(&far));
            let other = task(move |_, ctx| {
                while !ends.load(Ordering::Relaxed) {
                    ctx.sleep(Duration::from_millis(1));
                    if progress[index].fetch_add(1, Ordering::Relaxed) + 1 == 20 {
                        far.add();
                    }
                }
                Ok(Payload::new())
            });
            start(&pool, other)
        })
        .collect();
    far.wait(OTHERS);
    assert!(handles.iter().all(|handle| !handle.is_done()), "what was to wait did not");
    let least = progress.iter().map(|made| made.load(Ordering::Relaxed)).min();
    assert!(least.is_some_and(|least| least >= 20), "{least:?}");
    drop(held);
    for handle in handles {
        handle.wait().unwrap();
    }
    ends.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|other| assert!(other.wait().is_ok()));
}

/// What `what_waits_for_processes_lets_others_go_on` executes as a command.
pub(crate) const COMMAND: &str = "coroutines-command";

pub(crate) fn be_command() -> ExitCode {
    let inputs = Payload::single("socket", std::env::var("SOCKET").unwrap());
    let ctx = Context::new("", pushflow_core::event::RunId::default(), 1);
    if named("gate").run(&inputs, &ctx).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// They wait in turn for times, for each other and for processes; each time they may go on on another thread. Telling outcomes within pools,
/// and knowing one's pool, is what is kept for who calls.
fn coroutines_move_between_threads_with_what_is_theirs() {
    let pool: Arc<dyn Pool> = Arc::new(CoroutinePool::builder().build().unwrap());
    let nested: Arc<dyn Pool> = Setup::all().next().unwrap().make();
    let moved = Arc::new(AtomicUsize::new(0));
    // As long as it takes until enough have moved: that they do is up to the scheduler.
    while moved.load(Ordering::Relaxed) < 100 {
        let handles: Vec<_> = (0..100)
            .map(|n: i64| {
                let (own, nested, moved) = (Arc::clone(&pool), Arc::clone(&nested), Arc::clone(&moved));
                let wanders = task(move |_, ctx| {
                    let mut seen = HashSet::new();
                    for step in 0..20_i64 {
                        seen.insert(std::thread::current().id());
                        match step % 4 {
                            0 => assert!(ctx.sleep(Duration::from_micros(50))),
                            1 => {
                                let echoed = task(|inputs, _| Ok(inputs.clone()));
                                let echoed = Handle::submit(&*own, echoed, Payload::single("n", n))?.wait()?;
                                assert_eq!(echoed, Payload::single("n", n));
                            }
                            2 => {
                                let echoed =
                                    Handle::submit(&*nested, named("echo"), Payload::single("n", n))?.wait()?;
                                assert_eq!(echoed, Payload::single("n", n));
                            }
                            _ => assert!(matches!(own.join(None), Err(pushflow_core::PoolError::JoinFromTask))),
                        }
                    }
                    moved.fetch_add(usize::from(seen.len() > 1), Ordering::Relaxed);
                    Ok(Payload::new())
                });
                start(&*pool, wanders)
            })
            .collect();
        for handle in handles {
            handle.wait().unwrap();
        }
    }
}

fn an_overflow_ends_the_process_with_its_reason() {
    for how in ["plain", "allocating"] {
        let mut part = crate::program(OVERFLOWING);
        let output = part.env("HOW", how).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(nix::libc::SIGABRT), "{how}: {output:?}");
        assert!(said.contains("a task has overflowed the stack of its coroutine"), "{how}: {said}");
    }
}

/// Overflows the stack of a coroutine, while another holds what may be held.
pub(crate) fn overflow() -> ExitCode {
    let allocates = std::env::var("HOW").unwrap() == "allocating";
    let pool = CoroutinePool::builder().stack_bytes(64 << 10).build().unwrap();
    let overflows = task(move |_, _| Ok(Payload::single("depth", deeper(1, allocates))));
    let outcome = start(&pool, overflows).wait();
    println!("not reached: {outcome:?}");
    ExitCode::SUCCESS
}

#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
#[inline(never)]
fn deeper(depth: u64, allocates: bool) -> u64 {
    let kept = allocates.then(|| std::hint::black_box(vec![depth; 8]));
    let below = deeper(depth + 1, allocates);
    below + kept.map_or(0, |kept| kept[0])
}

fn amid_interruptions_each_has_one_outcome_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let mut part = crate::program(INTERRUPTED);
    part.env("TMPDIR", directory.path());
    assert!(part.status().unwrap().success(), "see above");
}

/// Tasks that wait in all sorts of ways are interrupted at random moments, again and again.
pub(crate) fn be_interrupted() -> ExitCode {
    pushflow_signals::warm_up().unwrap();
    // What is started once and lives as long as the process.
    storm_of_interruptions(20);
    let before = Snapshot::take().unwrap();
    storm_of_interruptions(400);
    let left = before.compare().unwrap();
    assert!(left.is_empty(), "left:\n{left}");
    ExitCode::SUCCESS
}

fn storm_of_interruptions(count: usize) {
    let pool: Arc<dyn Pool> = Arc::new(CoroutinePool::builder().build().unwrap());
    let outcomes = Arc::new(AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // The moment is the subject.
                std::thread::sleep(Duration::from_micros(fastrand::u64(100..5000)));
                pool.interrupt();
            }
        });
        let mut handles = Vec::new();
        for index in 0..count {
            let own = Arc::clone(&pool);
            let waits = task(move |_, ctx| {
                match index % 4 {
                    0 => {
                        ctx.sleep(Duration::from_secs(3600));
                    }
                    1 => {
                        let child = Command::new("sleep").args(["3600"]).start()?;
                        let interrupter = child.interrupter();
                        let _subscription = ctx.on_interrupt(move || interrupter.interrupt());
                        child.wait(None)?;
                    }
                    2 => {
                        let nested =
                            BACKENDS[index % BACKENDS.len()].builder().workers(1).interrupt_on_exit(true).build()?;
                        let handle = Handle::submit(&nested, named("forever"), Payload::new())?;
                        ctx.sleep(Duration::from_secs(3600));
                        handle.interrupt();
                        let ended = handle.wait();
                        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Interrupted);
                    }
                    _ => {
                        let inner = task(|_, ctx| {
                            ctx.sleep(Duration::from_secs(3600));
                            ctx.check().map(|()| Payload::new())
                        });
                        Handle::submit(&*own, inner, Payload::new())?.wait()?;
                    }
                }
                ctx.check().map(|()| Payload::new())
            });
            handles.push(start(&*pool, waits));
        }
        for handle in handles {
            let error = handle.wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
            outcomes.fetch_add(1, Ordering::Relaxed);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(outcomes.load(Ordering::Relaxed), count);
    drop(pool);
}

register_task!("coroutines", |_, _| {
    let pool = CoroutinePool::builder().build()?;
    Ok(Payload::single("x", i64::from(start(&pool, task(|inputs, _| Ok(inputs.clone()))).wait().is_ok())))
});

fn a_forked_process_has_no_coroutines() {
    // In this process there are some.
    drop(CoroutinePool::builder().build().unwrap());
    for method in [StartMethod::Forkserver, StartMethod::Spawn, StartMethod::Fork] {
        let pool = BACKENDS[0].builder().start_method(method).workers(1).build().unwrap();
        let outcome = Handle::submit(&pool, named("coroutines"), Payload::new()).unwrap().wait();
        if method == StartMethod::Fork {
            let error = outcome.unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("forked from one that has coroutines"), "{text}");
        } else {
            assert_eq!(outcome.unwrap(), Payload::single("x", 1), "{method}");
        }
    }
}

/// As `storm.rs`, with outcomes told on coroutines.
fn a_storm_in_the_coroutine_environment() {
    let directory = tempfile::tempdir().unwrap();
    let mut part = crate::program(crate::storm::PART);
    part.env("TMPDIR", directory.path()).env("PUSHFLOW_COROUTINES", "1");
    assert!(part.status().unwrap().success(), "see above");
}

/// All types of pools of processes, by one start method.
fn the_suite_passes_in_the_coroutine_environment() {
    let mut suite = crate::program("");
    let output = suite.args(["::forkserver::", "--skip", "scaling"]).env("PUSHFLOW_COROUTINES", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("110 passed"), "{said}");
}

fn the_default_pool_is_that_of_the_environment() {
    assert_eq!(factory::default_name().unwrap(), "process");
    for (value, said) in [
        ("1", "gevent, as it should be: true"),
        ("0", "process, as it should be: true"),
        ("", "process, as it should be: true"),
    ] {
        let output = crate::program(ENVIRONMENT).env("PUSHFLOW_COROUTINES", value).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), said, "{output:?}");
    }
    let output = crate::program(ENVIRONMENT).env("PUSHFLOW_COROUTINES", "perhaps").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "the setting `PUSHFLOW_COROUTINES` is 1 or 0, found: perhaps");
}

/// Says what the environment is: which pool it has, and where it tells outcomes of another.
pub(crate) fn be_in_environment() -> ExitCode {
    let told_elsewhere = std::env::var("PUSHFLOW_COROUTINES").is_ok_and(|value| value == "1");
    let name = match factory::default_name() {
        Ok(name) => name,
        Err(error) => {
            println!("{error}");
            return ExitCode::SUCCESS;
        }
    };
    let pools: [Arc<dyn Pool>; 2] = [
        Arc::new(BACKENDS[0].builder().workers(1).build().unwrap()),
        Arc::new(ThreadPool::builder().workers(1).build().unwrap()),
    ];
    let told = pools.map(|pool| {
        let told = loop {
            let told = Arc::new(Mutex::new(None));
            let waker = Waker::from(Arc::new(Here(Arc::clone(&told))));
            let mut handle = Handle::submit(&*pool, named("echo"), Payload::new()).unwrap();
            let mut context = std::task::Context::from_waker(&waker);
            if std::pin::Pin::new(&mut handle).poll(&mut context).is_pending() {
                // Not waited for otherwise: that would be woken in the place of this one.
                break told;
            }
            // It was there at once, and nobody was woken for it.
        };
        pool.close();
        pool.join(Some(LONG)).unwrap();
        let mut told = told.lock().unwrap();
        told.take()
    });
    let all = told.into_iter().all(|told| told == Some(told_elsewhere));
    println!("{name}, as it should be: {all}");
    std::io::stdout().flush().unwrap();
    ExitCode::SUCCESS
}

/// Notes where it is woken, which is where the outcome is told.
struct Here(Arc<Mutex<Option<bool>>>);

impl std::task::Wake for Here {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() = Some(!wait::blocks_thread());
    }
}
