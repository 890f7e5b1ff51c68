//! Tasks in nested pools and processes: in every pool, by every start method, to whatever end.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pushflow_core::engine::{Keep, RunOptions};
use pushflow_core::event::{Event, Stream};
use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::handle::Handle;
use pushflow_core::{
    Context, ErrorKind, Outcome, Payload, Pool, Task, TaskError, Value, engine, register_task, registry,
};
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_signals::{Inside, Process, Returned, StartMethod, daemonic, register_process};
use pushflow_tasks::nested::{Kind, Nested};
use pushflow_tasks::{Subprocess, Tasks, bpool, bprocess, cfpool, mppool, mpprocess};

use crate::{LONG, Setup, assert_gone, mark, outcome, pipe, setups};

/// The named error of a refused combination.
const REFUSAL: &str = "daemonic processes are not allowed to have children";

/// Kinds that need a worker that may have children.
const NEED_CHILDREN: [&str; 3] = ["cfpool", "mppool", "mpprocess"];

register_task!("tests.who", who);
register_task!("tests.chat", chat);
register_task!("tests.leave", leave);
register_task!("tests.abort", |_: &Payload, _: &Context<'_>| std::process::abort());
register_task!("tests.panic", |_: &Payload, _: &Context<'_>| panic!("on purpose"));
register_task!("tests.fail", |_: &Payload, _: &Context<'_>| {
    Err(TaskError::new(ErrorKind::Inputs, "KeyError", "no x").with_traceback(["line 1".to_owned()]))
});
register_task!("tests.return", |inputs: &Payload, _: &Context<'_>| Ok(inputs.clone()));
register_task!("tests.sleep", |_: &Payload, ctx: &Context<'_>| {
    ctx.sleep(Duration::from_secs(3600));
    ctx.check().map(|()| Payload::new())
});
register_task!("tests.deaf", |_: &Payload, _: &Context<'_>| loop {
    std::thread::sleep(Duration::from_secs(3600));
});

#[expect(clippy::unnecessary_wraps, reason = "the type of a task")]
fn who(inputs: &Payload, ctx: &Context<'_>) -> Outcome {
    Ok(inputs
        .clone()
        .with("pid", i64::from(std::process::id()))
        .with("daemonic", daemonic::is_daemonic())
        .with("may_have_children", daemonic::may_have_children())
        .with("node", ctx.node())
        .with("attempt", i64::from(ctx.attempt())))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
#[expect(clippy::unnecessary_wraps, reason = "the type of a task")]
fn chat(_: &Payload, ctx: &Context<'_>) -> Outcome {
    ctx.message("said");
    ctx.progress(0.5);
    print!("printed");
    eprintln!("complained");
    Ok(Payload::new())
}

/// Leaves a process behind that is not daemonic and does not end.
fn leave(_: &Payload, _: &Context<'_>) -> Outcome {
    std::mem::forget(Process::builder("tests.stay").start()?);
    Ok(Payload::new())
}

register_process!("tests.stay", stay);

/// Stays although its parent ends, and whatever signal says otherwise.
fn stay(_: &mut Inside) -> Returned {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// A way to nest a body.
type Nest = fn(Arc<dyn Task>) -> Nested;

const NESTS: [(&str, Nest); 7] = [
    ("cfpool", cfpool::nest),
    ("mppool", mppool::nest),
    ("mpprocess", mpprocess::nest),
    ("mpprocess", mpprocess::nest_daemonic),
    ("bpool", bpool::nest),
    ("bprocess", bprocess::nest),
    ("bprocess", bprocess::nest_daemonic),
];

/// A case, with its name.
type Case = (&'static str, fn(Setup));

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [Case; 7] = [
        ("every_kind_is_run_or_refused_as_promised", every_kind_is_run_or_refused_as_promised),
        ("an_interruption_reaches_the_nested_execution", an_interruption_reaches_the_nested_execution),
        ("the_end_of_its_time_reaches_the_nested_execution", the_end_of_its_time_reaches_the_nested_execution),
        ("a_killed_outer_worker_takes_the_nested_one_along", a_killed_outer_worker_takes_the_nested_one_along),
        ("a_lost_nested_worker_is_an_outcome", a_lost_nested_worker_is_an_outcome),
        ("what_is_said_and_printed_is_told", what_is_said_and_printed_is_told),
        ("kinds_nest_in_kinds", kinds_nest_in_kinds),
    ];
    let of_setup = setups().flat_map(|setup| {
        cases.map(move |(name, case)| {
            Trial::test(format!("nested::{}::{name}", setup.name()), move || {
                case(setup);
                Ok(())
            })
        })
    });
    let alone: [(&str, fn()); 7] = [
        ("each_kind_lets_other_coroutines_go_on", each_kind_lets_other_coroutines_go_on),
        ("what_a_body_has_left_is_not_waited_for_for_ever", what_a_body_has_left_is_not_waited_for),
        ("daemonic_or_not", daemonic_or_not),
        ("limits_of_the_nested_pool", limits_of_the_nested_pool),
        ("nodes_of_a_workflow_have_a_kind", nodes_of_a_workflow_have_a_kind),
        ("a_body_that_cannot_be_sent_is_an_error", a_body_that_cannot_be_sent_is_an_error),
        ("large_values_are_the_same_afterwards", large_values_are_the_same_afterwards),
    ];
    let alone = alone.map(|(name, case)| {
        Trial::test(format!("nested::{name}"), move || {
            case();
            Ok(())
        })
    });
    of_setup.chain(alone).collect()
}

fn body(name: &str) -> Arc<dyn Task> {
    Arc::new(registry::find(name).unwrap())
}

fn threads() -> Arc<dyn Pool> {
    factory::create("thread", &PoolSettings { workers: Some(2), ..PoolSettings::default() }).unwrap()
}

/// Whether the workers of a pool may not have children.
fn is_childless(setup: Setup) -> bool {
    matches!(setup.pool, "multiprocessing" | "billiard")
}

/// Ways to nest that a pool allows.
fn allowed(setup: Setup) -> impl Iterator<Item = (&'static str, Nest)> {
    NESTS.into_iter().filter(move |(kind, _)| !(is_childless(setup) && NEED_CHILDREN.contains(kind)))
}

fn every_kind_is_run_or_refused_as_promised(setup: Setup) {
    let pool = setup.make();
    for method in StartMethod::ALL {
        for (kind, nest) in NESTS {
            let outputs =
                outcome(&*pool, Arc::new(nest(body("tests.who")).start_method(method)), Payload::single("x", 1));
            if is_childless(setup) && NEED_CHILDREN.contains(&kind) {
                let error = outputs.unwrap_err();
                assert_eq!((error.type_name().as_str(), error.text()), ("AssertionError", REFUSAL), "{kind} {method}");
            } else {
                let outputs = outputs.unwrap_or_else(|error| panic!("{kind} by {method}: {error:?}"));
                assert_eq!(outputs.get("x"), Some(&Value::Int(1)));
            }
            // The pool can be used as before.
            assert!(outcome(&*pool, body("tests.who"), Payload::new()).is_ok());
        }
    }
}

fn an_interruption_reaches_the_nested_execution(setup: Setup) {
    let pool = setup.make();
    let mark = mark(setup, 300_000);
    for (kind, nest) in allowed(setup) {
        for prefix in ["", "trap '' INT TERM; "] {
            let directory = tempfile::tempdir().unwrap();
            let pipe = pipe(directory.path());
            let script = format!("{prefix}sleep {mark} & echo ready > {}; sleep {mark}", pipe.display());
            let command = Arc::new(crate::sh(&script).grace(Duration::from_millis(50)));
            let handle = Handle::submit(&*pool, Arc::new(nest(command)), Payload::new()).unwrap();
            assert_eq!(fs::read_to_string(&pipe).unwrap(), "ready\n");
            handle.interrupt();
            let error = handle.wait_timeout(LONG).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{kind}: {error:?}");
            assert_gone(&mark);
            assert!(outcome(&*pool, body("tests.who"), Payload::new()).is_ok());
        }
        // One that does not listen is killed; the worker of the outer pool is not.
        let deaf = nest(body("tests.deaf")).grace(Duration::from_millis(20));
        let handle = Handle::submit(&*pool, Arc::new(deaf), Payload::new()).unwrap();
        handle.interrupt();
        let error = handle.wait_timeout(LONG).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{kind}: {error:?}");
    }
}

/// More of them wait than there are threads for coroutines: if one blocked a thread, the others would make no progress.
fn each_kind_lets_other_coroutines_go_on() {
    const OTHERS: usize = 1000;
    const STEPS: u64 = 20;
    let pool = factory::create("gevent", &PoolSettings::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let waits = |pipe: &std::path::Path| {
        let script = format!("echo ready > {}; sleep 3600", pipe.display());
        crate::sh(&script).grace(Duration::from_millis(50))
    };
    let mut waiting = Vec::new();
    let methods = [StartMethod::Forkserver, StartMethod::Spawn, StartMethod::Fork];
    let nested = NESTS.iter().flat_map(|(_, nest)| methods.map(|method| Some((nest, method))));
    for (index, nested) in nested.chain([None, None]).enumerate() {
        let own = directory.path().join(index.to_string());
        fs::create_dir(&own).unwrap();
        let pipe = pipe(&own);
        let command = Arc::new(waits(&pipe));
        let task: Arc<dyn Task> = match nested {
            Some((nest, method)) => Arc::new(nest(command).start_method(method)),
            None => command,
        };
        waiting.push(Handle::submit(&*pool, task, Payload::new()).unwrap());
        assert_eq!(fs::read_to_string(&pipe).unwrap(), "ready\n");
    }
    let steps: Arc<Vec<AtomicU64>> = Arc::new((0..OTHERS).map(|_| AtomicU64::new(0)).collect());
    let others: Vec<_> = (0..OTHERS)
        .map(|index| {
            let steps = Arc::clone(&steps);
            let other = move |_: &Payload, ctx: &Context<'_>| {
                for _ in 0..STEPS {
                    ctx.sleep(Duration::from_millis(1));
                    steps[index].fetch_add(1, Ordering::Relaxed);
                }
                Ok(Payload::new())
            };
            Handle::submit(&*pool, Arc::new(other), Payload::new()).unwrap()
        })
        .collect();
    others.into_iter().for_each(|other| assert!(other.wait_timeout(LONG).unwrap().is_ok()));
    assert!(steps.iter().all(|made| made.load(Ordering::Relaxed) == STEPS));
    for handle in waiting {
        assert!(!handle.is_done());
        handle.interrupt();
        assert_eq!(handle.wait_timeout(LONG).unwrap().unwrap_err().kind(), ErrorKind::Interrupted);
    }
}

fn the_end_of_its_time_reaches_the_nested_execution(setup: Setup) {
    let mark = mark(setup, 400_000);
    let kinds: Vec<_> = allowed(setup).map(|(kind, _)| kind).collect();
    for kind in kinds {
        let text = format!(
            r#"{{"nodes": [{{"id": "a", "task_type": "subprocess", "task_identifier": "sleep",
                "default_inputs": [{{"name": 0, "value": "{mark}"}}], "pushflow": {{"timeout": 0.2, "kind": "{kind}"}}}}]}}"#
        );
        let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
        let network = Arc::new(engine::compile(&graph, &Tasks::new()).unwrap());
        let report = network.start(setup.make(), RunOptions::default()).wait();
        assert_eq!(report.failures[0].kind, ErrorKind::TimedOut, "{kind}: {:?}", report.failures[0]);
        assert_gone(&mark);
    }
}

fn parent_of(pid: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap().to_owned()
}

fn a_killed_outer_worker_takes_the_nested_one_along(setup: Setup) {
    let pool = setup.make();
    let mark = mark(setup, 500_000);
    for (kind, nest) in allowed(setup) {
        let directory = tempfile::tempdir().unwrap();
        let pipe = pipe(directory.path());
        // Also what has left its group and its parent.
        let script = format!("setsid sleep {mark} & echo $PPID > {}; sleep {mark}", pipe.display());
        let task = Arc::new(nest(Arc::new(crate::sh(&script))));
        let handle = Handle::submit(&*pool, task, Payload::new()).unwrap();
        let nested = fs::read_to_string(&pipe).unwrap().trim().to_owned();
        let outer = parent_of(&nested);
        assert_ne!(outer, std::process::id().to_string(), "{kind}");
        assert!(Command::new("kill").args(["-KILL", &outer]).status().unwrap().success());
        let error = handle.wait_timeout(LONG).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{kind}: {error:?}");
        assert_gone(&mark);
        while fs::exists(format!("/proc/{nested}")).unwrap() {
            std::thread::yield_now();
        }
        assert!(outcome(&*pool, body("tests.who"), Payload::new()).is_ok());
    }
}

fn a_lost_nested_worker_is_an_outcome(setup: Setup) {
    let pool = setup.make();
    for (kind, nest) in allowed(setup) {
        let of = |name: &str| outcome(&*pool, Arc::new(nest(body(name))), Payload::new()).unwrap_err();
        let error = of("tests.abort");
        assert_eq!(error.kind(), ErrorKind::Lost, "{kind}: {error:?}");
        assert!(error.text().contains("was killed by SIGABRT"), "{error:?}");
        assert_eq!(error.lost_worker().unwrap().signal, Some(6));
        let error = of("tests.panic");
        assert_eq!((error.kind(), error.text()), (ErrorKind::Panicked, "on purpose"));
        let error = of("tests.fail");
        assert_eq!((error.kind(), error.type_name().as_str(), error.text()), (ErrorKind::Inputs, "KeyError", "no x"));
        assert_eq!(error.traceback(), ["line 1"]);
    }
}

fn what_is_said_and_printed_is_told(setup: Setup) {
    for pool in [setup.pool, "thread"] {
        for (kind, _) in allowed(setup) {
            let node = format!(
                r#"{{"id": "a", "task_type": "simple", "task_identifier": "tests.chat", "pushflow": {{"kind": "{kind}"}}}}"#
            );
            let told = Arc::new(Mutex::new(Vec::new()));
            let into = Arc::clone(&told);
            let options =
                RunOptions::default().keep(Keep::None).listener(Arc::new(move |event: &Event<'_>| match event {
                    Event::Message { text, node: "a" } => into.lock().unwrap().push((*text).to_owned()),
                    Event::Progress { fraction, node: "a" } => into.lock().unwrap().push(fraction.to_string()),
                    Event::Output { text, stream, .. } => {
                        let stream = if *stream == Stream::Stdout { "out" } else { "err" };
                        into.lock().unwrap().push(format!("{stream}: {text}"));
                    }
                    _ => {}
                }));
            let (output, workers) = (pushflow_pools::process::Output::Capture, Some(1));
            let start_method = (pool != "thread").then_some(setup.method);
            let settings = PoolSettings { output, workers, start_method, ..PoolSettings::default() };
            let pool = factory::create(pool, &settings).unwrap();
            crate::network(&node).start(pool, options).wait();
            let mut told = told.lock().unwrap().clone();
            told.sort();
            assert_eq!(told, ["0.5", "err: complained\n", "out: printed", "said"], "{kind}");
        }
    }
}

fn kinds_nest_in_kinds(setup: Setup) {
    let pool = setup.make();
    for (kind, nest) in allowed(setup) {
        let task = nest(Arc::new(bpool::nest(body("tests.who")).start_method(setup.method)));
        let outputs = outcome(&*pool, Arc::new(task), Payload::single("x", 2)).unwrap();
        assert_eq!(outputs.get("x"), Some(&Value::Int(2)), "{kind}");
    }
}

fn daemonic_or_not() {
    let pool = threads();
    let expected =
        [(false, true), (true, false), (false, true), (true, false), (true, false), (false, true), (true, false)];
    for ((kind, nest), expected) in NESTS.into_iter().zip(expected) {
        for method in StartMethod::ALL {
            let outputs =
                outcome(&*pool, Arc::new(nest(body("tests.who")).start_method(method)), Payload::new()).unwrap();
            let truth = |name: &str| outputs.get(name).and_then(Value::as_bool).unwrap();
            assert_eq!((truth("daemonic"), truth("may_have_children")), expected, "{kind} by {method}");
            assert_ne!(outputs.get("pid"), Some(&Value::Int(std::process::id().into())), "{kind} by {method}");
        }
    }
}

fn limits_of_the_nested_pool() {
    let pool = threads();
    for (kind, nest) in NESTS {
        let short = Duration::from_millis(50);
        let soft = nest(body("tests.sleep")).soft_time_limit(short);
        let error = outcome(&*pool, Arc::new(soft), Payload::new()).unwrap_err();
        assert_eq!(
            (error.kind(), error.type_name().as_str()),
            (ErrorKind::TimedOut, "TimeoutError"),
            "{kind}: {error:?}"
        );
        let hard = nest(body("tests.deaf")).hard_time_limit(short);
        let error = outcome(&*pool, Arc::new(hard), Payload::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind}: {error:?}");
        assert!(error.text().contains("SIGKILL"), "{kind}: {error:?}");
        let limited = nest(body("tests.who")).workers(3).max_tasks_per_child(1).max_memory_per_child(1);
        assert!(outcome(&*pool, Arc::new(limited), Payload::new()).is_ok(), "{kind}");
        let error = outcome(&*pool, Arc::new(nest(body("tests.who")).workers(0)), Payload::new()).unwrap_err();
        assert_eq!(error.text(), "a pool needs at least one worker, at most 4096: 0");
    }
}

fn nodes_of_a_workflow_have_a_kind() {
    let kinds = Kind::all().map(|kind| kind.name).chain(["simple"]);
    for kind in kinds {
        for method in StartMethod::ALL {
            let options = if kind == "simple" { String::new() } else { format!(r#", "start_method": "{method}""#) };
            let node = format!(
                r#"{{"id": "a", "task_type": "simple", "task_identifier": "tests.who",
                    "pushflow": {{"kind": {{"name": "{kind}"{options}}}}}}}"#
            );
            let report = crate::network(&node).start(threads(), RunOptions::default().keep(Keep::All)).wait();
            assert!(report.failures.is_empty(), "{kind}: {:?}", report.failures);
            let outputs = report.output.unwrap();
            let is_here = outputs.get("pid") == Some(&Value::Int(std::process::id().into()));
            assert_eq!(is_here, kind == "simple", "{kind}");
            assert_eq!((outputs.get("node"), outputs.get("attempt")), (Some(&"a".into()), Some(&1.into())), "{kind}");
        }
    }
    let daemonic = r#"{"id": "a", "task_type": "simple", "task_identifier": "tests.who",
        "pushflow": {"kind": {"name": "mpprocess", "daemonic": true}}}"#;
    let report = crate::network(daemonic).start(threads(), RunOptions::default()).wait();
    assert_eq!(report.output.unwrap().get("daemonic"), Some(&true.into()));
}

fn what_a_body_has_left_is_not_waited_for() {
    // Those whose workers may have children.
    let nests: [(&str, Nest); 3] =
        [("cfpool", cfpool::nest), ("mpprocess", mpprocess::nest), ("bprocess", bprocess::nest)];
    for outer in ["thread", "gevent"] {
        let pool = factory::create(outer, &PoolSettings::default()).unwrap();
        for (kind, nest) in nests {
            let task: Arc<dyn Task> = Arc::new(nest(body("tests.leave")).grace(Duration::from_millis(50)));
            let deadline = {
                let task = Arc::clone(&task);
                move |inputs: &Payload, ctx: &Context<'_>| {
                    task.run(inputs, &ctx.with_deadline(Instant::now().checked_add(Duration::from_millis(500))))
                }
            };
            let handle = Handle::submit(&*pool, Arc::new(deadline), Payload::new()).unwrap();
            assert!(handle.wait_timeout(LONG).is_ok(), "{kind} in {outer}");
            let handle = Handle::submit(&*pool, task, Payload::new()).unwrap();
            // Wherever it is by now.
            handle.interrupt();
            assert!(handle.wait_timeout(LONG).is_ok(), "{kind} in {outer}");
        }
    }
}

fn a_body_that_cannot_be_sent_is_an_error() {
    let closure: Arc<dyn Task> = Arc::new(|_: &Payload, _: &Context<'_>| Ok(Payload::new()));
    for (kind, nest) in NESTS {
        let error = outcome(&*threads(), Arc::new(nest(Arc::clone(&closure))), Payload::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{kind}");
        assert!(error.text().contains("register_task!"), "{error:?}");
        assert!(nest(Arc::clone(&closure)).recipe().is_none());
    }
    let command: Arc<dyn Task> = Arc::new(Subprocess::new("true"));
    assert!(cfpool::nest(command).recipe().is_some());
}

fn large_values_are_the_same_afterwards() {
    let pool = factory::create("process", &PoolSettings::default()).unwrap();
    let bytes: Vec<u8> = (0..10_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let inputs = Payload::from([("x", Value::Bytes(bytes.into())), ("y", Value::list(0..1000))]);
    for (kind, nest) in NESTS {
        let outputs = outcome(&*pool, Arc::new(nest(body("tests.return"))), inputs.clone()).unwrap();
        assert!(outputs == inputs, "{kind}");
    }
}
