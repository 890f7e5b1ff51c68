//! What Python tasks print, and say by `logging` and `warnings`, reaches the parent, with the node and the try that it is of.

use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

use pushflow_core::engine::RunOptions;
use pushflow_core::event::{Event, Listener, Stream};

use super::{Case, LONG, Setup, network, node, setups};

pub(crate) const CASES: &[Case] = &[
    ("what_is_logged_names_node_and_attempt", what_is_logged_names_node_and_attempt),
    ("what_is_logged_anywhere_reaches_the_parent", what_is_logged_anywhere_reaches_the_parent),
    ("what_is_printed_in_any_way_is_told", what_is_printed_in_any_way_is_told),
    ("a_copy_that_is_terminated_says_nothing", a_copy_that_is_terminated_says_nothing),
    ("of_much_that_is_printed_the_end_is_told", of_much_that_is_printed_the_end_is_told),
    ("what_is_printed_at_the_exit_is_told", what_is_printed_at_the_exit_is_told),
];

/// Says that this program is the parent that hears of a task, executed again: who wants to hear is the same for a whole process.
pub(crate) const PART: &str = "PUSHFLOW_TEST_LOGS";

/// Has a task run in such a parent; returns what that has heard.
fn heard_of(task: &str, setup: Setup) -> String {
    let part = format!("{task} {}", setup.name());
    let heard = Command::new(std::env::current_exe().unwrap()).env(PART, part).output().unwrap();
    String::from_utf8(heard.stderr).unwrap()
}

fn what_is_logged_names_node_and_attempt(setup: Setup) {
    let heard = heard_of("log_and_fail", setup);
    for attempt in [1, 2] {
        let tag = format!("node='a' attempt={attempt}");
        let has = |level: &str, text: &str| {
            let said = format!("{level} pushflow::worker: {text}");
            let is_it = |line: &&str| line.contains(&said) && line.contains(&tag);
            heard.lines().filter(is_it).count()
        };
        assert_eq!(has("WARN", "careful: 7"), 1, "{heard}");
        assert_eq!(has("INFO", "by the way"), 1, "{heard}");
        // The end of what is said of it.
        let is_end = |line: &&str| line.contains("ZeroDivisionError: division by zero") && line.contains(&tag);
        assert_eq!(heard.lines().filter(is_end).count(), 1, "{heard}");
        let printed = format!("OUTPUT a {attempt} ");
        let warned = heard.lines().filter(|line| line.starts_with(&printed) && line.contains("UserWarning: odd"));
        assert_eq!(warned.count(), 1, "{heard}");
    }
    assert_eq!(heard.matches("ERROR pushflow::worker: went wrong").count(), 2, "{heard}");
    assert!(heard.contains("from=\"test.tasks\""), "{heard}");
    assert!(!heard.contains("not heard"), "{heard}");
}

fn what_is_logged_anywhere_reaches_the_parent(setup: Setup) {
    let heard = heard_of("log_anywhere", setup);
    let count = |said: &str| heard.matches(said).count();
    let tag = "node='a' attempt=1";
    let tagged = |text: &str| heard.lines().filter(|line| line.contains(text) && line.contains(tag)).count();
    // While one frame is written, in this thread or another.
    assert_eq!((tagged("in a destructor"), tagged("between them")), (200, 200), "{heard}");
    assert_eq!(tagged("in a thread"), 400, "{heard}");
    // What no encoding has is told as standard error would.
    assert_eq!(tagged("pushflow::worker: odd \\udcff"), 1, "{heard}");
    if !setup.is_daemonic() {
        // A copy of the worker has its standard error alone.
        assert_eq!((count("WARNING:root:in a copy"), tagged("in a copy")), (200, 0), "{heard}");
    }
    assert!(heard.contains("logged in full"), "{heard}");
}

/// Runs one task on a pool that ends then; returns what it printed on a stream, and how much of that was dropped.
fn printed(setup: Setup, task: &str, wanted: Stream) -> (String, u64) {
    let told = Arc::new(Mutex::new((String::new(), 0)));
    let into = Arc::clone(&told);
    let listener: Listener = Arc::new(move |event: &Event<'_>| {
        if let Event::Output { node: "a", attempt: 1, stream, text, dropped_bytes } = event
            && *stream == wanted
        {
            let mut told = into.lock().unwrap();
            told.0 += text;
            told.1 += dropped_bytes;
        }
    });
    let network = Arc::new(network(&node("a", "method", task, ""), ""));
    let options = RunOptions::default().listener(Arc::clone(&listener));
    let pool = setup.make().unwrap();
    let report = network.start(Arc::clone(&pool), options).wait();
    assert_eq!(report.failures, [], "{}", setup.name());
    pool.close();
    pool.join(Some(LONG)).unwrap();
    drop(listener);
    let mut told = told.lock().unwrap();
    std::mem::take(&mut *told)
}

fn what_is_printed_in_any_way_is_told(setup: Setup) {
    let ways = "by a thread\nby a descriptor\nby C 5\nby a child\n\u{fffd}\u{fffd} \u{e9}\nhalf a line";
    assert_eq!(printed(setup, "print_in_any_way", Stream::Stdout), (ways.to_owned(), 0), "{}", setup.name());
}

fn a_copy_that_is_terminated_says_nothing(setup: Setup) {
    assert_eq!(printed(setup, "terminate_copies", Stream::Stderr), (String::new(), 0), "{}", setup.name());
}

fn of_much_that_is_printed_the_end_is_told(setup: Setup) {
    let (text, dropped) = printed(setup, "print_much", Stream::Stdout);
    assert_eq!(text.len() as u64 + dropped, (10 << 20) + 4, "{}", setup.name());
    assert!(text.ends_with("xend\n") && text.len() >= 1 << 19, "{} bytes", text.len());
}

fn what_is_printed_at_the_exit_is_told(setup: Setup) {
    for stream in [Stream::Stdout, Stream::Stderr] {
        let (text, _) = printed(setup, "print_at_exit", stream);
        assert_eq!(text, "in the task at the exit\n", "{}", setup.name());
    }
}

/// Plays the parent.
pub(crate) fn play(part: &str) -> ExitCode {
    let (task, name) = part.split_once(' ').unwrap();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let setup = setups().into_iter().find(|setup| setup.name() == name).unwrap();
    let options = RunOptions::default().listener(Arc::new(|event: &Event<'_>| {
        if let Event::Output { node, attempt, text, .. } = event {
            eprintln!("OUTPUT {node} {attempt} {}", text.replace('\n', " "));
        }
    }));
    let node = node("a", "method", task, "");
    setup.run_with(&node.replacen('{', r#"{"pushflow": {"retries": 1}, "#, 1), "", options);
    ExitCode::SUCCESS
}
