//! What workers print, tell and log.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use pushflow_core::event::Stream;
use pushflow_core::handle::Handle;
use pushflow_core::{Payload, Value};
use pushflow_pools::process::{Output, ProcessPoolBuilder};
use pushflow_signals::{StartMethod, streams};

use crate::backends::Setup;
use crate::gates::start;
use crate::origins::{Ear, Single, Told};
use crate::suite::{is_usable, wait};

/// The parts that this program plays, with outputs of its own.
pub(crate) const FORWARDING: &str = "output is forwarded";
pub(crate) const INHERITING: &str = "output is inherited";
pub(crate) const STUCK: &str = "nobody reads standard error";
pub(crate) const FLOODED: &str = "a flood of output";
pub(crate) const LOGGING: &str = "events are logged";

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        captured_output_is_told_before_the_outcome,
        captured_output_of_a_lost_worker_is_told,
        what_an_initializer_prints_is_of_no_execution,
        too_much_output_is_dropped_and_counted,
        the_listener_of_the_pool_hears_of_what_has_none,
        progress_and_messages_are_told,
        standard_error_is_forwarded,
        output_is_inherited,
        a_full_standard_error_holds_nothing_up,
        a_flood_of_output_does_not_grow_the_parent,
        events_of_workers_are_logged_in_the_parent,
    ]
}

fn all() -> impl Iterator<Item = Setup> {
    Setup::all().filter(|setup| !setup.scaling)
}

fn print(lines: i64, text: impl AsRef<str>) -> Payload {
    Payload::single("lines", lines).with("text", text.as_ref())
}

fn captured_output_is_told_before_the_outcome() {
    for setup in Setup::all() {
        let pool = setup.with(|builder| builder.output(Output::Capture)).unwrap();
        let ears: Vec<Ear> = (0..20).map(|_| Ear::default()).collect();
        let run = |(n, ear): (u32, &Ear)| {
            let single = Single::new("print").node(format!("node {n}"), n + 1).listener(&ear.listener());
            single.start(&*pool, print(3, format!("of {n}")))
        };
        let pending: Vec<_> = (0..).zip(&ears).map(run).collect();
        for ((n, ear), pending) in (0..).zip(&ears).zip(pending) {
            assert!(pending.wait().is_ok());
            let told = |stream, text: &str| Told::Output {
                node: format!("node {n}"),
                attempt: n + 1,
                stream,
                text: text.to_owned(),
                dropped_bytes: 0,
            };
            let stdout = format!("of {n} 0\nof {n} 1\nof {n} 2\n");
            let stderr = stdout.replace(&format!("of {n}"), &format!("of {n} to stderr"));
            assert_eq!(ear.take(), [told(Stream::Stdout, &stdout), told(Stream::Stderr, &stderr)], "{}", setup.name());
        }
        // Who prints nothing has no output.
        let ear = Ear::default();
        assert!(Single::new("echo").listener(&ear.listener()).start(&*pool, Payload::new()).wait().is_ok());
        assert_eq!(ear.take(), []);
    }
}

fn captured_output_of_a_lost_worker_is_told() {
    for setup in all() {
        let pool = setup.with(|builder| builder.output(Output::Capture)).unwrap();
        let ear = Ear::default();
        let single = Single::new("kill").node("victim", 2).listener(&ear.listener());
        let error = single.start(&*pool, Payload::single("signal", 9)).wait().unwrap_err();
        assert_eq!(error.lost_worker().unwrap().stderr, ["about to be killed"], "{}", setup.name());
        let text = "about to be killed\n".to_owned();
        let told = Told::Output { node: "victim".into(), attempt: 2, stream: Stream::Stderr, text, dropped_bytes: 0 };
        assert_eq!(ear.take(), [told], "{}", setup.name());
    }
}

fn what_an_initializer_prints_is_of_no_execution() {
    for setup in all() {
        let of_pool = Ear::default();
        let listener = of_pool.listener();
        let early = |builder: ProcessPoolBuilder| builder.initializer("print", print(1, "early"));
        let pool = setup.with(move |builder| early(builder).output(Output::Capture).listener(Arc::clone(&listener)));
        let pool = pool.unwrap();
        for _ in 0..4 {
            let ear = Ear::default();
            assert!(Single::new("print").listener(&ear.listener()).start(&*pool, print(1, "late")).wait().is_ok());
            let told = ear.take();
            assert_eq!(told.len(), 2, "{}: {told:?}", setup.name());
            for told in told {
                assert!(matches!(&told, Told::Output { text, .. } if text.starts_with("late")), "{told:?}");
            }
        }
        drop(pool);
        let told = of_pool.take();
        let is_early = |told: &Told| matches!(told, Told::Output { node, text, .. } if node.is_empty() && text.starts_with("early"));
        assert!(told.len() >= 2 && told.iter().all(is_early), "{}: {told:?}", setup.name());
    }
}

fn too_much_output_is_dropped_and_counted() {
    let setup = all().next().unwrap();
    let pool = setup.with(|builder| builder.output(Output::Capture)).unwrap();
    let ear = Ear::default();
    let line = "x".repeat(1000);
    assert!(Single::new("print").listener(&ear.listener()).start(&*pool, print(2000, &line)).wait().is_ok());
    let printed = |infix: &str| (0..2000).map(|n| format!("{line}{infix} {n}\n").len() as u64).sum::<u64>();
    let told = ear.take();
    assert_eq!(told.len(), 2);
    for told in told {
        let Told::Output { stream, text, dropped_bytes, .. } = told else { panic!("{told:?}") };
        let whole = if stream == Stream::Stdout { printed("") } else { printed(" to stderr") };
        assert!(text.ends_with(" 1999\n") && text.len() == 1 << 20, "{stream:?}: {} bytes", text.len());
        assert_eq!(text.len() as u64 + dropped_bytes, whole, "{stream:?}");
    }
    is_usable(&pool);
}

fn the_listener_of_the_pool_hears_of_what_has_none() {
    for setup in Setup::all() {
        let ear = Ear::default();
        let listener = ear.listener();
        let pool = setup.with(move |builder| builder.output(Output::Capture).listener(Arc::clone(&listener))).unwrap();
        assert!(wait(start(&pool, "print", print(1, "x"))).is_ok());
        assert!(wait(start(&pool, "progress", Payload::new())).is_ok());
        assert_eq!(ear.take().len(), 4, "{}", setup.name());
    }
}

fn progress_and_messages_are_told() {
    for setup in Setup::all() {
        let pool = setup.make();
        let ears: Vec<Ear> = (0..50).map(|_| Ear::default()).collect();
        let run = |(n, ear): (usize, &Ear)| {
            Single::new("progress").node(n.to_string(), 1).listener(&ear.listener()).start(&*pool, Payload::new())
        };
        let pending: Vec<_> = ears.iter().enumerate().map(run).collect();
        for ((n, ear), pending) in ears.iter().enumerate().zip(pending) {
            assert!(pending.wait().is_ok());
            let node = n.to_string();
            let progress = Told::Progress { node: node.clone(), fraction: 0.5 };
            assert_eq!(ear.take(), [progress, Told::Message { node, text: "half way".to_owned() }], "{}", setup.name());
        }
    }
}

/// Plays a part; returns what it has printed.
fn played(part: &str) -> (String, String) {
    let output = crate::program(part).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// What each pool prints in these parts.
fn lines(of: &str) -> String {
    all().flat_map(|setup| (0..3).map(move |n| format!("by {}{of} {n}\n", setup.name()))).collect()
}

fn play_with(output: Output) -> ExitCode {
    for setup in all() {
        let pool = setup.with(move |builder| builder.output(output)).unwrap();
        assert!(wait(start(&pool, "print", print(3, format!("by {}", setup.name())))).is_ok());
        // What was printed has come when the pool has ended.
    }
    ExitCode::SUCCESS
}

fn standard_error_is_forwarded() {
    assert_eq!(played(FORWARDING), (lines(""), lines(" to stderr")));
}

pub(crate) fn forward() -> ExitCode {
    play_with(Output::Forward)
}

fn output_is_inherited() {
    assert_eq!(played(INHERITING), (lines(""), lines(" to stderr")));
}

pub(crate) fn inherit() -> ExitCode {
    play_with(Output::Inherit)
}

fn a_full_standard_error_holds_nothing_up() {
    let mut part = crate::program(STUCK);
    let mut part = part.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(part.stdout.take().unwrap());
    // Standard error is read only when all has been done.
    assert_eq!(stdout.lines().next().unwrap().unwrap(), "done");
    let stderr = BufReader::new(part.stderr.take().unwrap());
    assert!(stderr.lines().any(|line| line.unwrap().contains("standard error were dropped")));
    drop(part.stdin.take());
    assert!(part.wait().unwrap().success());
}

pub(crate) fn be_stuck() -> ExitCode {
    while streams::print_error(b"nobody reads this\n").unwrap() > 0 {}
    for setup in all() {
        let pool = setup.make();
        // More than fits into one of the pipes, less than what the parent and a pipe keep.
        let handles: Vec<Handle> =
            (0..10).map(|n| start(&pool, "complain", print(100, format!("{n} {}", "x".repeat(70))))).collect();
        handles.into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
        is_usable(&pool);
    }
    let pool = all().next().unwrap().make();
    // More than is kept.
    assert!(wait(start(&pool, "complain", print(5000, "x".repeat(1000)))).is_ok());
    println!("done");
    // Until somebody has read it.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    ExitCode::SUCCESS
}

fn a_flood_of_output_does_not_grow_the_parent() {
    let (stdout, _) = played(FLOODED);
    assert!(stdout.ends_with("done\n"));
}

/// Returns a number of this process's memory, in bytes. proc_pid_status(5)
pub(crate) fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() << 10
}

pub(crate) fn flood() -> ExitCode {
    for output in [Output::Capture, Output::Forward] {
        let setup = all().next().unwrap();
        let pool = setup.with(move |builder| builder.output(output)).unwrap();
        is_usable(&pool);
        let before = memory("VmHWM");
        // 25 MB to each of both.
        assert!(wait(start(&pool, "print", print(5000, "x".repeat(5000)))).is_ok());
        let grown = memory("VmHWM") - before;
        assert!(grown < 10 << 20, "{output:?}: {grown} bytes more");
    }
    println!("done");
    ExitCode::SUCCESS
}

fn events_of_workers_are_logged_in_the_parent() {
    assert!(crate::program(LOGGING).status().unwrap().success(), "see above");
}

/// Remembers events.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::WARN)
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                write!(self.0, " {}={value:?}", field.name()).unwrap();
            }
        }
        let mut fields = Fields(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

pub(crate) fn log() -> ExitCode {
    let events = Events::default();
    tracing::subscriber::set_global_default(events.clone()).unwrap();
    for setup in all() {
        let pool = setup.with(|builder| builder.workers(1)).unwrap();
        // A thread of a forked worker has what the fork has inherited.
        let tasks: &[&str] = if setup.method == StartMethod::Fork { &["log"] } else { &["log", "log_in_a_thread"] };
        for task in tasks {
            let pid = wait(start(&pool, task, Payload::new())).unwrap().get("pid").and_then(Value::as_int).unwrap();
            let told = std::mem::take(&mut *events.0.lock().unwrap());
            let [event] = &told[..] else { panic!("{task} by {}: {told:?}", setup.name()) };
            let wanted = ["WARN pushflow::worker", "something to know", "answer=42", &format!("worker={pid}")];
            wanted.iter().for_each(|wanted| assert!(event.contains(wanted), "{}: {event}", setup.name()));
        }
    }
    println!("done");
    std::io::stdout().flush().unwrap();
    ExitCode::SUCCESS
}
